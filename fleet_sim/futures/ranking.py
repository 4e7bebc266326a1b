"""Mitigations ranked by the rentals that they save, each with an interval. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean, variance
from typing import Final

import msgspec

from fleet_sim.futures.future import FutureCounts

NOTHING: Final = "do_nothing"
"""The future without a mitigation, with which all others are compared."""
ERROR: Final = 0.05
"""Probability that any of the mitigations is called better by chance. One that changes no future
cannot be, and is not among them."""
LEVEL: Final = 0.975
"""Probability of a value below the upper bound, of two that hold 95 %."""
BISECTIONS: Final = 60
NORMAL_95: Final = 1.96
"""Standard errors on either side of a mean that hold 95 % of a normal distribution."""


class Interval(msgspec.Struct, frozen=True):
    """A mean with bounds."""

    mean: float
    low: float
    high: float


class RankedMitigation(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a mitigation, over the worlds as likely as they are."""

    name: str
    lost: Interval
    """Rentals lost. 19 of 20 futures are within the bounds."""
    saved: Interval
    """Rentals saved against doing nothing, in pairs of futures with the same seed and world; bounds
    as those of `lost`."""
    waiting_s: float
    """Seconds that one customer waits in front of a shut car, on average."""
    sms: float
    commands: float
    cost: float
    """Price of the act itself and of the SMS, in the user's currency."""
    is_better: bool
    """Whether it saves rentals on average, beyond chance."""


Played = Mapping[str, Sequence[Sequence[FutureCounts]]]
"""Counts by mitigation, then world, then seed."""


def rank_mitigations(
    played: Played,
    weights: Sequence[float],
    *,
    costs: Mapping[str, float],
    sms_price: float,
) -> list[RankedMitigation]:
    """Return the mitigations, the one that loses least first; equal ones by cost.

    `weights` are the worlds' probabilities. Each mitigation of `played` has as many worlds, and
    each world as many seeds.
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    tried = sum(worlds != played[NOTHING] for worlds in played.values())
    error = ERROR / max(tried, 1)
    ranked = [
        _ranked(name, worlds, played[NOTHING], shares, error, costs.get(name, 0.0), sms_price)
        for name, worlds in played.items()
    ]
    return sorted(ranked, key=lambda each: (round(each.lost.mean, 2), each.cost, each.name))


def _ranked(
    name: str,
    worlds: Sequence[Sequence[FutureCounts]],
    nothing: Sequence[Sequence[FutureCounts]],
    shares: Sequence[float],
    error: float,
    cost: float,
    sms_price: float,
) -> RankedMitigation:
    lost, without = ([[each.lost for each in seeds] for seeds in of] for of in (worlds, nothing))
    saved = differences(without, lost)
    one_more = _of_one_more(worlds)
    one_more_saved = [
        0.0 if of_world == of_nothing else more
        for of_world, of_nothing, more in zip(worlds, nothing, one_more, strict=True)
    ]
    sms = _mean([[each.sms for each in world] for world in worlds], shares)
    customers = _mean([[each.customers for each in world] for world in worlds], shares)
    waiting_s = _mean([[each.waiting_s for each in world] for world in worlds], shares)
    return RankedMitigation(
        name=name,
        lost=_of_one_future(lost, shares, one_more),
        saved=_of_one_future(saved, shares, one_more_saved),
        waiting_s=waiting_s / customers if customers else 0.0,
        sms=sms,
        commands=_mean([[each.commands for each in world] for world in worlds], shares),
        cost=cost + sms * sms_price,
        is_better=_is_beyond_chance(saved, shares, error / 2)
        or (
            _is_beyond_chance(saved, shares, ERROR)
            and _mean(saved, shares) > _saved_by_chance(worlds, nothing, shares, error / 2)
        ),
    )


def _is_beyond_chance(
    saved: Sequence[Sequence[float]], shares: Sequence[float], error: float
) -> bool:
    """Return whether seeds agree on a saving so well as chance would not, with probability `error`.

    A bad future that a single seed has without the mitigation proves nothing.
    """
    return of_the_mean(saved, shares, student_t(1 - error, len(saved[0]) - 1)).low > 0


def _saved_by_chance(
    worlds: Sequence[Sequence[FutureCounts]],
    nothing: Sequence[Sequence[FutureCounts]],
    shares: Sequence[float],
    error: float,
) -> float:
    """Return what a mitigation without effect saves by chance, with probability `error`.

    Losses are rare, so the difference of two counts of them varies by their sum, or by less. Seeds
    may differ in how much a mitigation helps, and this asks only whether it does.
    """
    squared = sum(
        share**2
        * fmean(
            one.stand_for * (one.lost + other.lost)
            for one, other in zip(of_world, of_nothing, strict=True)
        )
        / len(of_world)
        for share, of_world, of_nothing in zip(shares, worlds, nothing, strict=True)
    )
    return NormalDist().inv_cdf(1 - error) * math.sqrt(squared)


def differences(
    more: Sequence[Sequence[float]], less: Sequence[Sequence[float]]
) -> list[list[float]]:
    """Return how much more each future of `more` has than its pair of `less`, by world."""
    return [
        [one - other for one, other in zip(of_more, of_less, strict=True)]
        for of_more, of_less in zip(more, less, strict=True)
    ]


def _mean(worlds: Sequence[Sequence[float]], shares: Sequence[float]) -> float:
    return sum(share * fmean(world) for share, world in zip(shares, worlds, strict=True))


def of_the_mean(
    worlds: Sequence[Sequence[float]], shares: Sequence[float], errors: float = NORMAL_95
) -> Interval:
    """Return the mean over worlds, and how far it may be off by the chance of the seeds.

    `errors` is the number of standard errors on either side.
    """
    mean = _mean(worlds, shares)
    squared = sum(
        share**2 * _variance(world) / len(world)
        for share, world in zip(shares, worlds, strict=True)
    )
    off = errors * math.sqrt(squared)
    return Interval(mean, mean - off, mean + off)


def _of_one_more(worlds: Sequence[Sequence[FutureCounts]]) -> list[float]:
    """Return the variance that one customer more would make among the seeds of each world.

    A loss that no seed has may come in the next one.
    """
    return [fmean(each.stand_for for each in seeds) ** 2 / len(seeds) for seeds in worlds]


def _of_one_future(
    worlds: Sequence[Sequence[float]], shares: Sequence[float], of_one_more: Sequence[float]
) -> Interval:
    """Return the mean over worlds, and the bounds of 95 % of the futures.

    They hold the chance of one future, the doubt about the world, and that of few seeds.
    """
    mean = _mean(worlds, shares)
    by_chance = sum(
        share * (_variance(world) + more) * (1 + 1 / len(world))
        for share, world, more in zip(shares, worlds, of_one_more, strict=True)
    )
    by_world = sum(
        share * (fmean(world) - mean) ** 2 for share, world in zip(shares, worlds, strict=True)
    )
    errors = student_t(LEVEL, len(worlds[0]) - 1)
    off = math.sqrt(errors**2 * by_chance + NORMAL_95**2 * by_world)
    return Interval(mean, mean - off, mean + off)


def student_t(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t for a probability from .5 on.

    The spread of few values is known badly, so bounds made of it are wider than those of a normal
    distribution. Infinite without a degree of freedom. (Abramowitz and Stegun, 26.7.3 and 26.7.4.)
    """
    if freedom < 1:
        return math.inf
    low, high = 0.0, math.pi / 2
    for _ in range(BISECTIONS):
        angle = (low + high) / 2
        low, high = (low, angle) if _within(angle, freedom) > 2 * probability - 1 else (angle, high)
    return math.tan(low) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """Return the probability of a t between -x and x, where x is tan(angle) * sqrt(freedom)."""
    cosine = math.cos(angle)
    is_odd = freedom % 2
    term = cosine if is_odd else 1.0
    total = 0.0
    for step in range(1 + is_odd, freedom, 2):
        total += term
        term *= cosine**2 * step / (step + 1)
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if is_odd else total


def _variance(values: Sequence[float]) -> float:
    return variance(values) if len(values) > 1 else 0.0
