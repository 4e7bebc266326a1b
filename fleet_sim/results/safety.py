"""Whether anything happened that must not, from `safety.jsonl` and the ground truth of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

KINDS = (
    "after_life",
    "after_booking",
    "executed_twice",
    "without_right",
    "told_open",
    "told_locked",
)
"""The kinds of `fleet_sim.platform.safety.FindingKind`."""


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
            **{kind: self.kinds[kind] for kind in KINDS},
            "findings": self.kinds.total(),
            "unexplained": self.unexplained,
        }


class HitLine(msgspec.Struct, frozen=True):
    """What is needed of a hit in `ground_truth.jsonl`."""

    fault: str
    vehicle_id: str
    at_s: float
    until_s: float | None = None
    command_id: str | None = None


def faults_behind(finding: dict[str, Any], hits: Sequence[HitLine]) -> list[str]:
    """Return the injected faults that were at work on the command of a finding, or on its car."""
    names: dict[str, None] = {}
    for hit in hits:
        on_command = hit.command_id is not None and hit.command_id == finding.get("command_id")
        on_car = (
            hit.vehicle_id == finding["vehicle_id"]
            and hit.until_s is not None
            and hit.at_s <= finding["at_s"] <= hit.until_s
        )
        if on_command or on_car:
            names[hit.fault] = None
    return [*names]
