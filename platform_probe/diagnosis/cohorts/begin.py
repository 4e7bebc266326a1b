"""Since when the attempts of a cohort fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
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
    the change-point in a sequence of binomial variables", Biometrika, 1970).
    """
    moments = [
        (at, sum(one.attempts for one in same), sum(one.failures for one in same))
        for at, group in groupby(sorted(counts, key=lambda one: one.at), key=lambda one: one.at)
        for same in [list(group)]
    ]
    attempts, failures = sum(one[1] for one in moments), sum(one[2] for one in moments)
    likelihoods = []
    attempts_before = failures_before = 0
    for _, tried, failed in moments:
        attempts_since, failures_since = attempts - attempts_before, failures - failures_before
        is_worse = failures_since * attempts_before > failures_before * attempts_since
        likelihoods.append(
            _log_likelihood(attempts_before, failures_before)
            + _log_likelihood(attempts_since, failures_since)
            if is_worse
            else -math.inf
        )
        attempts_before += tried
        failures_before += failed
    most = max(likelihoods, default=-math.inf)
    if most == -math.inf:
        return None
    likely = [n for n, nats in enumerate(likelihoods) if nats >= most - _NATS_OF_INTERVAL]
    return Begin(
        at=moments[likelihoods.index(most)][0],
        earliest=moments[likely[0] - 1][0],  # the first moment is never worse than what is before
        latest=moments[likely[-1]][0],
    )


def _log_likelihood(attempts: int, failures: int) -> float:
    """Return the binomial log likelihood at its best rate, in nats."""
    opened = attempts - failures
    if not failures or not opened:
        return 0.0
    return failures * math.log(failures / attempts) + opened * math.log(opened / attempts)
