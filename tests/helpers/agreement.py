"""Compares a run in live time with the same run in virtual time, attempt by attempt.

Seed and plan are the same, so each unlock has its counterpart, and both should end alike. They may
differ where two events of the model lie nearer to each other than the machine's delays: a command
that comes just before or after the box is done with the one before it, for one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import binom

from fleet_sim.results.summary import JsonLines
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Outcome

NEAR_S = 0.1
"""Latencies of one unlock in both modes: so far may any machine set them apart, and a busy one by
what it takes for the null box."""
FLIPPED_PER_S = 0.2
"""Share of unlocks that timing may flip: an unlock has about two moments of decision (is the box
busy, is its radio idle) in some ten seconds, and each is in doubt for so long."""
SURE = 0.999
"""Confidence at which more flips than that are no accident."""
KS_1_PERCENT = 1.628
"""Coefficient of the critical value of the two-sample Kolmogorov-Smirnov test at 1 %."""

Pair = tuple[Attempt, Attempt]


def attempts_of(directory: Path) -> list[Attempt]:
    """Return the attempts of a run, in the order of the plan."""
    attempts = JsonLines(directory / "attempts.jsonl", Attempt)
    return sorted(attempts, key=lambda attempt: (attempt.scheduled_s, attempt.vehicle_id))


def disagreements(pairs: Sequence[Pair], near_s: float = NEAR_S) -> list[Pair]:
    """Return the unlocks that ended otherwise, or opened at another pace."""
    return [pair for pair in pairs if not _agree(*pair, near_s)]


def _agree(one: Attempt, other: Attempt, near_s: float) -> bool:
    if one.cause is not other.cause:
        return False
    return one.outcome is not Outcome.OK or abs(one.total_s - other.total_s) <= near_s


def allowed(count: int, near_s: float = NEAR_S) -> int:
    """Return how many of `count` unlocks may disagree: a quantile of the binomial distribution.

    A count of outcomes or causes cannot differ by more, because each flip moves one unlock.
    """
    return int(binom.ppf(SURE, count, FLIPPED_PER_S * near_s))


def ks_distance(ones: Sequence[float], others: Sequence[float], near_s: float = 0.0) -> float:
    """Return the greatest distance between the two empirical distribution functions.

    With `near_s` each value may have moved by so much: only a distance that no such move explains
    counts. Values that a busy machine delays by less than `near_s` have no distance.
    """
    ones, others = sorted(ones), sorted(others)

    def share(values: Sequence[float], limit: float) -> float:
        return bisect_right(values, limit) / len(values)

    return max(
        max(
            share(some, value) - share(rest, value + near_s),
            share(some, value - near_s) - share(rest, value),
        )
        for some, rest in ((ones, others), (others, ones))
        for value in (*ones, *others)
    )


def ks_critical(one_count: int, other_count: int) -> float:
    """Return the distance that equal distributions exceed in 1 % of all cases."""
    return KS_1_PERCENT * math.sqrt((one_count + other_count) / (one_count * other_count))
