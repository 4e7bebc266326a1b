"""Mitigations ranked by the rentals that they save, each with an interval. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance
from typing import Final

import msgspec

from fleet_sim.futures.future import FutureCounts

NOTHING: Final = "do_nothing"
"""The future without a mitigation, with which all others are compared."""
NORMAL_95: Final = 1.96
"""Standard errors on either side of a mean that hold 95 % of a normal distribution."""


class Interval(msgspec.Struct, frozen=True):
    """A mean with the bounds of its 95 % confidence interval."""

    mean: float
    low: float
    high: float


class RankedMitigation(msgspec.Struct, frozen=True, kw_only=True):
    """What a mitigation would come to, over the worlds as likely as they are."""

    name: str
    lost: Interval
    """Rentals lost."""
    saved: Interval
    """Rentals saved against doing nothing: pairs of futures with the same seed and world."""
    waiting_s: float
    """Seconds that one customer waits in front of a shut car, on average."""
    sms: float
    commands: float
    cost: float
    """Of the act itself and of the SMS, in the user's currency."""
    is_better: bool
    """Whether it saves rentals beyond chance."""


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
    ranked = [
        _ranked(name, worlds, played[NOTHING], shares, costs.get(name, 0.0), sms_price)
        for name, worlds in played.items()
    ]
    return sorted(ranked, key=lambda each: (round(each.lost.mean, 2), each.cost, each.name))


def _ranked(
    name: str,
    worlds: Sequence[Sequence[FutureCounts]],
    nothing: Sequence[Sequence[FutureCounts]],
    shares: Sequence[float],
    cost: float,
    sms_price: float,
) -> RankedMitigation:
    saved = [
        [before.lost - after.lost for before, after in zip(without, with_it, strict=True)]
        for without, with_it in zip(nothing, worlds, strict=True)
    ]
    sms = _mean([[each.sms for each in world] for world in worlds], shares)
    customers = _mean([[each.customers for each in world] for world in worlds], shares)
    waiting_s = _mean([[each.waiting_s for each in world] for world in worlds], shares)
    gain = _interval(saved, shares)
    return RankedMitigation(
        name=name,
        lost=_interval([[each.lost for each in world] for world in worlds], shares),
        saved=gain,
        waiting_s=waiting_s / customers if customers else 0.0,
        sms=sms,
        commands=_mean([[each.commands for each in world] for world in worlds], shares),
        cost=cost + sms * sms_price,
        is_better=gain.low > 0,
    )


def _mean(worlds: Sequence[Sequence[float]], shares: Sequence[float]) -> float:
    return sum(share * fmean(world) for share, world in zip(shares, worlds, strict=True))


def _interval(worlds: Sequence[Sequence[float]], shares: Sequence[float]) -> Interval:
    """Return the mean over worlds, and how far it may be off by the chance of the seeds.

    That nobody knows which world is the real one is no part of it: each world is shown by itself.
    """
    mean = _mean(worlds, shares)
    squared = sum(
        share**2 * (variance(world) if len(world) > 1 else 0.0) / len(world)
        for share, world in zip(shares, worlds, strict=True)
    )
    off = NORMAL_95 * math.sqrt(squared)
    return Interval(mean, mean - off, mean + off)
