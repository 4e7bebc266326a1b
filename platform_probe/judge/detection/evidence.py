"""The evidence that a share has risen: a mixture over sizes of change, one event after the other.

It keeps the Shiryaev-Roberts statistic for each size of change. Before each event the statistic
grows by one, then it is multiplied by the event's likelihood ratio. While nothing has changed,
their weighted sum less the number of events is a martingale. So at least A events pass on average
until the sum exceeds A, whatever the expected share is. (Pollak, "Average run lengths of an optimal
method of detecting a change in distribution", Annals of Statistics, 1987.) That bounds false alarms
without any tuning. The mixture finds small and large changes, both nearly as fast as a test that
knew the size. (Lai, "Sequential analysis: some classical problems and new challenges", 2001.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from operator import add, mul, sub
from struct import Struct
from typing import Final

Mixture = tuple[tuple[float, float], ...]
"""Sizes of change that are looked for, in log odds, and how much each counts."""
USUAL_SIZES: Final[Mixture] = ((0.95, 0.2), (1.75, 0.3), (2.6, 0.2), (4.0, 0.15), (7.0, 0.15))
"""A share of 2 % becomes 5, 11, 22, 53, 96 % [E]: tens of percent are what an incident of an
operator or a release is."""
RARE_SIZES: Final[Mixture] = ((2.6, 0.15), (4.0, 0.3), (5.5, 0.3), (7.0, 0.25))
"""A share of 0.07 % becomes 1, 4, 15, 43 %, one of 0.5 % 6, 22, 55, 85 % [E]: twice as often as
never is no incident."""
CEILING: Final = 1e250
"""More evidence than that is as good as that."""
_MOST_NATS: Final = 500.0
_STEPS_A_NAT: Final = 50
"""The steps of expected shares, of 2 %: then their ratios can be kept."""


class Ratios:
    """The likelihood ratios of one event at one expected share, for each size of change.

    A statistic S is kept as its excess over `rest`, to which it tends without failures. A run of
    misses is then a factor, and a hit is a factor and a term.
    """

    __slots__ = ("added", "of_hit", "of_miss", "packed", "rest", "rest_in_all")

    def __init__(self, share: float, sizes: Mixture) -> None:
        norms = [(shift, 1.0 - share + share * math.exp(shift)) for shift, _ in sizes]
        self.of_hit = tuple(shift - math.log(norm) for shift, norm in norms)
        """The logarithm of the likelihood ratio of an event that is hit."""
        self.of_miss = tuple(-math.log(norm) for _, norm in norms)
        """And of one that is not, r."""
        weighed = [
            (weight, 1.0 / (norm - 1.0))
            for (_, weight), (_, norm) in zip(sizes, norms, strict=True)
        ]
        self.rest = tuple(weight * rest for weight, rest in weighed)
        """r / (1 - r), weighed as all that follows."""
        self.rest_in_all = sum(self.rest)
        self.added = tuple(
            weight * ((1.0 + rest) * math.exp(hit) - rest)
            for (weight, rest), hit in zip(weighed, self.of_hit, strict=True)
        )
        """The term of a hit, added to the multiplied excess over `rest`."""
        self.packed = Struct(f"{len(sizes)}d")


def ratios_at(share: float, sizes: Mixture) -> Ratios:
    """Return the ratios at an expected share, 0 < share < 1."""
    return _ratios(round(math.log(share) * _STEPS_A_NAT), sizes)


@lru_cache(maxsize=4096)
def _ratios(step: int, sizes: Mixture) -> Ratios:
    return Ratios(min(math.exp(step / _STEPS_A_NAT), 0.999), sizes)


class Evidence:
    """The statistic of one series. Misses are counted by the caller, and taken when it matters."""

    __slots__ = ("_above", "_ratios", "_sizes")

    def __init__(self, share: float, sizes: Mixture = USUAL_SIZES) -> None:
        self._sizes = sizes
        self._ratios = ratios_at(share, sizes)
        self._above = b""
        """The excess over `Ratios.rest` for each size of change, times its weight.

        It is one piece of memory: there are thousands of series, and fetching one for a hit costs
        more than computing with it.
        """
        self.clear()

    def expect(self, share: float) -> None:
        """Expect another share from now on."""
        ratios = ratios_at(share, self._sizes)
        if ratios is not self._ratios:
            sums = self._sums()
            self._ratios = ratios
            self._begin_with(sums)

    def misses(self, number: int) -> None:
        """Add a number of events in a row that were not hit."""
        packed = self._ratios.packed
        factors = map(math.exp, map(mul, self._ratios.of_miss, repeat(number)))
        self._above = packed.pack(*map(mul, factors, packed.unpack(self._above)))

    def hit(self, missed: int = 0) -> float:
        """Add an event that was hit, after some that were not, and return the evidence.

        It equals `misses` and then the event: it is the costliest part of detection.
        """
        ratios = self._ratios
        logs = map(add, ratios.of_hit, map(mul, ratios.of_miss, repeat(missed)))
        before = map(mul, map(math.exp, logs), ratios.packed.unpack(self._above))
        above: list[float] = [*map(add, ratios.added, before)]
        total = sum(above) + ratios.rest_in_all
        if total > CEILING:
            above = [min(one, CEILING) for one in above]
        self._above = ratios.packed.pack(*above)
        return total

    def step(self, number: int, hits: int) -> float:
        """Add events that arrived together, of which some were hit, and return the evidence.

        A change begins before all of them or after: what counts is steps, then, and no events.
        """
        missed = number - hits
        ratios = self._ratios
        steps = [
            min(hits * hit + missed * miss, _MOST_NATS)
            for hit, miss in zip(ratios.of_hit, ratios.of_miss, strict=True)
        ]
        self._begin_with(
            min((weight + before) * math.exp(step), CEILING)
            for (_, weight), before, step in zip(self._sizes, self._sums(), steps, strict=True)
        )
        return self.total()

    def total(self) -> float:
        """Return the evidence: what a threshold is held against."""
        above: tuple[float, ...] = self._ratios.packed.unpack(self._above)
        return sum(above) + self._ratios.rest_in_all

    def clear(self) -> None:
        """Begin anew."""
        self.begin_with(0.0)

    def begin_with(self, total: float) -> None:
        """Begin with evidence that there is already, of whatever size the change is."""
        self._begin_with(weight * total for _, weight in self._sizes)

    def _sums(self) -> list[float]:
        return [*map(add, self._ratios.packed.unpack(self._above), self._ratios.rest)]

    def _begin_with(self, sums: Iterable[float]) -> None:
        self._above = self._ratios.packed.pack(*map(sub, sums, self._ratios.rest))
