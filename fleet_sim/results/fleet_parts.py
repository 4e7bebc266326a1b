"""How the unlocks of each part of a fleet went: by firmware, group, region and operator.

A part is made of whole groups of the scenario. So it is known of every car which part it belongs
to, also where the monitor never heard of the car.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet_sim.results import readable
from fleet_sim.results.concluded import Concluded
from fleet_sim.results.times import opens_after_s, quantiles
from fleet_wire.contract.attempt import Attempt

BY = ("firmware", "group", "region", "operator")
"""The traits that distinguish the parts of a fleet."""

NEARLY_ALL = 0.9
"""Share of what did not open that makes a part of the fleet the place to look at."""
AT_MOST = 0.5
"""And it has no more than this share of all unlocks: else chance could have it so."""
FEWEST = 10
"""Fewest failures of a part for a remark on them."""

Labels = Mapping[str, str]
"""A label for each of `BY`."""


@dataclass(frozen=True, slots=True)
class FleetParts:
    """The groups of a fleet, as far as results need to know them."""

    labels: Sequence[Labels] = ()
    """The labels of each group."""
    group_of: Callable[[str], int | None] = lambda _vehicle_id: None
    """Return the number of a car's group; None for one that is in no group."""


@dataclass(slots=True)
class _Tally:
    """What is gathered of one group, or of several together."""

    concluded: Concluded = field(default_factory=Concluded)
    opens_s: array[float] = field(default_factory=lambda: array("d"))
    late_unlocks: int = 0

    def add(self, other: _Tally) -> None:
        self.concluded.ok += other.concluded.ok
        self.concluded.causes.update(other.concluded.causes)
        self.opens_s.extend(other.opens_s)
        self.late_unlocks += other.late_unlocks

    def as_json(self) -> dict[str, Any]:
        concluded = self.concluded.as_json()
        total = concluded["total"]
        return {
            "total": total,
            "ok_share": concluded["ok"] / total if total else None,
            **quantiles(self.opens_s),
            "late_unlock": self.late_unlocks,
            "by_cause": concluded["by_cause"],
        }


class PartsTally:
    """Takes every unlock of a run, and every car that opened late."""

    def __init__(self, fleet: FleetParts) -> None:
        self._fleet = fleet
        self._groups = [_Tally() for _ in fleet.labels]

    def add(self, attempt: Attempt) -> None:
        """Count an unlock."""
        number = self._fleet.group_of(attempt.vehicle_id)
        if number is None:
            return
        group = self._groups[number]
        group.concluded.add(attempt)
        if attempt.has_times:
            group.opens_s.append(opens_after_s(attempt.outcome, attempt.total_s))

    def add_late_unlock(self, vehicle_id: str) -> None:
        """Count a car that opened after its customer was told no."""
        number = self._fleet.group_of(vehicle_id)
        if number is not None:
            self._groups[number].late_unlocks += 1

    def as_json(self) -> dict[str, Any]:
        """Return the entry `by` of `summary.json`: each part, those without an unlock, too."""
        return {name: self._parts_by(name) for name in BY}

    def _parts_by(self, name: str) -> dict[str, Any]:
        parts: dict[str, _Tally] = {}
        for labels, group in zip(self._fleet.labels, self._groups, strict=True):
            parts.setdefault(labels[name], _Tally()).add(group)
        return {label: tally.as_json() for label, tally in parts.items()}


def where_it_failed(summary: Mapping[str, Any]) -> str | None:
    """Return which part of the fleet nearly all unlocks that did not open belong to, in words.

    A firmware before a group, a region or an operator. None where there is no such part.
    """
    for name, parts in summary["by"].items():
        failed = {label: sum(part["by_cause"].values()) for label, part in parts.items()}
        total = sum(failed.values())
        asked = sum(part["total"] for part in parts.values())
        for label, number in failed.items():
            unlocks = parts[label]["total"]
            if total >= FEWEST and number >= NEARLY_ALL * total and unlocks <= AT_MOST * asked:
                of = "All" if number == total else f"{readable.count(number)} of the"
                return (
                    f"{of} {readable.count(total)} that did not open were of {name} {label},"
                    f" which had {readable.count(unlocks)} of all {readable.count(asked)} unlocks"
                )
    return None
