"""The exit codes of a command. What went wrong is said by `fleet_wire.command_line`."""

from __future__ import annotations

from fleet_wire.command_line import EXPECTATION_FAILED, INTERRUPTED, USAGE_ERROR

__all__ = ["EXPECTATION_FAILED", "INTERRUPTED", "USAGE_ERROR"]
