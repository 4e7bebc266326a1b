"""What other tests make of the same unlocks: CUSUM, FOCuS, and the shipped burn rates.

All look at all unlocks together, and are tuned to one false alarm a month where what is usual is
known and never changes. CUSUM and FOCuS are shown each customer's first unlock alone; burn rates
count all of them, as the metrics do.

- CUSUM for Bernoulli events, tuned to 10 %: the best test there is for a change of that size
  (Moustakides, Annals of Statistics, 1986).
- FOCuS, the generalised likelihood ratio over every moment and every higher share, with the share
  before known (Romano, Eckley, Fearnhead, Rigaill, "Fast online changepoint detection via
  functional pruning CUSUM statistics", JMLR, 2023).
- Burn rates: `UnlockBudgetBurn1h` to `3d` of deploy/prometheus/rules/alerts.yml by their windows,
  factors and least counts, reckoned here each minute; the budget is 2 % in place of 0.5 %, which
  the towns miss on their best days.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import mean
from typing import Final, NamedTuple, Protocol

from platform_probe.judge.detection.evidence import Evidence

USUAL: Final = 0.02
"""The share that is usual: what the service level allows."""
MONTH_MIN: Final = 60.0 * 24 * 30
MONTH: Final = 30.0 * MONTH_MIN
"""Unlocks: thirty a minute for thirty days."""
SHARES: Final = (0.05, 0.1, 0.2, 0.5, 0.99)
TUNED_TO: Final = 0.1
RUNS: Final = 60
MOST: Final = 100_000
ONE_ALARM_S: Final = 3600.0
"""What is raised again within so long is one alarm."""
ERRS_LESS: Final = {"cusum_10": 3.3, "focus": 1.0, "mixture": 0.6}
"""Nats by which a limit of ln(ARL) is too high: by simulated streams of up to 80,000 unlocks the
tests err so much less often than the bounds of their limits say. So all err equally often."""


class Score(Protocol):
    """A statistic of hits."""

    def take(self, *, is_hit: bool) -> float:
        """Take an unlock, and return the statistic."""
        ...

    def clear(self) -> None:
        """Begin anew."""
        ...


class Cusum:
    """Bernoulli CUSUM for a change to `TUNED_TO`. Its ARL is at least e^limit (Lorden, 1971)."""

    def __init__(self) -> None:
        self._hit = math.log(TUNED_TO / USUAL)
        self._miss = math.log((1 - TUNED_TO) / (1 - USUAL))
        self._score = 0.0

    def take(self, *, is_hit: bool) -> float:
        """Take an unlock, and return the statistic."""
        self._score = max(0.0, self._score + (self._hit if is_hit else self._miss))
        return self._score

    def clear(self) -> None:
        """Begin anew."""
        self._score = 0.0


class Focus:
    """The highest log likelihood ratio over every beginning and every share above the usual one.

    Beginnings that can never be the best again are dropped: those kept are the corners of the
    convex hull of the hits over the unlocks, as in Page's and Romano's pruning.
    """

    def __init__(self) -> None:
        self._number = self._hits = 0
        self._corners: list[tuple[int, int]] = []

    def clear(self) -> None:
        """Begin anew."""
        self._number = self._hits = 0
        self._corners.clear()

    def take(self, *, is_hit: bool) -> float:
        """Take an unlock, and return the statistic."""
        if is_hit:
            self._keep((self._number, self._hits))
        self._number += 1
        self._hits += is_hit
        return max(
            (_ratio(self._number - n, self._hits - h) for n, h in self._corners), default=0.0
        )

    def _keep(self, corner: tuple[int, int]) -> None:
        """Keep a beginning, and drop those that lie above the line between their neighbours."""
        corners = self._corners
        while len(corners) > 1 and _slope(corners[-2], corners[-1]) >= _slope(corners[-1], corner):
            corners.pop()
        if corners and _slope(corners[-1], corner) <= USUAL:
            corners.pop()
        corners.append(corner)


def _slope(one: tuple[int, int], other: tuple[int, int]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0])


def _ratio(number: int, hits: int) -> float:
    """Return the log likelihood ratio of a share against the usual one, 0 where it is lower."""
    share = hits / number
    if share <= USUAL:
        return 0.0
    missed = 0.0 if hits == number else (number - hits) * math.log((1 - share) / (1 - USUAL))
    return hits * math.log(share / USUAL) + missed


class Mixture:
    """Ours, without cohorts and all that days need."""

    def __init__(self) -> None:
        self._evidence = Evidence(USUAL)

    def take(self, *, is_hit: bool) -> float:
        """Take an unlock, and return the log of the evidence."""
        if not is_hit:
            self._evidence.misses(1)
            return 0.0
        return math.log(self._evidence.hit())

    def clear(self) -> None:
        """Begin anew."""
        self._evidence.clear()


SCORES: Final[dict[str, Callable[[], Score]]] = {
    "cusum_10": Cusum,
    "focus": Focus,
    "mixture": Mixture,
}


def limit_of(name: str, month: float) -> float:
    """Return from where on a statistic is an alarm, for one false alarm in so many unlocks."""
    return math.log(month) - ERRS_LESS[name]


def delays_of(name: str) -> dict[str, float]:
    """Return how many unlocks a test takes on average, by the share that are hit."""
    return {f"{share:g}": mean(_delay(name, share, run) for run in range(RUNS)) for share in SHARES}


def _delay(name: str, share: float, run: int) -> int:
    stream = random.Random(f"{run}/{share}")  # noqa: S311 - no secret
    score, limit = SCORES[name](), limit_of(name, MONTH)
    return next(
        (each for each in range(1, MOST) if score.take(is_hit=stream.random() < share) > limit),
        MOST,
    )


class Baseline(Protocol):
    """A test that runs beside ours."""

    name: str
    alarms_s: list[float]

    def take(self, at_s: float, *, is_hit: bool, is_first: bool) -> None:
        """Take an unlock that ended; `is_first`: its customer has not pressed before."""
        ...

    def first_since(self, at_s: float) -> float | None:
        """Return when it raised the first alarm since a moment."""
        ...


class _Alarms:
    def __init__(self, name: str) -> None:
        self.name = name
        self.alarms_s: list[float] = []
        self._last_s = -math.inf

    def first_since(self, at_s: float) -> float | None:
        """Return when it raised the first alarm since a moment."""
        return next((each for each in self.alarms_s if each >= at_s), None)

    def _alarm(self, at_s: float) -> None:
        if at_s - self._last_s > ONE_ALARM_S:
            self.alarms_s.append(at_s)
        self._last_s = at_s


class Scored(_Alarms):
    """A statistic with a limit; after an alarm it begins anew."""

    def __init__(self, name: str, a_minute: float) -> None:
        super().__init__(name)
        self._score = SCORES[name]()
        self._limit = limit_of(name, a_minute * MONTH_MIN)

    def take(self, at_s: float, *, is_hit: bool, is_first: bool) -> None:
        """Take an unlock that ended."""
        if is_first and self._score.take(is_hit=is_hit) > self._limit:
            self._score.clear()
            self._alarm(at_s)


class Burn(NamedTuple):
    """One burn-rate alert: minutes of both windows, the factor, failures and hours at least."""

    long_min: int
    short_min: int
    factor: float
    least: int
    history_h: float
    for_min: int = 0


BURNS: Final = (
    Burn(60, 5, 14.4, 10, 0.5, for_min=2),
    Burn(360, 30, 6.0, 20, 3.0),
    Burn(1440, 120, 3.0, 10, 12.0),
    Burn(4320, 360, 1.0, 10, 36.0),
)


class BurnRates(_Alarms):
    """The shipped burn-rate alerts, each minute."""

    def __init__(self) -> None:
        super().__init__("burn_rates")
        self._sums: list[tuple[int, int]] = [(0, 0)]
        """How many had ended, and failed, by the end of each minute."""
        self._now = (0, 0)
        self._since_min: dict[Burn, int] = {}

    def take(self, at_s: float, *, is_hit: bool, is_first: bool) -> None:  # noqa: ARG002 - all count
        """Take an unlock that ended."""
        while at_s >= len(self._sums) * 60.0:
            self._sums.append(self._now)
            self._evaluate(len(self._sums) - 1)
        self._now = self._now[0] + 1, self._now[1] + is_hit

    def _evaluate(self, minute: int) -> None:
        for burn in BURNS:
            rate, failed = self._rate(minute, burn.long_min)
            is_firing = (
                failed >= burn.least
                and minute >= burn.history_h * 60
                and rate > burn.factor
                and self._rate(minute, burn.short_min)[0] > burn.factor
            )
            if not is_firing:
                self._since_min.pop(burn, None)
            elif minute - self._since_min.setdefault(burn, minute) >= burn.for_min:
                self._alarm(minute * 60.0)

    def _rate(self, minute: int, long_min: int) -> tuple[float, int]:
        """Return how often faster than allowed the budget is spent, and failures."""
        total, failed = self._sums[minute]
        total_then, failed_then = self._sums[max(minute - long_min, 0)]
        number = total - total_then
        return ((failed - failed_then) / number / USUAL if number else 0.0), failed - failed_then


def baselines_of(a_minute: float) -> list[Baseline]:
    """Return the tests that run beside ours in a town with so many unlocks a minute."""
    return [Scored("cusum_10", a_minute), Scored("focus", a_minute), BurnRates()]
