"""Since when the attempts of a cohort fail."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from platform_probe.judge.diagnosis.cohorts.counts import Count

_NATS_OF_INTERVAL: Final = 4.0
"""The loss of likelihood that is allowed within the interval.

`python -m bench.cohorts` counts how often that holds the true begin: in 95 of 100. (1.92, as of a
parameter that the likelihood is smooth in, holds it in 84: it is not smooth in a moment.)
"""
_NATS_OF_EARLIER: Final = 6.0
"""The gain by which a change before the likeliest one must beat none, and by which a later
improvement must beat none too [E].
"""


@dataclass(frozen=True, slots=True)
class OnsetTime:
    """When it began, and between which times it did with 95 %: Unix seconds."""

    at: float
    """The first attempt of the time since."""
    earliest: float
    latest: float


def onset_of(counts: Sequence[Count]) -> OnsetTime | None:
    """Return when the rate of failures changed for the worse; None where it never did.

    The likeliest moment between two rates, before and since (Hinkley and Hinkley, "Inference about
    the change-point in a sequence of binomial variables", Biometrika, 1970). That is one at which
    something failed: each success that is left to the time before it makes both rates likelier. A
    gradual rise, as of cars lost one by one, has changed before that moment too. It began with the
    first clear change after which it never became clearly better.
    """
    moments = _moments_of(counts)
    history = _History(sums for _, sums in moments)
    end, best = len(moments), history.worst_change(len(moments))
    if best is None:
        return None
    while (earlier := history.worst_change(best)) is not None and history.is_clear(earlier, best):
        end, best = best, earlier
    least = history.nats(0, best, end) - _NATS_OF_INTERVAL
    likely = [place for place in history.failed(end) if history.nats(0, place, end) >= least]
    first = likely[0]
    while history.nats(0, first - 1, end) >= least:  # that of the first moment is none
        first -= 1
    return OnsetTime(
        at=moments[best][0], earliest=moments[first - 1][0], latest=moments[likely[-1]][0]
    )


class _History:
    """Attempts and failures over time, by their sums up to each of its places."""

    def __init__(self, counts: Iterable[tuple[int, int]]) -> None:
        self._sums = [(0, 0), *accumulate(counts, _sum_of)]

    def failed(self, end: int) -> Iterator[int]:
        """Yield the places before `end` at which something failed."""
        sums = self._sums
        return (place for place in range(end) if sums[place + 1][1] > sums[place][1])

    def nats(self, begin: int, place: int, end: int, *, for_worse: bool = True) -> float:
        """Return the log likelihood of one rate from `begin` on and another one from `place` on.

        That of a change that is none, or not for the worse (for the better), is minus infinity.
        """
        (attempts, failures), (since, failed) = (
            self._between(begin, place),
            self._between(place, end),
        )
        is_worse = failed * attempts > failures * since
        is_better = failed * attempts < failures * since
        if not (is_worse if for_worse else is_better):
            return -math.inf
        return _log_likelihood(attempts, failures) + _log_likelihood(since, failed)

    def worst_change(self, end: int) -> int | None:
        """Return the likeliest place before `end` of a change for the worse; None: none is."""
        best, most = None, -math.inf
        for place in self.failed(end):
            nats = self.nats(0, place, end)
            if nats > most:
                best, most = place, nats
        return best

    def is_clear(self, place: int, end: int) -> bool:
        """Return whether a change is clear, and none for the better follows it before `end`."""
        gain = self.nats(0, place, end) - _log_likelihood(*self._between(0, end))
        if gain < _NATS_OF_EARLIER:
            return False
        alike = _log_likelihood(*self._between(place, end))
        betters = (
            self.nats(place, each + 1, end, for_worse=False)
            for each in self.failed(end)
            if each >= place
        )
        return max(betters, default=-math.inf) - alike < _NATS_OF_EARLIER

    def _between(self, begin: int, end: int) -> tuple[int, int]:
        (attempts, failures), (later, failed) = self._sums[begin], self._sums[end]
        return later - attempts, failed - failures


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
