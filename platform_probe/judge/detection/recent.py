"""The last two hours of unlocks that count: hit ones each, others added up. Bounded."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from fleet_wire.contract.causes import Cause
from platform_probe.judge.detection.measures import Measure
from platform_probe.judge.detection.traits import Values
from platform_probe.judge.diagnosis.cohorts.counts import Count

KEPT_S: Final = 7200.0
STEP_S: Final = 30.0
"""Unlocks that were not hit are added up in steps of this."""
MOST_HIT: Final = 5_000
"""In a storm the earliest go first."""
MOST_LEAVES: Final = 50_000


@dataclass(slots=True, eq=False)
class Hit:
    """An unlock that was hit."""

    at_s: float
    known_s: float
    """When its record came: a failure is known some time after it began."""
    values: Values
    vehicle_id: str
    customer: str | None
    attempt_id: str
    measures: tuple[Measure, ...]
    cause: Cause | None = None
    modes: tuple[tuple[str, float], ...] = field(default=())
    """The latest diagnosis, with the probability of each mode."""


class _UnlockCount(msgspec.Struct, gc=False, eq=False):
    """Unlocks of one step that are alike, hit or not."""

    number: int
    sum_s: float
    """The sum of their start times."""


class Recent:
    """Recent unlocks and hits."""

    def __init__(self) -> None:
        self._hits: deque[Hit] = deque(maxlen=MOST_HIT)
        self._by_attempt: OrderedDict[str, Hit] = OrderedDict()
        self._steps: OrderedDict[int, dict[Values, _UnlockCount]] = OrderedDict()
        self._leaves = 0
        """How many sums there are in all steps."""

    def add_unlock(self, at_s: float, values: Values) -> None:
        """Add an unlock that counts."""
        number = int(at_s // STEP_S)
        step = self._steps.get(number)
        if step is None:
            self._forget(at_s)
            step = self._steps[number] = {}
        counted = step.get(values)
        if counted is None:
            step[values] = _UnlockCount(1, at_s)
            self._leaves += 1
        else:
            counted.number += 1
            counted.sum_s += at_s

    def hit(self, hit: Hit) -> None:
        """Add an unlock that was hit."""
        if len(self._hits) == MOST_HIT:
            self._by_attempt.pop(self._hits[0].attempt_id, None)
        self._hits.append(hit)
        self._by_attempt[hit.attempt_id] = hit

    def hit_named(self, attempt_id: str) -> Hit | None:
        """Return a hit by its attempt."""
        return self._by_attempt.get(attempt_id)

    def hits(self, since_s: float, measure: Measure) -> Iterator[Hit]:
        """Yield the hits of a measure since a moment, in the order in which they came."""
        return (one for one in self._hits if one.at_s >= since_s and measure in one.measures)

    def totals(self, since_s: float) -> Counter[Values]:
        """Return how many counted since a moment, by their values.

        The step that contains the moment counts its mean share. Other values of that step appear
        with zero: that such unlocks exist is known.
        """
        totals: Counter[Values] = Counter()
        first = int(since_s // STEP_S)
        for number, step in self._steps.items():
            if number < first:
                continue
            for values, counted in step.items():
                is_since = number > first or counted.sum_s >= since_s * counted.number
                totals[values] += counted.number if is_since else 0
        return totals

    def counts(
        self,
        measure: Measure,
        *,
        unix_offset_s: float,
        is_explained: Callable[[Hit], bool],
    ) -> list[Count]:
        """Return all of it to search in, without the hits that `is_explained`."""
        found: list[Count] = []
        hits: dict[tuple[int, Values], _UnlockCount] = {}
        for hit in self.hits(-math.inf, measure):
            hit_then = hits.setdefault((int(hit.at_s // STEP_S), hit.values), _UnlockCount(0, 0.0))
            hit_then.number += 1
            hit_then.sum_s += hit.at_s
            if not is_explained(hit):
                found.append(
                    Count(
                        at=hit.at_s + unix_offset_s,
                        known_at=hit.known_s + unix_offset_s,
                        values=hit.values,
                        vehicle_id=hit.vehicle_id or hit.attempt_id,
                        failures=1,
                    )
                )
        none = _UnlockCount(0, 0.0)
        for number, step in self._steps.items():
            for values, counted in step.items():
                hit_then = hits.get((number, values), none)
                well = counted.number - hit_then.number
                if well <= 0:
                    continue
                at_s = (counted.sum_s - hit_then.sum_s) / well
                at_s = min(max(at_s, number * STEP_S), (number + 1) * STEP_S)
                found.append(Count(at=at_s + unix_offset_s, values=values, attempts=well))
        return sorted(found, key=lambda one: one.at)

    def _forget(self, now_s: float) -> None:
        """Forget what is too old, and the oldest steps where there are too many."""
        oldest = int((now_s - KEPT_S) // STEP_S)
        for number in [each for each in self._steps if each < oldest]:
            self._leaves -= len(self._steps.pop(number))
        while self._steps and self._leaves > MOST_LEAVES:
            self._leaves -= len(self._steps.pop(min(self._steps)))
        while self._hits and self._hits[0].at_s < now_s - KEPT_S:
            self._by_attempt.pop(self._hits.popleft().attempt_id, None)
