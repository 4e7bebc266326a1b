"""A cohort that is watched, with the evidence for each way in which its unlocks may be hit."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.incident import FALSE_ALARMS_A_MONTH
from platform_probe.judge.detection.evidence import Evidence
from platform_probe.judge.detection.expected import (
    LEAST_OF_PRIOR,
    MOST_SHARE,
    LearnedRate,
)
from platform_probe.judge.detection.measures import Measure
from platform_probe.judge.detection.traits import Key, is_kind

MONTH_S: Final = 30 * 86_400.0
OF_ALL: Final = 0.4
"""The share of a measure's false alarms that goes to all unlocks; cohorts share the rest."""
OF_KINDS: Final = 0.1
"""The share that kinds of cars divide [E]: a problem of one kind mostly hits others too."""
LEAST_COHORTS: Final = 40
"""Among so many at least: their number is not known before they were seen."""
LEAST_A_MONTH: Final = 1_000.0
LEAST_ELAPSED_S: Final = 1800.0
"""The least time over which false alarms are spread.

A test may use the errors of its first half hour at any moment of it: the monthly number of unlocks
is not known sooner.
"""


class Series:
    """The evidence that one cohort is hit in one way."""

    __slots__ = (
        "at", "block_at", "block_hits", "evidence", "learned", "limit", "measure",
    )  # fmt: skip

    def __init__(self, measure: Measure, share: float, limit: float) -> None:
        self.measure = measure
        self.evidence = Evidence(share, measure.sizes)
        self.learned = LearnedRate()
        self.limit = limit
        self.at = 0
        """The cohort's count up to which misses were taken."""
        self.block_at = 0
        self.block_hits = 0

    def hit(self, count: int) -> bool:
        """Mark the `count`th unlock as hit; return whether the evidence is enough."""
        missed = max(count - 1 - self.at, 0)
        self.at = count
        self.block_hits += 1
        return self.evidence.hit(missed) > self.limit

    @property
    def excess(self) -> float:
        """How many times as much evidence there is as is enough, as of the last hit."""
        return self.evidence.total() / self.limit

    def take_misses(self, count: int) -> None:
        """Add all unlocks up to the `count`th that were not added as not hit."""
        if count > self.at:
            self.evidence.misses(count - self.at)
            self.at = count


class Watched:
    """A cohort."""

    __slots__ = ("count", "key", "series", "since_s")

    def __init__(self, key: Key, since_s: float) -> None:
        self.key = key
        self.since_s = since_s
        self.count = 0
        """Unlocks that counted."""
        self.series: dict[Measure, Series] = {}

    def limit(self, measure: Measure, now_s: float, cohorts: int) -> float:
        """Return how much evidence is enough, for the false alarms that are allowed.

        `cohorts` are there of its sort: kinds of cars, or traits and pairs of them.

        `FALSE_ALARMS_A_MONTH` is cautious: cohorts overlap, and a mixture errs less often.
        `python -m bench.detection` counts them.

        A test that takes A events until it is wrong is wrong so often a month as the month has
        events, over A.
        """
        elapsed_s = max(now_s - self.since_s, LEAST_ELAPSED_S)
        a_month = max(self.count * MONTH_S / elapsed_s, LEAST_A_MONTH)
        part = OF_ALL
        if self.key:
            of_sort = OF_KINDS if is_kind(self.key) else 1.0 - OF_ALL - OF_KINDS
            part = of_sort / max(cohorts, LEAST_COHORTS)
        return a_month / (FALSE_ALARMS_A_MONTH * measure.budget * part)


def bounded(share: float, measure: Measure) -> float:
    """Return an expected share within what is sensible for its measure."""
    return min(max(share, measure.share * LEAST_OF_PRIOR), MOST_SHARE)
