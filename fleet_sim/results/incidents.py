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

    by_kind: Counter[str] = field(default_factory=Counter)
    by_severity: Counter[str] = field(default_factory=Counter)
    by_state: Counter[str] = field(default_factory=Counter)
    by_mode: Counter[str] = field(default_factory=Counter)
    revisions: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts; every kind, severity, state and mode has its key."""
        return {
            "count": self.by_kind.total(),
            "revisions": self.revisions,
            "by_kind": {kind.value: self.by_kind[kind.value] for kind in IncidentKind},
            "by_severity": {each.value: self.by_severity[each.value] for each in Severity},
            "by_state": {state.value: self.by_state[state.value] for state in IncidentState},
            "by_mode": {name: self.by_mode[name] for name in (*TITLES, NO_MODE)},
        }


def incidents_of(lines: Iterable[IncidentLine]) -> IncidentsTally:
    """Count incidents, each as it was at last."""
    last: dict[str, IncidentLine] = {}
    tally = IncidentsTally()
    for line in lines:
        tally.revisions += 1
        held = last.get(line.incident_id)
        if held is None or held.revision <= line.revision:
            last[line.incident_id] = line
    for line in last.values():
        tally.by_kind[line.kind] += 1
        tally.by_severity[line.severity] += 1
        tally.by_state[line.state] += 1
        tally.by_mode[line.mode or NO_MODE] += 1
    return tally
