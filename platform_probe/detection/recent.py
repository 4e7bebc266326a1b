"""The last two hours of unlocks that count: hit ones each, others added up. Bounded."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from fleet_wire.contract.causes import Cause
from platform_probe.detection.measures import Measure
from platform_probe.detection.traits import Values
from platform_probe.diagnosis.cohorts.counts import Count

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
    values: Values
    vehicle_id: str
    customer: str | None
    attempt_id: str
    measures: tuple[Measure, ...]
    cause: Cause | None = None
    modes: tuple[tuple[str, float], ...] = field(default=())
    """As they were diagnosed last, with how likely each is."""
    is_named: bool = False
    """Whether one of its modes was counted."""


class Recent:
    """What happened lately."""

    def __init__(self) -> None:
        self._hits: deque[Hit] = deque(maxlen=MOST_HIT)
        self._by_attempt: OrderedDict[str, Hit] = OrderedDict()
        self._steps: OrderedDict[int, Counter[Values]] = OrderedDict()
        """How many counted, hit or not."""
        self._sums_s: dict[int, Counter[Values]] = {}
        """The sum of their times, from the beginning of each step on."""

    def counted(self, at_s: float, values: Values) -> None:
        """Take an unlock that counts."""
        number = int(at_s // STEP_S)
        step = self._steps.get(number)
        if step is None:
            step = self._steps[number] = Counter()
            self._sums_s[number] = Counter()
            self._forget(at_s)
        step[values] += 1
        self._sums_s[number][values] += at_s - number * STEP_S  # type: ignore[assignment]

    def hit(self, hit: Hit) -> None:
        """Take an unlock that was hit."""
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
        """Return how many counted since a moment, by their values; to within a step."""
        totals: Counter[Values] = Counter()
        first = int(since_s // STEP_S)
        for number, step in self._steps.items():
            if number >= first:
                totals.update(step)
        return totals

    def counts(
        self,
        measure: Measure,
        *,
        unix_offset_s: float,
        is_explained: Callable[[Values, float], bool],
    ) -> list[Count]:
        """Return all of it to search in, but what `is_explained` by its values and time."""
        found: list[Count] = []
        hit_in: Counter[tuple[int, Values]] = Counter()
        hits_s: Counter[tuple[int, Values]] = Counter()
        for hit in self.hits(-math.inf, measure):
            number = int(hit.at_s // STEP_S)
            hit_in[number, hit.values] += 1
            hits_s[number, hit.values] += hit.at_s - number * STEP_S  # type: ignore[assignment]
            if not is_explained(hit.values, hit.at_s):
                found.append(
                    Count(
                        at=hit.at_s + unix_offset_s,
                        values=hit.values,
                        vehicle_id=hit.vehicle_id or hit.attempt_id,
                        failures=1,
                    )
                )
        for number, step in self._steps.items():
            for values, number_of in step.items():
                well = number_of - hit_in[number, values]
                if well <= 0:
                    continue
                within_s = (self._sums_s[number][values] - hits_s[number, values]) / well
                at_s = number * STEP_S + min(max(within_s, 0.0), STEP_S)
                if not is_explained(values, at_s):
                    found.append(Count(at=at_s + unix_offset_s, values=values, attempts=well))
        return sorted(found, key=lambda one: one.at)

    def _forget(self, now_s: float) -> None:
        """Forget what is too old, and the oldest steps where there are too many."""
        oldest = int((now_s - KEPT_S) // STEP_S)
        for number in [each for each in self._steps if each < oldest]:
            self._drop(number)
        while self._steps and sum(map(len, self._steps.values())) > MOST_LEAVES:
            self._drop(min(self._steps))
        while self._hits and self._hits[0].at_s < now_s - KEPT_S:
            self._by_attempt.pop(self._hits.popleft().attempt_id, None)

    def _drop(self, number: int) -> None:
        del self._steps[number], self._sums_s[number]
