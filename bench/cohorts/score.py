"""Counts how often the right cohort is found, and found to be none."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

import msgspec

from bench.cohorts.fleet import TRAITS
from bench.cohorts.incidents import Incident, Names, make_incident
from bench.cohorts.outside import Outside
from platform_probe.judge.diagnosis.cohorts.find import Cohort, Finding, find_cohorts

TUNED_ON_SEED: Final = 1
"""Constants of the search were chosen on the first 600 incidents of this seed."""
_IN: Final = 3


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What the search made of one incident."""

    number: int
    kind: str
    traits: int
    """Of the first of its cohorts; 0: it has none."""
    is_first: bool
    """The first that is said is right; of none: nothing is said."""
    is_in_three: bool
    says_none: bool
    is_complete: bool
    """All cohorts are said, and nothing else."""
    holds_begin: bool | None
    """The interval of the begin holds it; None where the cohort is not the right one."""
    probability: float
    """How sure the search was of what it says."""
    took_ms: float
    """CPU time."""


class CohortScore(msgspec.Struct, frozen=True, kw_only=True):
    """Rates over many incidents."""

    top1: float
    """Incidents with a cohort in which a right one is said first."""
    top3: float
    none_f1: float
    """F1 of the answer "no cohort"."""
    both: float
    """Incidents with two cohorts in which these two are said, and no other."""
    begin_held: float
    calibration_error: float
    """Mean distance of probability and truth over ten bins, by their size (ECE)."""
    ms: float
    ms_p95: float
    seed: int
    incidents: int


class OutsideScore(msgspec.Struct, frozen=True, kw_only=True):
    """Rates over incidents of others, in which there always is a cohort: the likeliest count."""

    top1: float
    top3: float
    ms: float
    incidents: int


def names_of(cohort: Cohort) -> Names:
    """Return a cohort's traits, to compare."""
    return frozenset((trait.name, trait.value) for trait in cohort.traits)


def try_incident(incident: Incident) -> Tried:
    """Search, and compare with what was struck."""
    began_s = time.process_time()
    finding = find_cohorts(incident.counts, trait_names=TRAITS, since=incident.since)
    took_ms = (time.process_time() - began_s) * 1e3
    said = [names_of(one) for one in finding.found]
    is_first = said[0] in incident.cohorts if said else not incident.cohorts
    ranked = [names_of(one) for one in finding.ranked[:_IN]]
    begin = finding.found[0].begin if said else None
    return Tried(
        number=incident.number,
        kind=incident.kind.value,
        traits=len(incident.cohorts[0]) if incident.cohorts else 0,
        is_first=is_first,
        is_in_three=any(one in incident.cohorts for one in ranked),
        says_none=not said,
        is_complete=set(said) == set(incident.cohorts),
        holds_begin=begin.earliest <= incident.began_at <= begin.latest
        if begin and is_first
        else None,
        probability=finding.found[0].probability if said else finding.none_probability,
        took_ms=took_ms,
    )


def score_own(seed: int, incidents: int) -> tuple[CohortScore, list[Tried]]:
    """Return the rates over incidents of our own making, and what was made of each."""
    tried = [try_incident(make_incident(seed, number)) for number in range(incidents)]
    struck = [one for one in tried if one.traits]
    none = [one for one in tried if not one.traits]
    right_none = sum(one.says_none for one in none)
    wrong = sum(one.says_none for one in struck) + sum(not one.says_none for one in none)
    took_ms = sorted(one.took_ms for one in tried)
    score = CohortScore(
        top1=_share(one.is_first for one in struck),
        top3=_share(one.is_in_three for one in struck),
        none_f1=2 * right_none / max(1, 2 * right_none + wrong),
        both=_share(one.is_complete for one in struck if one.kind == "two cohorts"),
        begin_held=_share(one.holds_begin for one in struck if one.holds_begin is not None),
        calibration_error=_calibration_error(tried),
        ms=fmean(took_ms),
        ms_p95=took_ms[int(0.95 * (len(took_ms) - 1))],
        seed=seed,
        incidents=incidents,
    )
    return score, tried


def score_outside(incidents: Sequence[Outside]) -> OutsideScore:
    """Return the rates over incidents of others."""
    began_s = time.process_time()
    found = [
        find_cohorts(one.counts, trait_names=one.trait_names, since=one.since, is_exact=True)
        for one in incidents
    ]
    took_ms = (time.process_time() - began_s) * 1e3
    pairs = list(zip(incidents, found, strict=True))
    return OutsideScore(
        top1=_share(_has_right(one, finding, 1) for one, finding in pairs),
        top3=_share(_has_right(one, finding, _IN) for one, finding in pairs),
        ms=took_ms / max(1, len(pairs)),
        incidents=len(pairs),
    )


def _has_right(incident: Outside, finding: Finding, count: int) -> bool:
    return any(names_of(cohort) in incident.cohorts for cohort in finding.ranked[:count])


def _share(truths: Iterable[bool | None]) -> float:
    values = [float(bool(one)) for one in truths]
    return fmean(values) if values else 0.0


def _calibration_error(tried: Sequence[Tried]) -> float:
    bins: dict[int, list[Tried]] = {}
    for one in tried:
        bins.setdefault(min(9, int(10 * one.probability)), []).append(one)
    return sum(
        abs(sum(one.probability for one in some) - sum(one.is_first for one in some))
        for some in bins.values()
    ) / max(1, len(tried))
