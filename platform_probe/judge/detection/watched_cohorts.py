"""All cohorts that are watched, and what is usual in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Final

from platform_probe.judge.detection.expected import BLOCK_S, Block, Season
from platform_probe.judge.detection.measures import BLIND, MEASURES, Measure
from platform_probe.judge.detection.traits import Key, Values, is_kind, keys_of
from platform_probe.judge.detection.watched import Series, Watched, bounded

MOST_COHORTS: Final = 2_000
MOST_KINDS: Final = 100
"""The most kinds of cars that are watched: with more, each has too few unlocks to be judged by
itself.
"""
MOST_VALUES: Final = 50_000
"""Combinations of values whose cohorts are remembered."""


class WatchedCohorts:
    """The cohorts, each from its first unlock on. `unix_s` is the same moment as `now_s`."""

    def __init__(self) -> None:
        self._watched: dict[Key, Watched] = {}
        self._kinds = 0
        """How many of them are kinds of cars."""
        self._of_values: dict[Values, tuple[Watched, ...]] = {}
        self._seasons = {measure: Season() for measure in MEASURES}
        self._block_ends_s: float | None = None
        self._to_learn: Iterator[Watched] = iter(())
        """Those whose block is to be closed."""

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._watched.values())

    def __len__(self) -> int:
        return len(self._watched)

    def cohorts_of(self, values: Values, now_s: float) -> tuple[Watched, ...]:
        """Return those that unlocks of these values belong to."""
        return self._of_values.get(values) or self._watch(values, now_s)

    def series(self, watched: Watched, measure: Measure, now_s: float, unix_s: float) -> Series:
        """Return the evidence of a cohort for a measure."""
        series = watched.series.get(measure)
        if series is None:
            share = self.expected(measure, watched.key, unix_s)
            limit = self.limit(watched, measure, now_s)
            series = watched.series[measure] = Series(measure, share, limit)
        return series

    def limit(self, watched: Watched, measure: Measure, now_s: float) -> float:
        """Return how much evidence is enough."""
        kinds = self._kinds
        cohorts = kinds if is_kind(watched.key) else len(self._watched) - kinds
        return watched.limit(measure, now_s, cohorts)

    def expected(self, measure: Measure, key: Key, unix_s: float) -> float:
        """Return which share is expected of a cohort at a moment, watched or not."""
        prior = measure.share
        everybody = self._watched.get(())
        if everybody is not None and measure in everybody.series:
            prior = everybody.series[measure].learned.share(prior)
        watched = self._watched.get(key)
        share = prior
        if key and watched is not None and measure in watched.series:
            share = watched.series[measure].learned.share(prior)
        return bounded(share * self._seasons[measure].highest(unix_s), measure)

    def learn_until(
        self,
        now_s: float,
        unix_s: float,
        *,
        troubled: AbstractSet[Measure],
        cohorts: int = MOST_COHORTS,
    ) -> None:
        """Update the usual rates of a number of cohorts from closed blocks.

        It learns nothing of `troubled` cohorts.
        """
        if self._block_ends_s is None:
            self._block_ends_s = now_s + BLOCK_S
        if now_s >= self._block_ends_s:
            self._block_ends_s = now_s + BLOCK_S
            self._to_learn = iter([*self._watched.values()])
        for watched in islice(self._to_learn, cohorts):
            self._close_block(watched, now_s, unix_s, troubled)

    # Within

    def _watch(self, values: Values, now_s: float) -> tuple[Watched, ...]:
        watched = []
        for key in keys_of(values):
            one = self._watched.get(key)
            if one is None:
                if not self._has_room(key):
                    continue
                one = self._watched[key] = Watched(key, now_s)
                self._kinds += is_kind(key)
            watched.append(one)
        if len(self._of_values) >= MOST_VALUES:
            self._of_values.clear()
        self._of_values[values] = tuple(watched)
        return self._of_values[values]

    def _has_room(self, key: Key) -> bool:
        if is_kind(key) and self._kinds >= MOST_KINDS:
            return False
        return len(self._watched) < MOST_COHORTS

    def _close_block(
        self, watched: Watched, now_s: float, unix_s: float, troubled: AbstractSet[Measure]
    ) -> None:
        """Close a cohort's block; the block of all unlocks is first, and cohorts use it."""
        for measure, series in watched.series.items():
            series.take_misses(watched.count)
            self._learn(watched, series, unix_s, is_troubled=measure.main_measure in troubled)
            series.evidence.expect(self.expected(measure, watched.key, unix_s))
            series.limit = self.limit(watched, measure, now_s)

    def _learn(self, watched: Watched, series: Series, unix_s: float, *, is_troubled: bool) -> None:
        measure, season = series.measure, self._seasons[series.measure]
        began = unix_s - BLOCK_S
        block = Block(
            began, watched.count - series.block_at, series.block_hits, season.factor(began)
        )
        series.block_at, series.block_hits = watched.count, 0
        if is_troubled:
            series.learned.forget_waiting()
            return
        everybody = self._watched[()].series[measure].learned
        prior = everybody.share(measure.share) if watched.key else measure.share
        learned = series.learned.close_block(block, prior=prior)
        if learned is not None and not watched.key and measure is not BLIND:
            season.learn(learned)
