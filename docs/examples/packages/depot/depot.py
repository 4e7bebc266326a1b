"""The wire of a depot, and a sink that counts its unlocks."""

from __future__ import annotations

from pathlib import Path

from fleet_wire.contract.attempt import Record
from platform_probe.settings.monitor import ProbeSettings

PROFILE = Path(__file__).with_name("depot.yaml")


class Tally:
    """Counts records in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = 0

    def emit(self, record: Record) -> None:
        """Count one record."""
        self._records += 1
        self._path.write_text(f"{self._records}\n", encoding="utf-8")


def tally(settings: ProbeSettings) -> Tally:
    """Return the sink of a monitor."""
    return Tally(settings.out_dir / "tally.txt")
