"""Which incidents the monitor made of a run, counted from `incidents.jsonl`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_wire.contract.incident import IncidentKind, IncidentState, Severity
from fleet_wire.modes.catalogue import TITLES

NO_MODE = "none"
"""The mode of incidents whose diagnoses agree on none."""


class IncidentLine(msgspec.Struct):
    """What is counted of a line of `incidents.jsonl`."""

    incident_id: str
    revision: int
    kind: str
    severity: str
    state: str
    mode: str | None = None


@dataclass(slots=True)
class IncidentsTally:
    """How many incidents there were, each as its last revision has it."""

    last: dict[str, IncidentLine] = field(default_factory=dict)
    revisions: int = 0

    def add(self, line: IncidentLine) -> None:
        """Count a revision of an incident."""
        self.revisions += 1
        held = self.last.get(line.incident_id)
        if held is None or held.revision <= line.revision:
            self.last[line.incident_id] = line

    def as_json(self) -> dict[str, Any]:
        """Return the counts; every kind, severity, state and mode has its key."""
        lines = self.last.values()
        return {
            "count": len(lines),
            "revisions": self.revisions,
            "by_kind": _counts(IncidentKind, (line.kind for line in lines)),
            "by_severity": _counts(Severity, (line.severity for line in lines)),
            "by_state": _counts(IncidentState, (line.state for line in lines)),
            "by_mode": _counts((*TITLES, NO_MODE), (line.mode or NO_MODE for line in lines)),
        }


def _counts(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    number = Counter(found)
    return {str(name): number[str(name)] for name in names}
