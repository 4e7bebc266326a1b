"""What other tests take on a plain stream, whose usual share is known.

All err once a month at most. Bernoulli CUSUM is tuned to one size of change, and is the best test
there is for that size (Moustakides, 1986). No cohorts, no hours, no customers who press again: what
remains is the test.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import mean
from typing import Final

from bench.detection.quiet import USUAL
from platform_probe.detection.evidence import Evidence

MONTH: Final = 30.0 * 60 * 24 * 30
"""Unlocks: thirty a minute for thirty days."""
SHARES: Final = (0.05, 0.1, 0.2, 0.5, 0.99)
TUNED_TO: Final = 0.1
RUNS: Final = 60
MOST: Final = 100_000

Test = Callable[[bool], bool]
"""Takes whether an unlock was hit, and returns whether that is enough."""


def _cusum() -> Test:
    """Return a Bernoulli CUSUM for a change to 10 %; h by Siegmund's bound, ARL at least e^h."""
    hit, miss = math.log(TUNED_TO / USUAL), math.log((1 - TUNED_TO) / (1 - USUAL))
    limit = math.log(MONTH)
    score = 0.0

    def take(is_hit: bool) -> bool:  # noqa: FBT001
        nonlocal score
        score = max(0.0, score + (hit if is_hit else miss))
        return score > limit

    return take


def _mixture() -> Test:
    """Return ours."""
    evidence = Evidence(USUAL)

    def take(is_hit: bool) -> bool:  # noqa: FBT001
        if not is_hit:
            evidence.misses(1)
            return False
        return evidence.hit() > MONTH

    return take


BASELINES: Final[dict[str, Callable[[], Test]]] = {"cusum_10": _cusum, "mixture": _mixture}


def delays_of(name: str) -> dict[str, float]:
    """Return how many unlocks a test takes on average, by the share that are hit."""
    return {f"{share:g}": mean(_delay(name, share, run) for run in range(RUNS)) for share in SHARES}


def _delay(name: str, share: float, run: int) -> int:
    stream = random.Random(f"{run}/{share}")  # noqa: S311 - no secret
    test = BASELINES[name]()
    return next((each for each in range(1, MOST) if test(stream.random() < share)), MOST)
