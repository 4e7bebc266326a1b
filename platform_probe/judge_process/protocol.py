"""The lines between the judge's process and the measuring one: a JSON object each.

The measuring process writes `JudgeConfig` to the judge's stdin, and closes it to end the judge. The
judge answers on stdout.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.contract.incident import IncidentAction
from fleet_wire.contract.label import Label
from platform_probe.outputs.families import Family
from platform_probe.settings.monitor import ProbeSettings


class JudgeConfig(msgspec.Struct, frozen=True):
    """The task of the judge's process."""

    settings: dict[str, Any]
    """The part of the settings that it needs, as JSON has them."""


class ProcessMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the judge's process says."""

    port: int | None = None
    """The local port for posts from people."""
    judged_at: float | None = None
    """Journal time up to which it has judged."""
    families: list[Family] | None = None
    """Its metrics."""
    log: str | None = None
    """A line of the log, JSON."""
    action: IncidentAction | None = None
    """A person's request: the measuring process writes it to the journal."""
    label: Label | None = None
    """A person's label of an unlock: the measuring process writes it to the journal."""


def judge_settings(settings: ProbeSettings) -> dict[str, Any]:
    """Return the part of the settings that a judge's process needs, as JSON has it. No secrets."""
    needed = {
        "client_id", "out_dir", "journal", "rotation", "log_level", "store", "detection",
        "messages", "weights",
    }  # fmt: skip
    return settings.model_dump(mode="json", include=needed)
