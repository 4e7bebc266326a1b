"""What the monitor made of a run, counted from `diagnoses.jsonl` and `incidents.jsonl`."""

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


class _Ranked(msgspec.Struct):
    mode: str


class DiagnosisLine(msgspec.Struct):
    """What is counted of a line of `diagnoses.jsonl`."""

    attempt_id: str
    revision: int
    modes: tuple[_Ranked, ...]


class IncidentLine(msgspec.Struct):
    """What is counted of a line of `incidents.jsonl`."""

    incident_id: str
    revision: int
    kind: str
    severity: str
    state: str
    mode: str | None = None


@dataclass(slots=True)
class JudgementsTally:
    """Diagnoses of unlocks and incidents, each as its last revision has it."""

    diagnoses: dict[str, DiagnosisLine] = field(default_factory=dict)
    incidents: dict[str, IncidentLine] = field(default_factory=dict)
    revisions: Counter[type] = field(default_factory=Counter)

    def add(self, line: DiagnosisLine | IncidentLine) -> None:
        """Count a revision; a diagnosis without a mode replaces none."""
        self.revisions[type(line)] += 1
        if isinstance(line, IncidentLine):
            _keep_last(self.incidents, line.incident_id, line)
        elif line.modes:
            _keep_last(self.diagnoses, line.attempt_id, line)

    def as_json(self) -> dict[str, Any]:
        """Return the entries `diagnoses` and `incidents` of `summary.json`.

        Every kind, severity, state and mode has its key. A mode of another version has one too.
        """
        by_mode = Counter(line.modes[0].mode for line in self.diagnoses.values())
        names = dict.fromkeys((*TITLES, *sorted(by_mode)))
        incidents = self.incidents.values()
        modes = (line.mode or NO_MODE for line in incidents)
        return {
            "diagnoses": {
                "total": by_mode.total(),
                "revisions": self.revisions[DiagnosisLine],
                "by_mode": {name: by_mode[name] for name in names},
            },
            "incidents": {
                "count": len(incidents),
                "revisions": self.revisions[IncidentLine],
                "by_kind": _counts(IncidentKind, (line.kind for line in incidents)),
                "by_severity": _counts(Severity, (line.severity for line in incidents)),
                "by_state": _counts(IncidentState, (line.state for line in incidents)),
                "by_mode": _counts((*TITLES, NO_MODE), modes),
            },
        }


def _keep_last(last: dict[str, Any], name: str, line: DiagnosisLine | IncidentLine) -> None:
    if name not in last or last[name].revision <= line.revision:
        last[name] = line


def _counts(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    number = Counter(found)
    return {str(name): number[str(name)] for name in names}
