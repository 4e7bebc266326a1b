"""Times in numbers: quantiles of seconds, and when an unlock counts as having opened.

Quantiles are exact, by nearest rank: the smallest value that at least that share of the values do
not exceed. Each is therefore a time that some unlock really took. A quantile of no values is None.

An unlock that did not open has an infinite time to open, however soon its refusal came. A quantile
that too few unlocks reach is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fleet_wire.contract.causes import Outcome


def quantile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile of ascending values; None for no values or infinity."""
    if not ordered:
        return None
    # whole numbers: a share as a float can land a hair above its rank, and take the next value
    rank = -(-percent * len(ordered) // 100)
    value = ordered[max(rank, 1) - 1]
    return None if value == math.inf else value


def opens_after_s(outcome: Outcome, total_s: float) -> float:
    """Return the seconds to an open door; infinity where it did not open as it was asked to."""
    return total_s if outcome is Outcome.OK else math.inf


def quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """Return `p50_s`, `p95_s` and `p99_s` of values in seconds, in any order."""
    ordered = sorted(values)
    return {f"p{percent}_s": quantile(ordered, percent) for percent in (50, 95, 99)}
