"""Whether anything happened that must not, from `safety.jsonl` and the ground truth of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_sim.results import readable

NOTES = {
    "after_life": "moved after the life of their command",
    "after_booking": "moved after their booking's end",
    "executed_twice": "moved twice for one command",
    "without_right": "moved for a command without a right to it",
    "told_open": "said to be open, and not unlocked",
    "told_locked": "said to be locked, and not locked",
}
"""The kinds of `fleet_sim.platform.safety.FindingKind`, in words."""


class SafetyFinding(msgspec.Struct, frozen=True):
    """What is needed of a line of `safety.jsonl`."""

    kind: str
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class SafetyTally:
    """Counts findings."""

    kinds: Counter[str] = field(default_factory=Counter)
    unexplained: int = 0

    def add(self, finding: SafetyFinding) -> None:
        """Count one."""
        self.kinds[finding.kind] += 1
        self.unexplained += not finding.faults

    def as_json(self) -> dict[str, Any]:
        """Return the entry `safety` of `summary.json`."""
        return {
            **{kind: self.kinds[kind] for kind in NOTES},
            "findings": self.kinds.total(),
            "unexplained": self.unexplained,
        }


def safety_in_words(safety: Mapping[str, Any]) -> str:
    """Return whether anything happened that must not, in a sentence or two."""
    moved = f"{readable.count(safety['movements'])} movements of locks"
    if not safety["findings"]:
        return f"{moved}, each within its command's life and its booking, and by right."
    kinds = [f"{readable.count(safety[kind])} {NOTES[kind]}" for kind in NOTES if safety[kind]]
    behind = safety["unexplained"]
    explained = (
        f"no fault was at work on {readable.count(behind)} of them"
        if behind
        else "a fault was at work on each"
    )
    return f"{moved}, and {'; '.join(kinds)}: {explained}."
