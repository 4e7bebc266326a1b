"""The incidents that the monitor has found, with all their revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from fleet_wire.contract.incident import Incident, IncidentState, Severity

RUN_FILE: Final = "incidents.jsonl"
_ROTATED: Final = 20
_ORDER: Final = {severity: number for number, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Known:
    """One incident: its revisions in order."""

    revisions: Sequence[Incident]

    @property
    def now(self) -> Incident:
        """The revision that holds."""
        return self.revisions[-1]

    @property
    def growth(self) -> list[tuple[float, float]]:
        """How many it had hit by when: Unix seconds and unlocks."""
        first = self.revisions[0]
        begin = [(first.since, 0.0)] if first.since < first.at else []
        return begin + [(one.at, float(one.failed)) for one in self.revisions]


class Incidents:
    """Reads them from the lines that the monitor writes, again when there are more."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._decode = msgspec.json.Decoder(Incident).decode
        self._lock = Lock()
        self._stamp: Sequence[tuple[str, int, int]] = ()
        self._known: dict[str, Known] = {}

    def all(self) -> list[Known]:
        """Return all of them: the open ones first, the worst before, then the latest."""
        with self._lock:
            self._read_if_changed()
            known = list(self._known.values())
        return sorted(
            known,
            key=lambda one: (
                one.now.state is not IncidentState.OPEN,
                -_ORDER[one.now.severity] if one.now.state is IncidentState.OPEN else 0,
                -one.now.opened_at,
            ),
        )

    def get(self, incident_id: str) -> Known | None:
        """Return one; None where there is none of that id."""
        with self._lock:
            self._read_if_changed()
            return self._known.get(incident_id)

    def _read_if_changed(self) -> None:
        files = self._files()
        stamp = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        if stamp == self._stamp:
            return
        by_id: dict[str, dict[int, Incident]] = {}
        for path in files:
            for line in path.read_bytes().splitlines():
                try:
                    one = self._decode(line)
                except msgspec.MsgspecError:
                    continue  # torn, or of a later version
                by_id.setdefault(one.incident_id, {})[one.revision] = one
        self._known = {
            name: Known([revisions[number] for number in sorted(revisions)])
            for name, revisions in by_id.items()
        }
        self._stamp = stamp

    def _files(self) -> list[Path]:
        path = self._directory / RUN_FILE
        older = [Path(f"{path}.{number}") for number in range(1, _ROTATED)]
        return [each for each in (*reversed(older), path) if each.exists()]
