"""Traits that the failures around a time share, searched for in the unlocks of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import tzinfo
from typing import Any, Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.text import Text
from platform_probe.judge.diagnosis.cohorts.cohort_text import finding_in_words, traits_in_words
from platform_probe.judge.diagnosis.cohorts.counts import Count, Values
from platform_probe.judge.diagnosis.cohorts.find import Cohort, Finding, Trait, find_cohorts
from platform_probe.judge.diagnosis.cohorts.names import in_order, names_of
from platform_probe.judge.diagnosis.neighbours import PLATFORM, family_of
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Span
from platform_probe.store.schema import MICRO, SUM_MINUTES, TRAITS
from platform_probe.tell.support.believed import Revision
from platform_probe.tell.support.rows import Row, utc
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import iso_of

GUESS_S: Final = 900.0
"""The time by which failures are assumed to precede the one in question.

If their shared begin is earlier or later, the search finds that out.
"""
AFTER_S: Final = 900.0
FIRST_S: Final = 60.0
"""The first minute after a begin: the earliest failures show the begin to the minute."""
_JUST_S: Final = 0.001
"""The time by which a period ends before a moment outside of it."""
BEFORE_S: Final = 86_400.0
"""The time before that shows what was usual."""
EXACT_S: Final = 7_200.0
"""Older unlocks are added up, and lose their car: they only say how often such unlocks fail."""
MOST_EXACT: Final = 5_000
"""Unlocks of these hours and after.

In a fleet with more, only cars with a failed unlock are told apart. Those before the window are
added up too; the store has the sums. Each exact unlock costs 6 µs, and those of a healthy car say
no more than their sum. Two of 150 incidents of `python -m bench.cohorts --seed 3` differ, one
better, one worse.
"""
SUM_S: Final = 60 * SUM_MINUTES
"""Those of which there is a sum."""
OLDER_MINUTES: Final = 60
"""The minutes of such a sum before these hours."""
MOST_COUNTS: Final = 1_000_000
MOST_SAME: Final = 3
"""The most other names of a cohort that are shown."""
MOST_SURE: Final = 0.999
"""A search is never entirely sure."""

_UNLOCKS: Final = f"""
SELECT started_at, vehicle_id, 1 AS unlocks,
    coalesce($causes IS NULL AND cause IS NOT NULL OR cause IN $causes, false)::INTEGER AS failures,
    true AS is_seen, {", ".join(TRAITS)} FROM observed
"""
_SUMS: Final = f"""
SELECT started_at, NULL AS vehicle_id, unlocks, failures, true AS is_seen, {", ".join(TRAITS)}
FROM attempt_sums
"""
"""They do not tell failures apart: of long ago more seem to have failed alike than had."""
_CALLS: Final = f"""
SELECT called_at AS started_at, vehicle_id, 1 AS unlocks, 1 AS failures, false AS is_seen, region,
    operator, firmware, hardware, site, app_version FROM complaints
WHERE len(attempts) = 0 AND ($causes IS NULL OR '{Cause.NOT_OBSERVED}' IN $causes)
"""
"""A call about an unlock of which nothing came is a failure too, and counted nowhere else."""
_HOW_MANY: Final = """
SELECT coalesce(sum(unlocks), 0) FROM attempt_sums WHERE started_at BETWEEN $near AND $until
"""
_EACH: Final = f"""
SELECT epoch(started_at) AS at_s, vehicle_id AS car, unlocks, failures, is_seen, {", ".join(TRAITS)}
FROM near
"""
_WELL_ADDED_UP: Final = f"""
{_EACH} SEMI JOIN ill USING (vehicle_id)
UNION ALL
SELECT epoch_us(started_at) // {60 * MICRO} * 60.0, NULL, sum(unlocks)::BIGINT,
    sum(failures)::BIGINT, is_seen, {", ".join(TRAITS)}
FROM near ANTI JOIN ill USING (vehicle_id) GROUP BY ALL
"""
"""Cars that were well all the time are not told apart: how many unlocks they had in each minute."""
_COUNTS: Final = f"""
WITH near AS MATERIALIZED (
    FROM ({_UNLOCKS} UNION ALL BY NAME {_CALLS}) WHERE started_at BETWEEN $exact AND $until
), ill AS (SELECT DISTINCT vehicle_id FROM near WHERE failures > 0)
{{recent}}
UNION ALL
SELECT epoch_us(started_at) // bucket_us * bucket_us / 1e6 AS at_s, NULL AS car,
    sum(unlocks)::BIGINT, sum(failures)::BIGINT, is_seen, {", ".join(TRAITS)}
FROM (
    SELECT *, CASE WHEN started_at < $near THEN $older ELSE {SUM_MINUTES} END::BIGINT
        * {60 * MICRO} AS bucket_us
    FROM ({{older}} UNION ALL BY NAME {_CALLS})
    WHERE started_at >= $since AND started_at < $exact
) GROUP BY ALL
ORDER BY ALL
"""


Names = tuple[Trait, ...]
"""A conjunction of traits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTraits(Finding):
    """The traits that failures of a time share, and their other names."""

    same: tuple[tuple[Names, ...], ...]
    """For each cohort that is found the other conjunctions that all its unlocks are of, and no
    others: nobody can tell these from it."""
    is_of_kind: bool
    """Whether failures of one kind count, and others count as none."""


@dataclass(frozen=True, slots=True)
class SimilarFailures:
    """The unlocks that failed as one did."""

    causes: frozenset[Cause]
    mode: str | None
    """The mode that they are believed to have failed of; None: that is not sure."""


def similar_failures(cause: Cause, believed: Revision | None) -> SimilarFailures:
    """Return what may have failed of the same as an unlock of which this is believed.

    These have a cause of the mode; if that is not sure, one of the same family. A customer refused
    by the platform is not out of reach.
    """
    mode = believed.mode if believed is not None and believed.is_likely else None
    if mode is not None:
        causes = frozenset({cause, *(each for each in mode.causes if each is not None)})
        return SimilarFailures(causes, mode.slug)
    family = _family_of(cause)
    return SimilarFailures(frozenset(each for each in Cause if _family_of(each) == family), None)


def _family_of(cause: Cause) -> str | None:
    """Return the family of a cause: an unobserved unlock is like one that the platform refused."""
    return PLATFORM if cause is Cause.NOT_OBSERVED else family_of(cause)


def search_around(duck: Duck, at_s: float, like: SimilarFailures) -> SharedTraits:
    """Return what unlocks share that failed around Unix second `at_s` as one did.

    Unlocks that failed of other causes count as successes here. A few cars in garages say nothing
    of boxes that are not woken, and would hide these. Failures that began more than a minute after
    `at_s` say nothing of it: only the time before that is searched then.
    """
    span = Span(at_s - GUESS_S, at_s + AFTER_S)
    around = _search(duck, span, like)
    late_s = at_s + FIRST_S
    while later := [begin_s for begin_s in map(_earliest_s, around.found) if begin_s > late_s]:
        span = replace(span, until_s=max(min(later) - _JUST_S, at_s))
        around = _search(duck, span, like)
    return around


def _earliest_s(cohort: Cohort) -> float:
    """Return when what a cohort shares began at the earliest, Unix seconds; 0: nobody knows."""
    return 0.0 if cohort.begin is None else cohort.begin.earliest


def search_since(duck: Duck, span: Span) -> SharedTraits:
    """Return what unlocks that failed in a time share, of whatever, against the day before."""
    return _search(duck, span, None)


def _search(duck: Duck, span: Span, like: SimilarFailures | None) -> SharedTraits:
    since_s, until_s = span.since_s or 0.0, span.until_s or 0.0
    near = {"near": utc(since_s - EXACT_S), "until": utc(until_s)}
    is_busy = duck.query(_HOW_MANY, near, limit=1).rows[0][0] > MOST_EXACT
    values = {
        **near,
        "since": utc(since_s - BEFORE_S),
        "exact": utc(since_s // SUM_S * SUM_S) if is_busy else near["near"],
        "older": OLDER_MINUTES if is_busy else SUM_MINUTES,
        "causes": None if like is None else sorted(like.causes),
    }
    recent, older = (_WELL_ADDED_UP, _SUMS) if is_busy else (_EACH, _UNLOCKS)
    sql = _COUNTS.format(recent=recent, older=older)
    rows = duck.query(sql, values, limit=MOST_COUNTS).rows
    kinds = {row[4:] for row in rows}
    # Traits of requests tell only unlocks with a request apart: a call has none of them.
    seen = [kind[1:] for kind in kinds if kind[0]] or [kind[1:] for kind in kinds]
    telling = _telling(seen)
    values_of = {kind: tuple(kind[1 + place] for place in telling) for kind in kinds}
    counts = [
        Count(
            at=row[0],
            vehicle_id=row[1],
            attempts=row[2],
            failures=row[3],
            values=values_of[row[4:]],
        )
        for row in rows
    ]
    finding = find_cohorts(
        counts,
        trait_names=[TRAITS[place] for place in telling],
        since=max(since_s, min((count.at for count in counts), default=since_s)),
    )  # not since a time before anything is known
    mode = None if like is None else like.mode
    return _with_names(finding, seen, mode=mode, is_of_kind=like is not None)


def _with_names(
    finding: Finding, kinds: Sequence[Values], *, mode: str | None, is_of_kind: bool
) -> SharedTraits:
    """Return a finding in which each cohort has the name to be said first, and then its others.

    Each was found among what those before it do not explain.
    """
    found: list[Cohort] = []
    same, rest = [], kinds
    for cohort in finding.found:
        named, *others = _names_of(cohort.traits, rest, mode)
        sure = min(cohort.probability, MOST_SURE)
        found.append(replace(cohort, traits=named, probability=sure))
        same.append(tuple(others[:MOST_SAME]))
        its = [(TRAITS.index(trait.name), trait.value) for trait in cohort.traits]
        rest = [kind for kind in rest if any(kind[place] != value for place, value in its)]
    known = {field.name: getattr(finding, field.name) for field in fields(Finding)}
    return SharedTraits(**known | {"found": tuple(found)}, same=tuple(same), is_of_kind=is_of_kind)


def _telling(kinds: Sequence[Values]) -> list[int]:
    """Return which traits tell unlocks apart: what all share says nothing of those that failed.

    Only the first of several traits that always go together counts: each more would make several
    equal cohorts of one.
    """
    places: dict[tuple[int | None, ...], int] = {}
    for place, _ in enumerate(TRAITS):
        numbers: dict[str, int] = {}
        parts = tuple(
            None if value is None else numbers.setdefault(value, len(numbers))
            for value in (kind[place] for kind in kinds)
        )
        if len(set(parts)) > 1:
            places.setdefault(parts, place)
    return [*places.values()]


def _names_of(traits: Names, kinds: Sequence[Values], mode: str | None) -> list[Names]:
    """Return all names of a cohort, that which is to be said first."""
    own = frozenset((TRAITS.index(trait.name), trait.value) for trait in traits)
    names = [{TRAITS[place]: its for place, its in sorted(one)} for one in names_of(own, kinds)]
    return [
        tuple(Trait(name, value) for name, value in one.items()) for one in in_order(names, mode)
    ]


def around_in_words(around: SharedTraits, speaker: Speaker) -> str:
    """Return the traits of the failures, a sentence for each cohort, and what stays unknown.

    `speaker` says it in a language, with times of a zone.
    """
    sentences = finding_in_words(around, is_of_kind=around.is_of_kind)
    for cohort, same in zip(around.found, around.same, strict=True):
        if same:
            others = tuple(map(traits_in_words, same))
            its = traits_in_words(cohort.traits)
            sentences.append(Text(key="shared.same", values={"cohort": its, "same": others}))
    return " ".join(map(speaker.say, sentences))


def finding_json(finding: SharedTraits, speaker: Speaker) -> dict[str, Any]:
    """Return a finding for a program: times in ISO 8601 in the zone."""
    zone = speaker.zone
    return {
        "said": around_in_words(finding, speaker),
        "since": iso_of(finding.since, zone),
        "attempts": finding.attempts,
        "failures": finding.failures,
        "cohorts": [
            {**_cohort_json(cohort, zone), "same_as": [*map(_names_json, same)]}
            for cohort, same in zip(finding.found, finding.same, strict=True)
        ],
        "ranked": [_cohort_json(cohort, zone) for cohort in finding.ranked],
        "none_probability": finding.none_probability,
        "absence": finding.absence,
        "cars": finding.cars,
    }


def _cohort_json(cohort: Cohort, zone: tzinfo) -> dict[str, Any]:
    begin = cohort.begin
    return {
        "traits": _names_json(cohort.traits),
        "probability": cohort.probability,
        "attempts": cohort.attempts,
        "failures": cohort.failures,
        "attempts_elsewhere": cohort.attempts_elsewhere,
        "failures_elsewhere": cohort.failures_elsewhere,
        "begin": None if begin is None else iso_of(begin.at, zone),
    }


def _names_json(traits: Names) -> dict[str, str]:
    return {trait.name: trait.value for trait in traits}


def is_in_cohort(attempt: Row, cohort: Cohort) -> bool:
    """Return whether an unlock, or a call about one, shares what a cohort shares."""
    return all(attempt.get(trait.name) == trait.value for trait in cohort.traits)
