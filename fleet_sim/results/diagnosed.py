"""Which failure modes the monitor named, counted from `diagnoses.jsonl`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_wire.modes.catalogue import TITLES


class _Ranked(msgspec.Struct):
    mode: str


class DiagnosisLine(msgspec.Struct):
    """What is counted of a line of `diagnoses.jsonl`."""

    attempt_id: str
    revision: int
    modes: tuple[_Ranked, ...]


@dataclass(slots=True)
class DiagnosesTally:
    """How many unlocks were diagnosed, by the likeliest mode of the last revision."""

    by_mode: Counter[str] = field(default_factory=Counter)
    revisions: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts; every mode has its key, and one of another version has one too."""
        names = dict.fromkeys((*TITLES, *sorted(self.by_mode)))
        return {
            "total": self.by_mode.total(),
            "revisions": self.revisions,
            "by_mode": {name: self.by_mode[name] for name in names},
        }


def diagnoses_of(lines: Iterable[DiagnosisLine]) -> DiagnosesTally:
    """Count diagnoses, each as it was made last."""
    last: dict[str, DiagnosisLine] = {}
    revisions = 0
    for line in lines:
        revisions += 1
        held = last.get(line.attempt_id)
        if line.modes and (held is None or held.revision <= line.revision):
            last[line.attempt_id] = line
    return DiagnosesTally(Counter(line.modes[0].mode for line in last.values()), revisions)
