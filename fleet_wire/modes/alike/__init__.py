"""The old name of `lookalikes`, for one release: scripts of others import it."""

from __future__ import annotations

from fleet_wire.modes.lookalikes import class_of

__all__ = ["class_of"]
