"""Which cohort hits share, for the name of a problem: the search of the diagnosis, for one look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from platform_probe.judge.detection.traits import TRAITS, Key, Values, is_in
from platform_probe.judge.diagnosis.cohorts.counts import Count
from platform_probe.judge.diagnosis.cohorts.find import Absence, Cohort, find_cohorts
from platform_probe.judge.diagnosis.cohorts.onset import onset_of

LIKELY: Final = 0.5
"""The probability from which a further shared trait is named.

The first is likelier than that nothing is shared, and may be one of several ways to say the same.
"""


@dataclass(frozen=True, slots=True)
class SharedTraits:
    """The traits that hits share, and since when."""

    key: Key
    since: float
    """Unix seconds."""
    probability: float
    failures: int


@dataclass(frozen=True, slots=True)
class TraitSearch:
    """The result of one search."""

    found: tuple[SharedTraits, ...]
    absence: Absence | None
    since: float


def search_traits(counts: Sequence[Count], of_whom: Sequence[Count]) -> TraitSearch:
    """Search for what hits share, from when `of_whom`, a part of the counts, became worse.

    If the counts were bad from the start, the result begins there.
    """
    begin = onset_of(of_whom)
    return search_traits_since(counts, of_whom[0].at if begin is None else begin.at)


def search_traits_since(
    counts: Sequence[Count], since: float, *, traits: Collection[str] = TRAITS
) -> TraitSearch:
    """Search for what hits since a moment share, among these traits."""
    places = [place for place in _telling(counts) if TRAITS[place] in traits]
    kinds = {one.values for one in counts}
    telling = {values: tuple([values[place] for place in places]) for values in kinds}
    told = [
        Count(
            at=one.at,
            values=telling[one.values],
            vehicle_id=one.vehicle_id,
            attempts=one.attempts,
            failures=one.failures,
        )
        for one in counts
    ]
    finding = find_cohorts(told, trait_names=[TRAITS[place] for place in places], since=since)
    found = tuple(
        _shared_traits(cohort, finding.since, kinds)
        for place, cohort in enumerate(finding.found)
        if not place or cohort.probability >= LIKELY
    )
    return TraitSearch(found, finding.absence, finding.since)


def look_for_each(counts: Sequence[Count], since: float, *, traits: Collection[str]) -> TraitSearch:
    """Search for what hits since a moment share; of several, how likely the first is by itself.

    It was searched for among all: of two that fail alike each is half as likely to be the first.
    """
    found = search_traits_since(counts, since, traits=traits)
    if len(found.found) <= 1:
        return found
    first, *parts = found.found
    rest = [one for one in counts if not any(is_in(part.key, one.values) for part in parts)]
    kinds = {one.values for one in rest}
    for one in search_traits_since(rest, found.since, traits=traits).found[:1]:
        if all(is_in(one.key, values) is is_in(first.key, values) for values in kinds):
            first = replace(first, probability=max(first.probability, one.probability))
    return replace(found, found=(first, *parts))


def telling_part(key: Key, kinds: Collection[Values]) -> Key:
    """Return a cohort without the traits that add nothing to its others, among all `kinds`.

    That is what all have that have the others, and some that have not: an operator's firmware,
    where others drive it too. Traits that only these unlocks have are their name as well, and stay.
    """
    for trait in reversed(key):
        others = tuple(one for one in key if one != trait)
        members = [values for values in kinds if is_in(others, values)]
        adds = any(values[trait[0]] not in (None, trait[1]) for values in members)
        has_more = any(is_in((trait,), values) and not is_in(others, values) for values in kinds)
        if members and others and has_more and not adds:
            key = others
    return key


def _shared_traits(cohort: Cohort, since: float, kinds: Collection[Values]) -> SharedTraits:
    key = tuple(sorted((TRAITS.index(trait.name), trait.value) for trait in cohort.traits))
    key = telling_part(key, kinds)
    at = since if cohort.begin is None else max(cohort.begin.at, since)
    return SharedTraits(key, at, cohort.probability, cohort.failures)


def _telling(counts: Sequence[Count]) -> list[int]:
    """Return the traits that tell unlocks apart: what all share says nothing of those hit."""
    kinds = {one.values for one in counts}
    return [place for place, _ in enumerate(TRAITS) if len({one[place] for one in kinds}) > 1]
