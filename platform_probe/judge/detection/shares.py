"""The tests on shares: for all unlocks and every cohort, whether more are hit than expected.

An unlock that was not hit costs a count for each of its cohorts. A hit is weighed there at once. If
the evidence is enough, the problem is examined 0.2 s later, with what arrived meanwhile. Thus
many cohorts of one problem are found together, as one problem.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.detection.evidence import CEILING, Evidence, Mixture
from platform_probe.judge.detection.measures import Measure
from platform_probe.judge.detection.naming import (
    SharedTraits,
    TraitSearch,
    look_for_each,
    search_traits,
    telling_part,
)
from platform_probe.judge.detection.problem import Problem
from platform_probe.judge.detection.recent import KEPT_S, Hit, Recent
from platform_probe.judge.detection.traits import Key, Values, is_in, is_outside_cohort
from platform_probe.judge.detection.watched import Series, Watched
from platform_probe.judge.detection.watched_cohorts import MOST_COHORTS, WatchedCohorts
from platform_probe.judge.diagnosis.cohorts.counts import Count
from platform_probe.judge.diagnosis.cohorts.find import LEAST_CARS, LEAST_FAILURES, Absence

SETTLE_S: Final = 0.2
"""Alarms of one problem come together: they are looked at together."""
AGAIN_S: Final = 2.0
"""The delay after which an alarm without a name is examined again, if its evidence still is enough.

With more evidence it is examined as soon as others.
"""
LOOKS_S: Final = ((300.0, 30.0), (3600.0, 120.0), (float("inf"), 900.0))
"""While a problem is younger than the first, its cohort is searched for each so often."""
LEARNED_AT_ONCE: Final = 50
"""Cohorts that learn in one step of ten seconds: nobody waits for that."""
MOST_PROBLEMS: Final = 100
"""More at once are no longer told apart."""
SURE_OF_PART: Final = 0.8
"""The probability from which a part of a problem is a problem of its own."""
SURE_OF_OTHER: Final = 0.6
"""The probability from which a problem gets another cohort."""
SHARE_OF_HITS: Final = 0.8
"""The share of its hits that must be of that cohort [E]."""
SHARE_OF_PART: Final = 0.1
"""The share of a problem's hits that a stage must have to be one of its stages [E]."""
LEAST_OF_PART: Final = 2
"""The fewest hits of such a stage: one is chance."""
SHARE_OF_REST: Final = 0.5
"""The share of the other stages' hits from which they are of the cohort of one stage too [E]."""
GIVEN_UP_S: Final = 86_400.0
"""The usual rates learn from a problem that lasts longer; it stays open."""


class ShareTests:
    """All tests on shares."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self.recent = Recent()
        self.problems: list[Problem] = []
        self.over: list[Problem] = []
        """Those that are over, while what they hit is kept: it is no part of another one."""
        self._cohorts = WatchedCohorts()
        self.offset_s = 0.0
        """Unix seconds less ours."""
        self._alarmed: dict[Series, tuple[Watched, float]] = {}
        """Series with enough evidence, and when they are to be looked at."""
        self.on_alarm: Callable[[], None] | None = None

    # Inputs

    def add_unlock(
        self,
        values: Values,
        at_s: float,
        now_s: float,
        hit: Hit | None,
        *,
        car: str,
        counts: bool,
    ) -> None:
        """Add an unlock of a car that ended."""
        for problem in self.problems:
            problem.add_unlock(values, at_s, now_s, hit, car=car, counts=counts)
        if not counts:
            return
        self.recent.add_unlock(at_s, values)
        watched = self._cohorts.cohorts_of(values, now_s)
        for one in watched:
            one.count += 1
        if hit is not None:
            self.hit(watched, hit, now_s)

    def hit(self, watched: tuple[Watched, ...], hit: Hit, now_s: float) -> None:
        """Keep one that was hit, and weigh it in each of its cohorts."""
        self.recent.hit(hit)
        self._weigh(watched, hit.measures, now_s)

    def add_measure(self, hit: Hit, measure: Measure, now_s: float) -> None:
        """Add a second measure to a kept hit, which is known later than its record."""
        hit.measures = (*hit.measures, measure)
        for problem in self.problems:
            if problem.measure is measure:
                problem.prove(hit)
        self._weigh(self._cohorts.cohorts_of(hit.values, now_s), (measure,), now_s)

    def note_diagnosed(self, hit: Hit) -> None:
        """Handle a changed diagnosis of a hit."""
        for problem in (*self.problems, *self.over):
            if problem.explains(hit):
                problem.is_changed = True

    def _weigh(
        self, watched: tuple[Watched, ...], measures: tuple[Measure, ...], now_s: float
    ) -> None:
        for measure in measures:
            for one in watched:
                series = self._cohorts.series(one, measure, now_s, now_s + self.offset_s)
                if not series.hit(one.count):
                    continue
                _, due_s = self._alarmed.get(series, (one, math.inf))
                if due_s > now_s + SETTLE_S:
                    self._alarmed[series] = one, now_s + SETTLE_S
                    if self.on_alarm is not None:
                        self.on_alarm()

    # What is done from time to time

    def tick(self, now_s: float) -> None:
        """Look at alarms and at known problems, and learn the usual shares."""
        due = [series for series, (_, at_s) in self._alarmed.items() if at_s <= now_s]
        counts_of = cache(self._counts)  # many cohorts of one problem count the same unlocks
        for series in sorted(due, key=lambda one: -one.excess):
            watched, _ = self._alarmed.pop(series)
            self._deal(series, watched, now_s, counts_of)
        for problem in [*self.problems]:
            if _is_due(problem, now_s):
                self._search_again(problem, now_s)
        self.learn_until(now_s, cohorts=LEARNED_AT_ONCE)

    def learn_until(self, now_s: float, *, cohorts: int = MOST_COHORTS) -> None:
        """Update the usual rates of a number of cohorts, except those with a problem now."""
        troubled = {
            one.measure.main_measure for one in self.problems if now_s - one.opened_s < GIVEN_UP_S
        }
        self._cohorts.learn_until(now_s, now_s + self.offset_s, troubled=troubled, cohorts=cohorts)

    def next_s(self) -> float | None:
        """Return when the next alarm is to be looked at."""
        return min((at_s for _, at_s in self._alarmed.values()), default=None)

    def drop(self, problem: Problem, now_s: float) -> None:
        """End a problem. What it has hit is explained by it; later hits are weighed as before."""
        self.problems.remove(problem)
        problem.over_s = min(problem.over_s, now_s)
        self.over = [one for one in self.over if now_s - one.over_s < KEPT_S][-MOST_PROBLEMS:]
        self.over.append(problem)

    @property
    def cohorts(self) -> int:
        """How many are watched."""
        return len(self._cohorts)

    # Within

    def _deal(
        self,
        series: Series,
        watched: Watched,
        now_s: float,
        counts_of: Callable[[Measure, tuple[Problem, ...]], list[Count]],
    ) -> None:
        """Make a problem of a series with enough evidence, where none explains it."""
        measure = series.measure
        series.take_misses(watched.count)
        series.limit = self._cohorts.limit(watched, measure, now_s)
        others = self._explaining_problems(measure)
        counts = counts_of(measure, others)
        members = [one for one in counts if is_in(watched.key, one.values)]
        share = self._expected(measure, watched.key, now_s)
        evidence = series.evidence.total()
        if others:
            series.evidence, evidence = _replayed(members, share, measure.sizes)
        if evidence <= series.limit or not members:  # what was hit may be forgotten by now
            return
        shared = self._traits_of_problem(watched.key, counts, members)
        if shared is None or len(self.problems) >= MOST_PROBLEMS:
            self._alarmed[series] = watched, now_s + AGAIN_S
            return
        problem = self._open(measure, shared, now_s)
        problem.found_by(evidence, series.limit)
        series.evidence.clear()

    def _expected(self, measure: Measure, key: Key, now_s: float) -> float:
        """Return which share is expected of a cohort now."""
        return self._cohorts.expected(measure, key, now_s + self.offset_s)

    def _explaining_problems(
        self, measure: Measure, but: Problem | None = None
    ) -> tuple[Problem, ...]:
        """Return the problems that explain what a measure counts, or counted."""
        known = [one for one in (*self.problems, *self.over) if one is not but]
        return tuple([one for one in known if one.measure.main_measure is measure.main_measure])

    def _counts(self, measure: Measure, explained_by: tuple[Problem, ...]) -> list[Count]:
        """Return what to search in, without the hits that problems explain."""
        return self.recent.counts(
            measure,
            unix_offset_s=self.offset_s,
            is_explained=lambda hit: any(one.explains(hit) for one in explained_by),
        )

    def _traits_of_problem(
        self, key: Key, counts: list[Count], members: list[Count]
    ) -> SharedTraits | None:
        """Return whom a problem hits; None where it is one or two sick cars, or nothing yet."""
        found = search_traits(counts, members)
        if found.absence is Absence.FEW_CARS:
            return None
        if found.found:
            return found.found[0]
        since = [one for one in members if one.at >= found.since and one.failures]
        if len({one.vehicle_id for one in since}) < LEAST_CARS:
            return None
        is_all = found.absence is Absence.EVERYWHERE or len(members) == len(counts)
        whom = () if is_all else telling_part(key, {one.values for one in counts})
        return SharedTraits(whom, found.since, 0.5, len(since))

    def _open(self, measure: Measure, shared: SharedTraits, now_s: float) -> Problem:
        """Add a problem; it counts the stages at which its own unlocks were lost until now."""
        since_s = shared.since - self.offset_s
        problem = self._problem(measure.main_measure, shared.key, since_s, now_s)
        others = self._explaining_problems(measure)
        own = [hit for hit in problem.hits if not any(one.explains(hit) for one in others)]
        hits = Counter(
            each for hit in own for each in hit.measures if each.part_of is measure.main_measure
        )
        commonest = next((part for part, _ in hits.most_common(1)), None)
        least = max(SHARE_OF_PART * hits.total(), LEAST_OF_PART)
        parts = frozenset(part for part, n in hits.items() if n >= least)
        counted = measure.main_measure
        if commonest is not None and hits[commonest] >= SHARE_OF_HITS * len(own):
            counted, parts = commonest, frozenset()
        elif hits and not (problem.is_clear or measure.part_of is None):
            counted, parts = measure, frozenset()
        if counted is not problem.measure or parts:
            problem = self._problem(counted, shared.key, since_s, now_s, parts)
        problem.number = next(self._numbers)
        self.problems.append(problem)
        return problem

    def _problem(
        self,
        measure: Measure,
        key: Key,
        since_s: float,
        now_s: float,
        parts: frozenset[Measure] = frozenset(),
    ) -> Problem:
        key = measure.spread(key)
        expected = self._expected(measure, key, now_s)
        problem = Problem(measure, key, since_s=since_s, expected=expected, parts=parts)
        problem.opened_s = problem.looked_s = problem.last_s = now_s
        self._recount(problem)
        return problem

    def _recount(self, problem: Problem) -> None:
        hits = self.recent.hits(problem.since_s, problem.measure)
        problem.recount(hits, self.recent.totals(problem.since_s))

    def _search_again(self, problem: Problem, now_s: float) -> None:
        """Search for the cohort of a problem with all that has come since it was found."""
        problem.looked_s = now_s
        if now_s - problem.since_s > KEPT_S / 2:
            return  # too little of the time before is left to compare with
        others = self._explaining_problems(problem.measure, problem)
        if apart := self._stage_apart(problem, others):
            stage, shared = apart
            problem.parts -= {stage}
            problem.is_new = True  # told before the other one, whose cars it has no more
            self._recount(problem)
            self._open(stage, shared, now_s).sure = shared.probability
            return
        counts = self._counts(problem.measure, others)
        since, traits = problem.since_s + self.offset_s, problem.measure.spreads_by
        found = look_for_each(counts, since, traits=traits)
        if not found.found:
            return
        first, *parts = _best_first(found, problem.key)
        own = [one for one in problem.hits if not any(each.explains(one) for each in others)]
        names = self._names(problem, found)
        if parts and len(names) == 1 and not (names <= MODES.keys() and _is_all_in(found, own)):
            return  # one problem, of which no mode tells that its parts are one
        covers = sum(is_in(first.key, hit.values) for hit in own)
        others_hit = sum(is_outside_cohort(first.key, hit.values) for hit in own)
        is_all = covers >= SHARE_OF_HITS * max(covers + others_hit, 1) or bool(parts)
        if first.key != problem.key and first.probability >= SURE_OF_OTHER and is_all:
            problem.key = first.key
            problem.expected = self._expected(problem.measure, first.key, now_s)
            self._recount(problem)
        for part in parts:
            if _is_sure(part) and len(self.problems) < MOST_PROBLEMS:
                self._open(problem.measure, part, now_s).sure = part.probability

    def _stage_apart(
        self, problem: Problem, others: tuple[Problem, ...]
    ) -> tuple[Measure, SharedTraits] | None:
        """Return a stage whose hits share a cohort in which most hits of other stages are not."""
        since, traits = problem.since_s + self.offset_s, problem.measure.spreads_by
        for part in sorted(problem.parts, key=lambda one: one.name):
            found = look_for_each(self._counts(part, others), since, traits=traits).found
            of_part = [one for one in problem.hits if part in one.measures]
            rest = [one for one in problem.hits if part not in one.measures]
            if not found or not _is_sure(found[0]) or len(rest) < LEAST_FAILURES:
                continue
            within, of_rest = (_share_in(found[0].key, hits) for hits in (of_part, rest))
            if within >= SHARE_OF_HITS and of_rest < SHARE_OF_REST:
                return part, found[0]
        return None

    def _names(self, problem: Problem, found: TraitSearch) -> set[str]:
        """Return the commonest mode of each part of a problem, where it has none its cause."""
        names: set[str] = set()
        for part in found.found:
            of_part: Counter[str] = Counter()
            for hit in self.recent.hits(problem.since_s, problem.measure):
                if is_in(part.key, hit.values):
                    of_part[hit.modes[0][0] if hit.modes else str(hit.cause)] += 1
            names.update(name for name, _ in of_part.most_common(1))
        return names


def _is_due(problem: Problem, now_s: float) -> bool:
    age_s = now_s - problem.opened_s
    every_s = next(every_s for younger_s, every_s in LOOKS_S if age_s < younger_s)
    return now_s - problem.looked_s >= every_s


def _is_all_in(found: TraitSearch, own: Sequence[Hit]) -> bool:
    """Return whether nearly all hits are of parts that are sure."""
    keys = [one.key for one in found.found]
    held = sum(any(is_in(key, hit.values) for key in keys) for hit in own)
    others = sum(all(is_outside_cohort(key, hit.values) for key in keys) for hit in own)
    return held >= SHARE_OF_HITS * (held + others) and all(map(_is_sure, found.found))


def _share_in(key: Key, hits: Sequence[Hit]) -> float:
    """Return which share of hits are of a cohort."""
    return sum(is_in(key, hit.values) for hit in hits) / max(len(hits), 1)


def _is_sure(part: SharedTraits) -> bool:
    return part.failures >= LEAST_FAILURES and part.probability >= SURE_OF_PART


def _best_first(found: TraitSearch, key: Key) -> list[SharedTraits]:
    """Return the cohorts found, with the problem's own first, if it is among them."""
    return sorted(found.found, key=lambda one: one.key != key)


def _replayed(members: list[Count], share: float, sizes: Mixture) -> tuple[Evidence, float]:
    """Return the evidence that these events make, and the highest that they ever made.

    They are weighed in the order in which they were known, as when they came.
    """
    evidence = Evidence(share, sizes)
    highest = 0.0
    for one in sorted(members, key=_known_at):
        if one.failures:
            highest = max(highest, evidence.hit())
        else:
            evidence.misses(one.attempts)
    return evidence, min(highest, CEILING)


def _known_at(one: Count) -> float:
    return one.at if one.known_at is None else one.known_at
