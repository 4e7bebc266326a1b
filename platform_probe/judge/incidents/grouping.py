"""Which findings are one problem: connected components of findings that overlap. Pure functions.

Two findings are linked if they overlap in time and in cars, if both have the same diagnosis and
began together, or if one is the return of the other. A component never holds two findings with
different diagnoses that have no car or no cause in common, if both diagnoses are confident.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.detection.blindness import NOT_CONNECTED
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.detection.problem import WAITED
from platform_probe.judge.incidents.finding_parts import affected_traits, are_disjoint
from platform_probe.judge.incidents.incident_title import cause_of, mode_of

ALONE: Final = frozenset({IncidentKind.SUSPICIOUS, IncidentKind.MONITOR_BLIND})
"""Kinds that are a problem of their own, with two exceptions: see `_strength_of_alone`."""
OF_ANY_CAR: Final = frozenset({IncidentKind.LATENCY, IncidentKind.GENERIC_ERRORS})
"""Kinds that depend on a hop or the API, and hit whatever car is asked for."""
TOGETHER_S: Final = 600.0
"""The time between begins within which two cohorts of one mode are one problem [E]."""
SHARED: Final = 0.5
"""The share of the cars of one finding that the other must have, to overlap [E]."""
NEARLY_ALL: Final = 0.8
"""The share of the cars for which a hop is slow that make it a cohort's [E]."""
EVERYWHERE: Final = 0.2
"""The share of all unlocks from which a problem is everybody's, and not that of some cars [E]."""
CONFIDENT: Final = 0.6
"""The share of diagnosed unlocks from which a mode keeps two findings apart [E]."""
LEAST_OF_MODE: Final = 2.0
"""The sum of probabilities that such a mode needs as well [E]."""
NONE_OF_IT: Final = 0.05
"""The probability up to which diagnoses exclude a mode [E]."""
RETURN_S: Final = 7200.0
"""The time after its end within which a problem may return [E]."""
_CERTAIN: Final = 2.0
"""The strength of a link without a share of cars: stronger than any share."""

Pair = tuple[int, int]
"""The numbers of two findings, the smaller first."""


def link_strength(one: Finding, other: Finding) -> float:
    """Return how strongly two findings are linked, 0.0 if they are not."""
    if are_two(one, other):
        return 0.0
    if ALONE & {one.kind, other.kind}:
        return _strength_of_alone(one, other)
    if _are_at_once(one, other):
        return max(_strength_of_place(one, other), _CERTAIN * _have_one_mode(one, other))
    earlier, later = sorted((one, other), key=lambda each: each.last_at)
    return _CERTAIN * _is_return(later, earlier)


def are_two(one: Finding, other: Finding) -> bool:
    """Return whether two findings have different, confident diagnoses and nothing in common.

    That is no car, or no cause: a box that refuses is not away, though it was moments before.
    """
    ours, theirs = _confident_mode(one), _confident_mode(other)
    if ours is None or theirs is None or ours == theirs:
        return False
    is_else = not _has_of(one, theirs) and not _has_of(other, ours)
    if not is_else:
        return False
    causes, others = _causes_of(one), _causes_of(other)
    have_no_cause = bool(causes and others) and causes.isdisjoint(others)
    return have_no_cause or _shared_cars(one, other) <= NONE_OF_IT


def groups_of(
    findings: Collection[Finding],
    links: Mapping[Pair, float],
    *,
    may_join: Callable[[Finding, Finding], bool],
) -> list[list[Finding]]:
    """Return the findings in groups: the components of `links`, the strongest links first.

    A link that would bring together two findings that may not join is left out.
    """
    group_of = {one.number: [one] for one in findings}
    for (first, second), _ in sorted(links.items(), key=lambda item: (-item[1], item[0])):
        ours, theirs = group_of.get(first), group_of.get(second)
        if ours is None or theirs is None or ours is theirs:
            continue
        if all(may_join(one, other) for one in ours for other in theirs):
            ours += theirs
            group_of.update((one.number, ours) for one in theirs)
    groups = {id(group): group for group in group_of.values()}
    return [sorted(group, key=lambda one: one.number) for group in groups.values()]


def pair_of(one: Finding, other: Finding) -> Pair:
    """Return the pair of two findings."""
    return min(one.number, other.number), max(one.number, other.number)


def share_a_cohort(one: Finding, other: Finding) -> bool:
    """Return whether two findings hit the same cohort, by whatever name, or one a part of it."""
    return is_within_cohort(one, other.cohort) or is_within_cohort(other, one.cohort)


def is_within_cohort(finding: Finding, cohort: Mapping[str, str]) -> bool:
    """Return whether all whom a finding hits are of a cohort, by whatever name."""
    common = affected_traits(finding)
    return all(common.get(name) == value for name, value in cohort.items())


def _strength_of_alone(one: Finding, other: Finding) -> float:
    """Return the strength of a link with suspicious traffic, or with a blind monitor.

    Suspicious traffic is one with the unlocks that fail of just that. A blind monitor is one with
    unlocks that fail because the broker is away.
    """
    kinds = {one.kind, other.kind}
    if kinds == {IncidentKind.SUSPICIOUS}:
        return _CERTAIN * (one.what == other.what or bool(one.customers & other.customers))
    if len(kinds) == 1:
        return _CERTAIN
    if IncidentKind.SUSPICIOUS in kinds:
        return _CERTAIN * (IncidentKind.FAILURES in kinds and _have_one_mode(one, other))
    is_away = NOT_CONNECTED in (one.what, other.what)
    return _CERTAIN * (is_away and Cause.BROKER_UNREACHABLE in (cause_of(one), cause_of(other)))


def _are_at_once(one: Finding, other: Finding) -> bool:
    """Return whether two findings overlap in time."""
    return max(one.since, other.since) <= min(_end_s(one), _end_s(other))


def _end_s(finding: Finding) -> float:
    return finding.last_at if finding.is_over else math.inf


def _strength_of_place(one: Finding, other: Finding) -> float:
    """Return by how much two findings overlap in cars.

    The cars of a cohort are known only as far as they were hit. So two findings of one cohort
    overlap. So do those of a cohort and a part of it, unless they have different, confident
    diagnoses. Two findings in all cars overlap unless they have different causes. A finding in all
    cars and one of a cohort must have cars in common. A hop that is slow for everybody has the cars
    of any cohort, and so have errors of the API: nearly all of them must be the cohort's.
    """
    shared = _shared_cars(one, other)
    if _is_of_others_too(one, other):
        return 0.0
    if shared >= SHARED:
        return shared
    if one.cohort and other.cohort:
        is_same = dict(one.cohort) == dict(other.cohort)
        is_part = share_a_cohort(one, other) and not _have_two_modes(one, other)
        is_near = is_same or is_part
    else:
        is_near = not one.cohort and not other.cohort and not _differ(one, other)
    return max(shared, NONE_OF_IT) if is_near else 0.0


def _is_of_others_too(one: Finding, other: Finding) -> bool:
    """Return whether one finding hits whatever car is asked for, and not just a cohort's cars."""
    wide, narrow = (other, one) if one.cohort else (one, other)
    is_of_any_car = wide.kind in OF_ANY_CAR and narrow.kind not in OF_ANY_CAR
    if not is_of_any_car or wide.cohort or not narrow.cohort or wide.share < EVERYWHERE:
        return False
    return len(wide.cars & narrow.cars) < NEARLY_ALL * len(wide.cars)


def _shared_cars(one: Finding, other: Finding) -> float:
    """Return which share of the cars of one the other has, of that with fewer cars."""
    if are_disjoint(one, other) and one.cohort and other.cohort:
        return 0.0
    few = min(len(one.cars), len(other.cars))
    return len(one.cars & other.cars) / few if few else 0.0


def _have_mostly_one_set_of_cars(one: Finding, other: Finding) -> bool:
    return len(one.cars & other.cars) >= SHARED * max(len(one.cars | other.cars), 1)


def _is_return(later: Finding, earlier: Finding) -> bool:
    """Return whether a finding is what an earlier one was, of which nothing was seen meanwhile.

    In the same cohort, no cause and no mode may speak against it. Otherwise one cohort must be a
    part of the other, and both must have the same mode, or for a part the same cause (the same
    measure, if there is no cause). A few of all cars must be the same cars. For two confident
    diagnoses of one mode see `_have_one_mode` and `_is_elsewhere`.
    """
    if later.since - earlier.last_at > RETURN_S:
        return False
    is_confident = _confident_mode(later) is not None and _confident_mode(earlier) is not None
    if is_confident and _have_one_mode(later, earlier) and not _is_elsewhere(later, earlier):
        return True
    modes = _mode(later), _mode(earlier)
    causes, known = _causes_of(later), _causes_of(earlier)
    is_same_measure = not causes and not known and later.what == earlier.what
    is_alike = bool(causes & known or is_same_measure) and not _differ(later, earlier)
    if None not in modes:
        is_alike = modes[0] == modes[1]
    if not (later.cohort and earlier.cohort):
        is_same = dict(later.cohort) == dict(earlier.cohort) and earlier.share >= EVERYWHERE
        return is_alike and (is_same or _have_mostly_one_set_of_cars(later, earlier))
    if dict(later.cohort) == dict(earlier.cohort):
        return not _differ(later, earlier)
    is_certain = None not in modes or is_within_cohort(later, earlier.cohort)
    return share_a_cohort(later, earlier) and is_alike and is_certain


def _is_elsewhere(later: Finding, earlier: Finding) -> bool:
    """Return whether a finding has a cohort, and hardly a car of one without a cohort."""
    has_place = bool(later.cohort) and not earlier.cohort
    has_hardly_any = len(later.cars & earlier.cars) <= 1
    return has_place and (has_hardly_any or _shared_cars(later, earlier) <= NONE_OF_IT)


def _differ(one: Finding, other: Finding) -> bool:
    """Return whether what is known of two findings speaks against one problem."""
    ours, theirs = _mode(one), _mode(other)
    if ours is not None and theirs is not None:
        return not _has_of(one, theirs) and not _has_of(other, ours)
    cause, known = cause_of(one), _causes_of(other)
    is_else = cause is not None and bool(known) and cause not in known
    return is_else and cause_of(other) not in _causes_of(one)


def _have_one_mode(one: Finding, other: Finding) -> bool:
    """Return whether two findings have the same failure mode, and nothing tells them apart.

    Two cohorts must have begun together. A finding in all cars has no place of its own: if both
    modes are confident, it is the other's problem whenever it began.
    """
    mode = _mode(one)
    if mode is None or mode != _mode(other):
        return False
    if not (one.cohort and other.cohort) and _confident_mode(one) and _confident_mode(other):
        return True
    return abs(one.since - other.since) < TOGETHER_S


def _have_two_modes(one: Finding, other: Finding) -> bool:
    """Return whether two findings have different, confident diagnoses."""
    modes = {_confident_mode(one), _confident_mode(other)}
    return None not in modes and len(modes) > 1


def _causes_of(finding: Finding) -> set[Cause | None]:
    """Return the causes that a finding has shown; of lost cars, which have none, their mode's."""
    if finding.kind is not IncidentKind.CARS_LOST:
        return {*finding.causes}
    mode = _mode(finding)
    return {*MODES[mode].causes} if mode in MODES else set()


def _mode(finding: Finding) -> str | None:
    found = mode_of(finding)
    return None if found is None else found[0]


def _confident_mode(finding: Finding) -> str | None:
    """Return the mode of a finding, if enough diagnoses are confident of it.

    That commands have waited follows from doors that open late: nobody has diagnosed it.
    """
    found = mode_of(finding)
    if found is None or found[1] < CONFIDENT:
        return None
    if finding.kind is IncidentKind.LATE_UNLOCKS and found[0] == WAITED:
        return None
    is_enough = finding.modes[found[0]] >= LEAST_OF_MODE or finding.what == found[0]
    return found[0] if is_enough else None


def _has_of(finding: Finding, mode: str) -> bool:
    """Return whether diagnoses of a finding give a mode more than what they give to any."""
    return finding.modes.get(mode, 0.0) >= NONE_OF_IT * max(finding.diagnosed, 1)
