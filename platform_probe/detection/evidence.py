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

SHIFTS: Final = (0.95, 1.75, 2.6, 4.0, 7.0)
"""Sizes of change that are looked for, in log odds: a share of 2 % becomes 5, 11, 22, 53, 96 %."""
WEIGHTS: Final = (0.2, 0.3, 0.2, 0.15, 0.15)
"""How much each counts [E]: tens of percent are what an incident of an operator or a release is."""
CEILING: Final = 1e250
"""More evidence than that is as good as that."""
_MOST_NATS: Final = 500.0
_STEPS_A_NAT: Final = 50
"""Expected shares are told apart in steps of 2 %: then their ratios can be kept."""


class Ratios(NamedTuple):
    """Likelihood ratios at one expected share, for each size of change."""

    hit: tuple[float, ...]
    """Of an event that is hit."""
    miss: tuple[float, ...]
    """Of one that is not."""
    logs: tuple[tuple[float, float], ...]
    """The logarithms of both."""


def ratios_at(share: float) -> Ratios:
    """Return the ratios at an expected share, 0 < share < 1."""
    return _ratios(round(math.log(share) * _STEPS_A_NAT))


@lru_cache(maxsize=2048)
def _ratios(step: int) -> Ratios:
    share = min(math.exp(step / _STEPS_A_NAT), 0.999)
    norms = [1.0 - share + share * math.exp(shift) for shift in SHIFTS]
    return Ratios(
        tuple(math.exp(shift) / norm for shift, norm in zip(SHIFTS, norms, strict=True)),
        tuple(1.0 / norm for norm in norms),
        tuple((shift - math.log(n), -math.log(n)) for shift, n in zip(SHIFTS, norms, strict=True)),
    )


class Evidence:
    """The statistic of one series. Misses are counted by the caller, and taken when it matters."""

    __slots__ = ("ratios", "sums")

    def __init__(self, share: float) -> None:
        self.ratios = ratios_at(share)
        self.sums = [0.0] * len(SHIFTS)

    def expect(self, share: float) -> None:
        """Expect another share from now on."""
        self.ratios = ratios_at(share)

    def misses(self, number: int) -> None:
        """Take so many events in a row that were not hit."""
        sums = self.sums
        for place, ratio in enumerate(self.ratios.miss):
            power = ratio**number
            sums[place] = power * sums[place] + ratio * (1.0 - power) / (1.0 - ratio)

    def hit(self) -> float:
        """Take an event that was hit, and return the evidence."""
        sums = self.sums
        for place, ratio in enumerate(self.ratios.hit):
            sums[place] = min((1.0 + sums[place]) * ratio, CEILING)
        return self.total()

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
        return sum(map(float.__mul__, WEIGHTS, self.sums))

    def clear(self) -> None:
        """Begin anew."""
        self.sums = [0.0] * len(SHIFTS)
