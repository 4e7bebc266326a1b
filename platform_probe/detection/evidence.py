"""The evidence that a share has risen: a mixture over sizes of change, one event after the other.

For each size of change the Shiryaev-Roberts statistic is kept: before each event it is one more,
then it is multiplied by the event's likelihood ratio. While nothing has changed, their weighted sum
less the number of events is a martingale, so it takes at least A events on average until the sum
exceeds A, whatever the expected share is (Pollak, "Average run lengths of an optimal method of
detecting a change in distribution", Annals of Statistics, 1987). That bounds false alarms without
any tuning, and the mixture finds small changes and large ones, both nearly as fast as a test that
knew the size (Lai, "Sequential analysis: some classical problems and new challenges", 2001).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from operator import add, mul, sub
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
"""Expected shares are told apart in steps of 2 %: then their ratios can be kept."""
_MOST_KEPT: Final = 256
"""Of so many misses in a row what they come to is kept, once it was reckoned."""


class Ratios:
    """What one event comes to at one expected share, for each size of change.

    Of a statistic S what lies above `rest` is kept, to which it tends while nothing is hit: misses
    in a row then are a factor, and a hit is a factor and a term.
    """

    __slots__ = ("_gains", "_hits", "added", "logs", "rest", "rest_in_all")

    def __init__(self, share: float, sizes: Mixture) -> None:
        norms = [(shift, 1.0 - share + share * math.exp(shift)) for shift, _ in sizes]
        self.logs = tuple((shift - math.log(norm), -math.log(norm)) for shift, norm in norms)
        """The logarithms of the likelihood ratios of an event that is hit, and of one that is not,
        r."""
        rests = [1.0 / (norm - 1.0) for _, norm in norms]
        self.rest = tuple(weight * rest for (_, weight), rest in zip(sizes, rests, strict=True))
        """r / (1 - r), weighed as all that follows."""
        self.rest_in_all = sum(self.rest)
        self._hits = tuple(math.exp(hit) for hit, _ in self.logs)
        self.added = tuple(
            weight * ((1.0 + rest) * hit - rest)
            for (_, weight), rest, hit in zip(sizes, rests, self._hits, strict=True)
        )
        """By an event that is hit, to what lies above `rest` when it has been multiplied."""
        self._gains: dict[int, tuple[float, ...]] = {}

    def factors(self, missed: int) -> list[float]:
        """Return by what so many misses in a row multiply what lies above `rest`."""
        return [math.exp(missed * miss) for _, miss in self.logs]

    def gains(self, missed: int) -> tuple[float, ...]:
        """Return by what an event that is hit multiplies it, after so many misses."""
        gains = self._gains.get(missed)
        if gains is None:
            gains = tuple(map(mul, self._hits, self.factors(missed)))
            if missed < _MOST_KEPT:
                self._gains[missed] = gains
        return gains


def ratios_at(share: float, sizes: Mixture) -> Ratios:
    """Return the ratios at an expected share, 0 < share < 1."""
    return _ratios(round(math.log(share) * _STEPS_A_NAT), sizes)


@lru_cache(maxsize=1024)
def _ratios(step: int, sizes: Mixture) -> Ratios:
    return Ratios(min(math.exp(step / _STEPS_A_NAT), 0.999), sizes)


class Evidence:
    """The statistic of one series. Misses are counted by the caller, and taken when it matters."""

    __slots__ = ("_above", "_ratios", "_sizes")

    def __init__(self, share: float, sizes: Mixture = USUAL_SIZES) -> None:
        self._sizes = sizes
        self._ratios = ratios_at(share, sizes)
        self._above: list[float] = []
        """Of each size of change, by its weight: what lies above `Ratios.rest`."""
        self.clear()

    def expect(self, share: float) -> None:
        """Expect another share from now on."""
        sums = self._sums()
        self._ratios = ratios_at(share, self._sizes)
        self._begin_with(sums)

    def misses(self, number: int) -> None:
        """Take so many events in a row that were not hit."""
        self._above = [*map(mul, self._ratios.factors(number), self._above)]

    def hit(self, missed: int = 0) -> float:
        """Take an event that was hit, after so many that were not, and return the evidence.

        As `misses` and then the event: most of what detection costs is here.
        """
        ratios = self._ratios
        self._above = above = [*map(add, ratios.added, map(mul, ratios.gains(missed), self._above))]
        total = sum(above) + ratios.rest_in_all
        if total > CEILING:
            self._above = [min(one, CEILING) for one in above]
        return total

    def step(self, number: int, hits: int) -> float:
        """Take events that came together, of which some were hit, and return the evidence.

        A change begins before all of them or after: what counts is steps, then, and no events.
        """
        missed = number - hits
        steps = [hits * hit + missed * miss for hit, miss in self._ratios.logs]
        self._begin_with(
            min((weight + before) * math.exp(min(step, _MOST_NATS)), CEILING)
            for (_, weight), before, step in zip(self._sizes, self._sums(), steps, strict=True)
        )
        return self.total()

    def total(self) -> float:
        """Return the evidence: what a threshold is held against."""
        return sum(self._above) + self._ratios.rest_in_all

    def clear(self) -> None:
        """Begin anew."""
        self.begin_with(0.0)

    def begin_with(self, total: float) -> None:
        """Begin with evidence that there is already, of whatever size the change is."""
        self._begin_with(weight * total for _, weight in self._sizes)

    def _sums(self) -> list[float]:
        return [*map(add, self._above, self._ratios.rest)]

    def _begin_with(self, sums: Iterable[float]) -> None:
        self._above = [*map(sub, sums, self._ratios.rest)]
