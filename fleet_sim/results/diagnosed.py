"""Which failure modes the monitor named, counted from `diagnoses.jsonl`."""

from __future__ import annotations

from collections import Counter
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

    last: dict[str, DiagnosisLine] = field(default_factory=dict)
    revisions: int = 0

    def add(self, line: DiagnosisLine) -> None:
        """Count a revision of a diagnosis."""
        self.revisions += 1
        held = self.last.get(line.attempt_id)
        if line.modes and (held is None or held.revision <= line.revision):
            self.last[line.attempt_id] = line

    def as_json(self) -> dict[str, Any]:
        """Return the counts; every mode has its key, and one of another version has one too."""
        by_mode = Counter(line.modes[0].mode for line in self.last.values())
        names = dict.fromkeys((*TITLES, *sorted(by_mode)))
        return {
            "total": by_mode.total(),
            "revisions": self.revisions,
            "by_mode": {name: by_mode[name] for name in names},
        }
