"""How far a difference between two runs could be chance.

Every interval here is of a difference B - A, made of the two runs' own intervals by one principle.
The distance from the estimate to a limit is the root of the summed squared distances of A and B to
their limits. For shares this is method 10 of Newcombe (Statistics in Medicine 17, 1998, 873-890);
for estimates of any kind see Zou and Donner (Statistics in Medicine 27, 2008, 1693-1702). Unlocks
count as independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from fleet_sim.results.times import quantile


class Interval(NamedTuple):
    """The limits of an interval; infinite if there is none."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A measured value and its confidence interval."""

    value: float
    limits: Interval


def z_of(confidence: float) -> float:
    """Return how many standard deviations a two-sided interval of this confidence spans.

    >>> round(z_of(0.95), 3)
    1.96
    """
    return NormalDist().inv_cdf((1 + confidence) / 2)


def share(part: int, total: int, z: float) -> Estimate:
    """Return a share with its Wilson score interval (Wilson, JASA 22, 1927, 209-212).

    >>> [round(limit, 4) for limit in share(81, 263, z_of(0.95)).limits]
    [0.2553, 0.3662]
    """
    value = part / total
    middle = value + z * z / (2 * total)
    spread = z * math.sqrt(value * (1 - value) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    low, high = (middle - spread) / scale, (middle + spread) / scale
    # the formula gives 0 and 1 at the ends, but for rounding
    return Estimate(value, Interval(low if part else 0.0, high if part < total else 1.0))


def time(ordered: Sequence[float], percent: int, z: float) -> Estimate:
    """Return a quantile of ascending times in seconds, with an interval of two of these times.

    Their ranks come from the binomial distribution of how many times lie below the quantile, in
    its normal approximation (Conover, Practical Nonparametric Statistics, 3rd edition, 3.2). An
    infinite time is one of an unlock that did not open.
    """
    count, wanted = len(ordered), percent / 100
    spread = z * math.sqrt(count * wanted * (1 - wanted))
    low, high = math.ceil(count * wanted - spread), math.ceil(count * wanted + spread)
    value = quantile(ordered, percent)
    return Estimate(
        math.inf if value is None else value,
        Interval(
            ordered[low - 1] if low >= 1 else 0.0,
            ordered[high - 1] if high <= count else math.inf,
        ),
    )


def difference(a: Estimate, b: Estimate) -> Estimate | None:
    """Return B - A with its interval; None where both are infinite.

    If a limit is infinite the interval is that between the limits themselves, which is wider.
    """
    if math.isinf(a.value) and math.isinf(b.value):
        return None
    between = Interval(b.limits.low - a.limits.high, b.limits.high - a.limits.low)
    if not all(math.isfinite(it) for it in (a.value, b.value, *a.limits, *b.limits)):
        return Estimate(b.value - a.value, Interval(*map(_number, between, (-math.inf, math.inf))))
    value = b.value - a.value
    down = math.hypot(b.value - b.limits.low, a.limits.high - a.value)
    up = math.hypot(b.limits.high - b.value, a.value - a.limits.low)
    return Estimate(value, Interval(value - down, value + up))


def _number(value: float, without: float) -> float:
    return without if math.isnan(value) else value
