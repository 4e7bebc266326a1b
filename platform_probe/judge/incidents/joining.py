"""Which findings are one problem."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.detection.blindness import NOT_CONNECTED
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.detection.measures import ORDINARY, RARE_MODES
from platform_probe.judge.detection.sighting import SURE
from platform_probe.judge.incidents.parts import are_of_others, whom_of
from platform_probe.judge.incidents.words import cause_of, mode_of

Cohorts = Sequence[Mapping[str, str]]
"""Values by trait."""
ALONE: Final = frozenset({IncidentKind.SUSPICIOUS, IncidentKind.MONITOR_BLIND})
"""Kinds that no other kind is the same problem as, but for a broker that is away."""
UNSEEN_S: Final = 120.0
"""The time without failures after which an incident may be over [E].

It is resolved much later, and before that customers may try again.
"""
NEAR_S: Final = 1800.0
"""Two things that began so far from each other are two problems, whatever they share [E]."""
TOGETHER_S: Final = 600.0
"""The time between begins within which two cohorts of one mode are one problem [E]."""
SHARED: Final = 0.5
"""So large a part of the cars of one finding must be of the other, to be one problem [E]."""
NONE_OF_IT: Final = 0.05
"""The probability up to which diagnoses exclude a mode [E]."""
LEAST_OF_MODE: Final = 2.0
"""The sum of probabilities from which diagnoses give an incident its mode, of the three that there
are at least [E].
"""


def is_part(finding: Finding, cohort: Mapping[str, str]) -> bool:
    """Return whether all whom a finding hits are of a cohort, by whatever name."""
    common = whom_of(finding)
    return all(common.get(name) == value for name, value in cohort.items())


def are_nested(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether one cohort is a part of the other."""
    few, many = sorted((one, other), key=len)
    return all(many.get(name) == value for name, value in few.items())


def are_one(
    finding: Finding, incident: Incident, known: Collection[Finding], cohorts: Cohorts
) -> bool:
    """Return whether a finding is the problem of an incident, which hits these cohorts.

    `known` are the incident's findings, also those that are over: what began before these were
    unseen is held against them as if they went on. Two findings of the test of failures are two
    problems, since the second was found among failures that the first does not explain. They are
    one if both began together and are diagnosed alike. A finding that hits others as well is
    another problem if it is of a cause that this one has not shown.
    """
    others = [one for one in known if not one.is_over or finding.since < one.last_at + UNSEEN_S]
    if (finding.kind in ALONE or incident.kind in ALONE) and finding.kind is not incident.kind:
        return any(
            _are_of_broker(finding, one) or are_one_suspicion(finding, one) for one in others
        )
    if finding.kind is IncidentKind.SUSPICIOUS:
        return any(one.what == finding.what or one.customers & finding.customers for one in others)
    if is_of_another(finding, incident, known):
        return False
    if known and not others:
        return is_seen_in(finding, incident, known, cohorts)
    is_of_it = dict(finding.cohort) in cohorts
    same = [one for one in others if one.what == finding.what]
    if not is_of_it and same and finding.kind is IncidentKind.FAILURES:
        return any(have_one_mode(finding, one) or _is_more_of(finding, one) for one in same)
    is_within = any(is_part(finding, cohort) for cohort in cohorts)
    if not others:
        is_near = is_within or _is_around(finding, cohorts)
    else:
        is_near = any(_are_near(finding, one) for one in others)
    return is_of_it or (is_near and (is_within or not _is_of_else(finding, incident, known)))


def is_seen_in(
    finding: Finding, incident: Incident, known: Collection[Finding], cohorts: Cohorts
) -> bool:
    """Return whether a finding is what an incident was of which nothing is seen any more.

    In its cohort it must be of no cause or mode that this incident has not shown: lost cars have
    neither. In a part of its cohort it must share a cause or mode with it. In a larger cohort that
    cause or mode must be one that cars do not have on any day.
    """
    found, mode, cause = mode_of(finding), incident.mode, cause_of(finding)
    if found is not None and mode is not None:
        is_else = not _has_of(finding, mode) and not any(_has_of(one, found[0]) for one in known)
        is_it = is_rare = found[0] == mode
    else:
        is_else = _is_of_else(finding, incident, known)
        is_it = cause is not None and not is_else
        is_rare = is_it and cause not in ORDINARY
    if dict(finding.cohort) in cohorts:
        return not is_else
    if any(is_part(finding, cohort) for cohort in cohorts):
        return is_it
    return is_rare and _is_around(finding, cohorts)


def is_of_another(finding: Finding, incident: Incident, known: Collection[Finding]) -> bool:
    """Return whether a finding is of a rare failure mode, and an incident is of another one.

    It began later, at other cars, and none of it is diagnosed as the incident's mode. A finding
    that is only mistaken for now, or follows from the incident, is the same problem.
    """
    found, mode = mode_of(finding), incident.mode
    if finding.kind is not IncidentKind.FAILURES or found is None or mode in (None, found[0]):
        return False
    is_rare = found[0] in RARE_MODES and found[1] >= SURE
    is_later = all(finding.since > one.since for one in known)
    is_else = not _has_of(finding, mode)
    is_sure = max((one.modes.get(mode, 0.0) for one in known), default=0.0) >= LEAST_OF_MODE
    is_elsewhere = not any(_have_cars_in_common(finding, one) for one in known)
    return is_rare and is_later and is_else and is_sure and is_elsewhere


def have_one_mode(one: Finding, other: Finding) -> bool:
    """Return whether two findings began together, and have the same failure mode."""
    modes = [found[0] for each in (one, other) if (found := mode_of(each)) is not None]
    is_same_time = abs(one.since - other.since) < TOGETHER_S
    return is_same_time and len(modes) > 1 and modes[0] == modes[1]


def are_one_suspicion(one: Finding, other: Finding) -> bool:
    """Return whether one is suspicious traffic, and the other unlocks that fail of just that."""
    kinds = {one.kind, other.kind}
    return kinds == {IncidentKind.SUSPICIOUS, IncidentKind.FAILURES} and have_one_mode(one, other)


def are_two_modes(one: Finding, other: Finding) -> bool:
    """Return whether two findings have nobody in common, and each a mode that the other has not."""
    ours, theirs = mode_of(one), mode_of(other)
    if ours is None or theirs is None or min(ours[1], theirs[1]) < SURE:
        return False
    is_else = not _has_of(one, theirs[0]) and not _has_of(other, ours[0])
    return is_else and are_of_others(one, other)


def _are_of_broker(one: Finding, other: Finding) -> bool:
    """Return whether the broker is away for the monitor, and for those whose unlocks fail."""
    is_away = NOT_CONNECTED in (one.what, other.what)
    return is_away and Cause.BROKER_UNREACHABLE in (cause_of(one), cause_of(other))


def _is_of_else(finding: Finding, incident: Incident, known: Collection[Finding]) -> bool:
    """Return whether the commonest cause of a finding is none that an incident has shown.

    Lost cars have no cause, and show those of their mode.
    """
    causes: set[Cause | None] = {each for one in known for each in one.causes}
    causes.add(incident.cause)
    modes = {found[0] for one in known if (found := mode_of(one)) is not None}
    for mode in MODES.keys() & {*modes, incident.mode}:
        causes |= MODES[mode].causes
    cause = cause_of(finding)
    return cause is not None and causes != {None} and cause not in causes


def _is_more_of(finding: Finding, other: Finding) -> bool:
    """Return whether a finding is what another one is, around it or within it, and not parted.

    A flickering problem is found in one cohort now, and then in one around it.
    """
    modes = {found[0] for each in (finding, other) if (found := mode_of(each)) is not None}
    is_alike = len(modes) <= 1 and cause_of(finding) is cause_of(other)
    is_parted = finding.split_from is not None
    return is_alike and not is_parted and are_nested(finding.cohort, other.cohort)


def _has_of(finding: Finding, mode: str) -> bool:
    """Return whether diagnoses of a finding give a mode more than what they give to any."""
    return finding.modes.get(mode, 0.0) >= NONE_OF_IT * max(finding.diagnosed, 1)


def _is_around(finding: Finding, cohorts: Cohorts) -> bool:
    """Return whether a finding is within one of these cohorts, or around it."""
    return any(is_part(finding, one) or are_nested(finding.cohort, one) for one in cohorts)


def _are_near(finding: Finding, other: Finding) -> bool:
    is_same_time = abs(finding.since - other.since) < NEAR_S
    if is_same_time and (is_part(finding, other.cohort) or is_part(other, finding.cohort)):
        return True
    return _have_cars_in_common(finding, other)


def _have_cars_in_common(one: Finding, other: Finding) -> bool:
    few = min(len(one.cars), len(other.cars))
    return few > 0 and len(one.cars & other.cars) >= SHARED * few
