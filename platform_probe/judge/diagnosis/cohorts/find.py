"""The cohorts that failures share, ranked and with how sure, or that there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import nlargest
from typing import Final

from msgspec import structs

from platform_probe.judge.diagnosis.cohorts.counts import (
    MISSING,
    OF_EVERY_CAR,
    BaselineCounts,
    Count,
    Values,
    leaves_of,
)
from platform_probe.judge.diagnosis.cohorts.levels import is_in, is_outside_cohort, settle_levels
from platform_probe.judge.diagnosis.cohorts.onset import OnsetTime, onset_of
from platform_probe.judge.diagnosis.cohorts.scan import Candidate, Key, scan, total_of

MOST_COHORTS: Final = 3
"""Found one after the other, each among what those before it do not explain."""
MOST_RANKED: Final = 5
LEAST_CARS: Final = 3
"""Cars that must have failed: two may be two sick cars. [E]"""
LEAST_FAILURES: Final = 5
"""With fewer there is nothing to say. [E]"""
_ODDS_OF_NONE: Final = 0.0
"""Nats by which "no cohort" is likelier before anything is counted."""
_EVEN: Final = 0.5
"""The probability of "no cohort" above which none is named."""
_COST_OF_MOMENT: Final = 3.0
"""Nats that a window must earn whose begin was chosen by its contents."""
_COST_OF_EARLIER: Final = 6.0
"""And one that begins before the time that was asked about, where that shows no cohort. [E]"""
_EARLIER_S: Final = 7_200.0
"""The length of the time before. A problem that lasts longer is usual."""
_COMPETING: Final = 100
"""Conjunctions that are weighed: those behind them have no weight."""
_NATS_OF_MORE: Final = 3.0
"""Nats by which its own rate must beat that of before to be called more."""


@dataclass(frozen=True, slots=True)
class Trait:
    """A value of one trait: operator "north"."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Attempts that share traits, and the others, as they were counted in the window."""

    traits: tuple[Trait, ...]
    probability: float
    """That this is what the failures share; of one that is found, under any of its names."""
    attempts: int
    failures: int
    attempts_elsewhere: int
    failures_elsewhere: int
    begin: OnsetTime | None
    """When its attempts began to fail."""

    @property
    def share(self) -> float:
        """Which part of all failures it holds."""
        return self.failures / (self.failures + self.failures_elsewhere)


class Absence(StrEnum):
    """Why no cohort is named."""

    TOO_FEW = "too_few"
    """Too few failures to say."""
    FEW_CARS = "few_cars"
    """Most failures are of one or two cars."""
    AS_BEFORE = "as_before"
    """No more fail than before."""
    EVERYWHERE = "everywhere"
    """More fail than before, and nowhere clearly more than elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The traits that the failures since a moment share."""

    since: float
    """Unix seconds."""
    attempts: int
    failures: int
    found: tuple[Cohort, ...]
    """What can be said, what explains most first; empty: no cohort."""
    ranked: tuple[Cohort, ...]
    """Candidates for the first, the likeliest first, whether or not they are likely enough to be
    reported.
    """
    none_probability: float
    """That the failures share nothing."""
    absence: Absence | None
    """Why none was found."""
    cars: tuple[str, ...]
    """Those that most failures are of, if that is why."""


def find_cohorts(
    counts: Sequence[Count], *, trait_names: Sequence[str], since: float, is_exact: bool = False
) -> Finding:
    """Return what the failures since `since` share that they did not share before.

    `since` is a guess, such as the time of an alert. If the shared problem may have begun at
    another time, the search is repeated from there. Not so where it is exact, as where somebody
    asks about certain minutes.
    """
    counts = _marked(counts, trait_names)
    look = _WindowSearch(counts, since)
    if not is_exact:
        look = _search_from_onset(look, counts, trait_names)
    found: list[Cohort] = []
    rest = look
    while rest.best_key is not None and len(found) < MOST_COHORTS:
        cohort = rest.cohort(rest.best_key, trait_names)
        found.append(replace(cohort, probability=rest.under_all_names(rest.best_key)))
        rest = rest.without(rest.best_key)
    attempts, failures = _added_up(look.window)
    absence, cars = (None, ()) if found else look.absence()
    return Finding(
        since=look.since,
        attempts=attempts,
        failures=failures,
        found=tuple(found),
        ranked=tuple(look.cohort(key, trait_names) for key in look.likeliest),
        none_probability=look.none,
        absence=absence,
        cars=cars,
    )


def _marked(counts: Sequence[Count], trait_names: Sequence[str]) -> list[Count]:
    """Return counts in which a trait that not every car has is `MISSING` where it is None."""
    may_lack = [name not in OF_EVERY_CAR for name in trait_names]
    marked: dict[Values, Values] = {}
    for values in {count.values for count in counts}:
        pairs = zip(values, may_lack, strict=True)
        marked[values] = tuple(MISSING if one is None and lack else one for one, lack in pairs)
    return [
        one if marked[one.values] == one.values else structs.replace(one, values=marked[one.values])
        for one in counts
    ]


def _search_from_onset(
    look: _WindowSearch, counts: Sequence[Count], trait_names: Sequence[str]
) -> _WindowSearch:
    """Return the look from where what failures share began; the same one where that finds nothing.

    A problem that began before the window, and goes on, has become usual: it has no cohort.
    """
    since, begin, cost = look.since, None, _COST_OF_MOMENT
    if look.likeliest:
        begin = look.cohort(look.likeliest[0], trait_names).begin
    if look.best_key is None and (begin is None or begin.at <= since):
        recent = [count for count in counts if count.at >= since - _EARLIER_S]
        begin, cost = onset_of(recent), _COST_OF_EARLIER
        if begin is not None and not _goes_on(look.window, counts, begin.at):
            begin = None
    if begin is None or begin.at == since:
        return look
    again = _WindowSearch(counts, begin.at, odds_of_none=_ODDS_OF_NONE + cost)
    return look if again.best_key is None else again


def _goes_on(window: Sequence[Count], counts: Sequence[Count], began_at: float) -> bool:
    """Return whether more fail in a window than before an earlier moment."""
    before = BaselineCounts(count for count in counts if count.at < began_at)
    total = total_of(leaves_of(window, before))
    return total.failures > total.expected and total.surprise >= _NATS_OF_MORE


class _WindowSearch:
    """The result for one window, against the time before it."""

    def __init__(
        self, counts: Sequence[Count], since: float, odds_of_none: float = _ODDS_OF_NONE
    ) -> None:
        self.since = since
        self._counts = counts
        self._kinds = {count.values for count in counts}
        self.window = [count for count in counts if count.at >= since]
        leaves = leaves_of(
            self.window, BaselineCounts(count for count in counts if count.at < since)
        )
        self._total = total_of(leaves)
        self._candidates = candidates = scan(leaves)
        self.none, self._mass = _weigh(_of_enough_cars(candidates, self.window), odds_of_none)
        settle_levels(self._mass, candidates, leaves=leaves)
        self._cohorts: dict[Key, Cohort] = {}

    @property
    def likeliest(self) -> list[Key]:
        """Cohorts that the failures may share, the likeliest first."""
        return sorted(self._mass, key=lambda key: -self._mass[key])[:MOST_RANKED]

    @property
    def best_key(self) -> Key | None:
        """The cohort of the failures, if it is likelier than that they share nothing."""
        failures = sum(count.failures for count in self.window)
        if self.none > _EVEN or failures < LEAST_FAILURES:
            return None
        return max(self._mass, key=self._mass.__getitem__)

    def under_all_names(self, key: Key) -> float:
        """Return how likely a cohort is, whichever conjunction that holds the same it is called."""
        its, kinds = self._candidates[key].inside, {count.values for count in self.window}
        inside = {values for values in kinds if is_in(key, values)}
        alike = (
            other
            for other in self._mass
            if math.isclose(self._candidates[other].inside.attempts, its.attempts)
            and {values for values in kinds if is_in(other, values)} == inside
        )
        return sum(self._mass[other] for other in alike)

    def without(self, key: Key) -> _WindowSearch:
        """Return the same window without a cohort."""
        inside = {values for values in self._kinds if is_in(key, values)}
        return _WindowSearch([one for one in self._counts if one.values not in inside], self.since)

    def cohort(self, key: Key, trait_names: Sequence[str]) -> Cohort:
        """Return a cohort as it was counted; kept: the likeliest is asked for again and again."""
        if key not in self._cohorts:
            self._cohorts[key] = self._cohort_of(key, trait_names)
        return self._cohorts[key]

    def _cohort_of(self, key: Key, trait_names: Sequence[str]) -> Cohort:
        inside = {values for values in self._kinds if is_in(key, values)}
        members = [count for count in self._counts if count.values in inside]  # before it, too
        attempts, failures = _added_up(count for count in members if count.at >= self.since)
        elsewhere = {values for values in self._kinds if is_outside_cohort(key, values)}
        others = _added_up(count for count in self.window if count.values in elsewhere)
        return Cohort(
            traits=tuple(Trait(trait_names[place], value) for place, value in key),
            probability=self._mass[key],
            attempts=attempts,
            failures=failures,
            attempts_elsewhere=others[0],
            failures_elsewhere=others[1],
            begin=onset_of(members),
        )

    def absence(self) -> tuple[Absence, tuple[str, ...]]:
        """Return why nothing is shared, and the cars that most failures are of if these are few."""
        _, failures = _added_up(self.window)
        if failures < LEAST_FAILURES:
            return Absence.TOO_FEW, ()
        of_car: dict[str, int] = {}
        for count in self.window:
            if count.vehicle_id is not None and count.failures:
                of_car[count.vehicle_id] = of_car.get(count.vehicle_id, 0) + count.failures
        most = sorted(of_car, key=lambda car: -of_car[car])[: LEAST_CARS - 1]
        if 2 * sum(of_car[car] for car in most) > failures:
            return Absence.FEW_CARS, tuple(most)
        is_more = self._total.failures > self._total.expected
        if is_more and self._total.surprise >= _NATS_OF_MORE:
            return Absence.EVERYWHERE, ()
        return Absence.AS_BEFORE, ()


def _added_up(counts: Iterable[Count]) -> tuple[int, int]:
    attempts = failures = 0
    for count in counts:
        attempts += count.attempts
        failures += count.failures
    return attempts, failures


def _of_enough_cars(
    candidates: Mapping[Key, Candidate], window: Sequence[Count]
) -> list[Candidate]:
    """Return the conjunctions that compete, best first: enough cars failed if these are known."""
    failed = [count for count in window if count.failures]
    competing = nlargest(_COMPETING, candidates.values(), key=lambda one: one.score)
    return [one for one in competing if _are_enough(one.key, failed)]


def _are_enough(key: Key, failed: Sequence[Count]) -> bool:
    cars = set()
    for count in failed:
        if is_in(key, count.values):
            if count.vehicle_id is None:
                return True
            cars.add(count.vehicle_id)
            if len(cars) == LEAST_CARS:
                return True
    return False


def _weigh(candidates: Sequence[Candidate], odds_of_none: float) -> tuple[float, dict[Key, float]]:
    """Return the probability of "no cohort", and of each conjunction."""
    most = max([odds_of_none, *(one.score for one in candidates)])
    weights = {one.key: math.exp(one.score - most) for one in candidates}
    none = math.exp(odds_of_none - most)
    total = none + sum(weights.values())
    return none / total, {key: weight / total for key, weight in weights.items()}
