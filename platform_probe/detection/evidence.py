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
from functools import lru_cache
from typing import Final, NamedTuple

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


class Ratios(NamedTuple):
    """Likelihood ratios at one expected share, for each size of change."""

    hit: tuple[float, ...]
    """Of an event that is hit."""
    misses: tuple[tuple[float, float], ...]
    """Of one that is not, r, with r / (1 - r): what many in a row come to."""
    logs: tuple[tuple[float, float], ...]
    """The logarithms of both."""


def ratios_at(share: float, sizes: Mixture) -> Ratios:
    """Return the ratios at an expected share, 0 < share < 1."""
    return _ratios(round(math.log(share) * _STEPS_A_NAT), sizes)


@lru_cache(maxsize=4096)
def _ratios(step: int, sizes: Mixture) -> Ratios:
    share = min(math.exp(step / _STEPS_A_NAT), 0.999)
    norms = [(shift, 1.0 - share + share * math.exp(shift)) for shift, _ in sizes]
    return Ratios(
        tuple(math.exp(shift) / norm for shift, norm in norms),
        tuple((1.0 / norm, 1.0 / (norm - 1.0)) for _, norm in norms),
        tuple((shift - math.log(norm), -math.log(norm)) for shift, norm in norms),
    )


class Evidence:
    """The statistic of one series. Misses are counted by the caller, and taken when it matters."""

    __slots__ = ("_sizes", "_weights", "ratios", "sums")

    def __init__(self, share: float, sizes: Mixture = USUAL_SIZES) -> None:
        self._sizes = sizes
        self._weights = tuple(weight for _, weight in sizes)
        self.ratios = ratios_at(share, sizes)
        self.sums = [0.0] * len(sizes)

    def expect(self, share: float) -> None:
        """Expect another share from now on."""
        self.ratios = ratios_at(share, self._sizes)

    def misses(self, number: int) -> None:
        """Take so many events in a row that were not hit."""
        self.sums = [
            rest + (one - rest) * ratio**number
            for one, (ratio, rest) in zip(self.sums, self.ratios.misses, strict=True)
        ]

    def hit(self, missed: int = 0) -> float:
        """Take an event that was hit, after so many that were not, and return the evidence.

        As `misses` and then the event: most of what detection costs is here.
        """
        ratios = self.ratios
        self.sums = [
            (1.0 + (rest + (one - rest) * ratio**missed)) * of_hit
            for one, (ratio, rest), of_hit in zip(self.sums, ratios.misses, ratios.hit, strict=True)
        ]
        total = self.total()
        if total > CEILING:
            self.sums = [min(one, CEILING) for one in self.sums]
        return total

    def step(self, number: int, hits: int) -> float:
        """Take events that came together, of which some were hit, and return the evidence.

        A change begins before all of them or after: what counts is steps, then, and no events.
        """
        missed = number - hits
        self.sums = [
            min((1.0 + before) * math.exp(min(hits * hit + missed * miss, _MOST_NATS)), CEILING)
            for before, (hit, miss) in zip(self.sums, self.ratios.logs, strict=True)
        ]
        return self.total()

    def total(self) -> float:
        """Return the evidence: what a threshold is held against."""
        return sum(map(float.__mul__, self._weights, self.sums))

    def clear(self) -> None:
        """Begin anew."""
        self.begin_with(0.0)

    def begin_with(self, total: float) -> None:
        """Begin with evidence that there is already, of whatever size the change is."""
        self.sums = [total] * len(self._sizes)
