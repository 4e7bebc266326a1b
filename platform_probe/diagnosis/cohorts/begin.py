"""Since when the attempts of a cohort fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from platform_probe.diagnosis.cohorts.counts import Count

_NATS_OF_INTERVAL: Final = 4.0
"""What the likelihood may lose within the interval. `python -m bench.cohorts` counts how often that
holds the true begin: in 95 of 100. (1.92, as of a parameter that the likelihood is smooth in, holds
it in 84: it is not smooth in a moment.)"""


@dataclass(frozen=True, slots=True)
class Begin:
    """When it began, and between which times it did with 95 %: Unix seconds."""

    at: float
    """The first attempt of the time since."""
    earliest: float
    latest: float


def begin_of(counts: Sequence[Count]) -> Begin | None:
    """Return when the rate of failures changed for the worse; None where it never did.

    The likeliest moment between two rates, before and since (Hinkley and Hinkley, "Inference about
    the change-point in a sequence of binomial variables", Biometrika, 1970). That is one at which
    something failed: each success that is left to the time before it makes both rates likelier.
    """
    moments = _moments_of(counts)
    before = [(0, 0), *accumulate((sums for _, sums in moments), _sum_of)]
    attempts, failures = before[-1]

    def likelihood(place: int) -> float:
        attempts_before, failures_before = before[place]
        attempts_since, failures_since = attempts - attempts_before, failures - failures_before
        if failures_since * attempts_before <= failures_before * attempts_since:
            return -math.inf  # it is no worse
        return _log_likelihood(attempts_before, failures_before) + _log_likelihood(
            attempts_since, failures_since
        )

    nats = {place: likelihood(place) for place, (_, sums) in enumerate(moments) if sums[1]}
    most = max(nats.values(), default=-math.inf)
    if most == -math.inf:
        return None
    least = most - _NATS_OF_INTERVAL
    likely = [place for place in nats if nats[place] >= least]
    first = likely[0]
    while likelihood(first - 1) >= least:  # that of the first moment is none: nothing is before it
        first -= 1
    return Begin(
        at=moments[max(nats, key=nats.__getitem__)][0],
        earliest=moments[first - 1][0],
        latest=moments[likely[-1]][0],
    )


def _moments_of(counts: Sequence[Count]) -> list[tuple[float, tuple[int, int]]]:
    """Return attempts and failures of each time, in order."""
    sums: dict[float, tuple[int, int]] = {}
    for one in counts:
        known = sums.get(one.at)
        its = (one.attempts, one.failures)
        sums[one.at] = its if known is None else _sum_of(known, its)
    return sorted(sums.items())


def _sum_of(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _log_likelihood(attempts: int, failures: int) -> float:
    """Return the binomial log likelihood at its best rate, in nats."""
    opened = attempts - failures
    if not failures or not opened:
        return 0.0
    return failures * math.log(failures / attempts) + opened * math.log(opened / attempts)
