"""Inputs of the search for a cohort: attempts and failures, by time and traits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

Values = tuple[str | None, ...]
"""A value for each trait that is looked at, in their order; None where it is not known."""

MISSING: Final = ""
"""The value of a trait that an attempt is known not to have, or too rare to be named."""
OF_EVERY_CAR: Final = frozenset({"region", "operator", "firmware", "hardware"})
"""Traits that every car has: an attempt without one is in no cohort of it, nor elsewhere."""
OF_ONE_CAR: Final = 0.5
"""The intraclass correlation of attempts of one car: the car that failed at 08:12 fails at 08:13,
when its customer presses again.
"""
OF_ONE_KIND: Final = 0.005
"""How much attempts are alike that share every trait: there is always something more that they
share and that is not counted. It says nothing of ten attempts, and caps what ten thousand say.
Tuned on half of the outside incidents of `python -m bench.cohorts`."""
RATE_BEFORE: Final = 0.02
"""The share of attempts that fail where nothing is known of the time before. [E]"""
_WEIGHT_OF_RATE: Final = 50.0
"""Attempts that RATE_BEFORE counts for."""
_WEIGHT_OF_OTHERS: Final = 20.0
"""Attempts that the rate of a larger kind counts for, where the rate of a smaller one is asked."""
_MOST_RATE: Final = 0.95
"""No kind is so bad that failures in it would prove nothing."""


class Count(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Attempts that share time, traits, and the car if there is one: often a single attempt.

    Tens of thousands are made for one search: a dataclass takes ten times as long.
    """

    at: float
    """Unix seconds."""
    known_at: float | None = None
    """When it was known, where that is much later."""
    values: Values
    vehicle_id: str | None = None
    """The car; None where cars are not told apart."""
    attempts: int = 1
    failures: int = 0
    """The failures among these attempts."""


@dataclass(slots=True)
class Leaf:
    """The window's attempts that share every trait, as many as they count for."""

    values: Values
    attempts: float = 0.0
    failures: float = 0.0
    expected: float = 0.0
    """Failures, if all were as before."""


class BaselineCounts:
    """How often attempts failed before the window, for any traits."""

    def __init__(self, counts: Iterable[Count]) -> None:
        """Add up the counts of the time before."""
        self._by_values: dict[Values, list[int]] = {}
        for count in counts:
            _add(self._by_values, count.values, count)
        self._by_trait: dict[tuple[int, str | None], list[int]] = {}
        for values, (attempts, failures) in self._by_values.items():
            for trait in enumerate(values):
                sum_of = self._by_trait.setdefault(trait, [0, 0])
                sum_of[0] += attempts
                sum_of[1] += failures
        attempts = sum(sums[0] for sums in self._by_values.values())
        failures = sum(sums[1] for sums in self._by_values.values())
        self._rate = (failures + _WEIGHT_OF_RATE * RATE_BEFORE) / (attempts + _WEIGHT_OF_RATE)

    def rate(self, values: Values) -> float:
        """Return the share of such attempts that failed.

        A rate from few attempts is filled up with the rate of its worst trait, and that with the
        rate of all.
        """
        of_traits = (
            _filled_up(self._by_trait.get(trait), self._rate) for trait in enumerate(values)
        )
        worst = max(of_traits, default=self._rate)  # nothing tells the attempts of one place apart
        return min(_MOST_RATE, _filled_up(self._by_values.get(values), worst))


def _filled_up(sum_of: Sequence[int] | None, rate: float) -> float:
    attempts, failures = sum_of or (0, 0)
    return (failures + _WEIGHT_OF_OTHERS * rate) / (attempts + _WEIGHT_OF_OTHERS)


def _add(sums: dict[Values, list[int]], values: Values, count: Count) -> None:
    sum_of = sums.get(values)
    if sum_of is None:
        sums[values] = [count.attempts, count.failures]
    else:
        sum_of[0] += count.attempts
        sum_of[1] += count.failures


def leaves_of(window: Sequence[Count], before: BaselineCounts) -> list[Leaf]:
    """Return the window's attempts by their traits, with the weight that they have as evidence."""
    of_car: dict[str, int] = {}
    for count in window:
        if count.vehicle_id is not None:
            of_car[count.vehicle_id] = of_car.get(count.vehicle_id, 0) + count.attempts
    leaves: dict[Values, Leaf] = {}
    for count in window:
        leaf = leaves.get(count.values)
        if leaf is None:
            leaf = leaves[count.values] = Leaf(count.values)
        attempts = 1 if count.vehicle_id is None else of_car[count.vehicle_id]
        weight = 1.0 if attempts == 1 else _weight(attempts, OF_ONE_CAR)
        leaf.attempts += count.attempts * weight
        leaf.failures += count.failures * weight
    for leaf in leaves.values():
        weight = _weight(leaf.attempts, OF_ONE_KIND)
        leaf.attempts *= weight
        leaf.failures *= weight
        leaf.expected = leaf.attempts * before.rate(leaf.values)
    return list(leaves.values())


def _weight(attempts: float, alike: float) -> float:
    """Return what each of so many attempts counts for: the inverse of the design effect.

    Kish, "Survey Sampling", 1965: n attempts that correlate by r tell as much as n / (1 + (n-1) r).
    """
    return 1.0 / (1.0 + max(0.0, attempts - 1.0) * alike)
