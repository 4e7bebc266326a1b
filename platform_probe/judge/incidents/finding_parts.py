"""The finding that names an incident, and the ones that its numbers count.

Findings overlap: unlocks that fail are also of the test of one cause, and of a cohort around
theirs. So an incident counts one of its findings. It adds only those with the same measure and
disjoint unlocks: each unlock counts once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from fleet_wire.contract.incident import IncidentKind
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.incidents.incident_title import cause_of, in_title, mode_of

RANK: Final = (
    IncidentKind.SUSPICIOUS,
    IncidentKind.MONITOR_BLIND,
    IncidentKind.FAILURES,
    IncidentKind.CARS_LOST,
    IncidentKind.SILENCE,
    IncidentKind.GENERIC_ERRORS,
    IncidentKind.LATE_UNLOCKS,
    IncidentKind.LATENCY,
)
"""Which of its findings an incident is named after: what customers feel, before its signs."""
OF_THOSE_BACK: Final = frozenset({"reconnect_storm", "late_delivery_persistent_session"})
"""Modes of cars that are back: as long as most are away it is none."""


def most_telling(findings: Collection[Finding]) -> Finding:
    """Return the finding that an incident is named after.

    The first of these properties that tells findings apart decides:

    1. It has a mode.
    2. Its mode is diagnosed as often as any other, within a standard deviation: failures at another
       stage, or of pressing again, are fewer. A mode has as many unlocks as any of its findings:
       lost cars count each press of a customer, failures the first.
    3. It is suspicious traffic.
    4. It has a cause.
    5. It goes on.
    6. Customers feel it more, see `RANK`.
    7. Some mode was diagnosed.
    8. It has more hits.
    """
    named: dict[str, float] = {}
    for one in findings:
        mode = _mode(one)
        named[mode] = max(named.get(mode, 0.0), one.modes.get(mode, 0.0))
    most = max(named.values())
    enough = most - math.sqrt(most)
    return min(
        findings,
        key=lambda one: (
            not _mode(one),
            named[_mode(one)] < enough,
            one.kind is not IncidentKind.SUSPICIOUS,  # such incidents have readers of their own
            cause_of(one) is None,
            one.is_over,
            RANK.index(one.kind),
            not one.modes,
            -one.failed,
        ),
    )


def believed(findings: Collection[Finding]) -> list[Finding]:
    """Return the findings of an incident without the modes that cannot be as long as cars are away.

    A single unlock is diagnosed before it is known which cars come back at once.
    """
    active = [one for one in findings if not one.is_over]
    waves = [one for one in active if one.kind is IncidentKind.CARS_LOST]
    away = {one.number for one in active if not all(are_disjoint(one, each) for each in waves)}
    return [_without(one, OF_THOSE_BACK) if one.number in away else one for one in findings]


def counted_findings(findings: Collection[Finding]) -> list[Finding]:
    """Return the findings that an incident counts: the one that it is named after comes first."""
    found = most_telling(findings)
    parts = [found]
    alike = [one for one in findings if one.what == found.what and one is not found]
    for one in sorted(alike, key=lambda one: (one.is_over, -one.failed, one.number)):
        if all(_hit_others_in_turn(one, other) for other in parts):
            parts.append(one)
    return parts


def with_all_numbers(parts: Sequence[Finding]) -> Finding:
    """Return the first of these parts with the numbers of all of them.

    Elsewhere is what is in none: a part's own elsewhere has the others in it.
    """
    found = parts[0]
    if len(parts) == 1:
        return found
    failed, total = sum(one.failed for one in parts), sum(one.total for one in parts)
    elsewhere_failed = elsewhere_total = 0
    for turn in _turns(parts):
        all_failed = max(one.failed + one.elsewhere_failed for one in turn)
        all_there = max(one.total + one.elsewhere_total for one in turn)
        elsewhere_failed += max(all_failed - sum(one.failed for one in turn), 0)
        elsewhere_total += max(all_there - sum(one.total for one in turn), 0)
    expected = sum(one.expected * one.total for one in parts) / total if total else found.expected
    return replace(
        found,
        failed=failed,
        total=total,
        elsewhere_failed=min(elsewhere_failed, elsewhere_total),
        elsewhere_total=elsewhere_total,
        expected=expected,
    )


def cohorts_of(parts: Sequence[Finding]) -> list[dict[str, str]]:
    """Return the cohorts of parts, each once, those of more traits first."""
    cohorts = {tuple(sorted(one.cohort.items())): dict(one.cohort) for one in parts}
    return sorted(cohorts.values(), key=in_title)


def common_cohort(cohorts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what cohorts have in common."""
    first, *others = cohorts
    return {
        name: value
        for name, value in first.items()
        if all(one.get(name) == value for one in others)
    }


def affected_traits(finding: Finding) -> dict[str, str]:
    """Return all that those have in common whom a finding hits."""
    return {**finding.common, **finding.cohort}


def are_disjoint(one: Finding, other: Finding) -> bool:
    """Return whether two findings have nobody in common."""
    whose, others = affected_traits(one), affected_traits(other)
    return any(others.get(name, value) != value for name, value in whose.items())


def _hit_others_in_turn(one: Finding, other: Finding) -> bool:
    """Return whether no unlock can be of both: others were hit, or the same ones in turn.

    A finding in all cars overlaps the other one, whatever all have in common just now.
    """
    if one.cohort and other.cohort and are_disjoint(one, other):
        return True
    return dict(one.cohort) == dict(other.cohort) and _are_in_turn(one, other)


def _are_in_turn(one: Finding, other: Finding) -> bool:
    first, second = sorted((one, other), key=lambda each: each.since)
    return first.is_over and first.last_at <= second.since


def _turns(parts: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Yield the parts that went on at the same time together."""
    turn: list[Finding] = []
    until = -math.inf
    for one in sorted(parts, key=lambda each: each.since):
        if turn and one.since >= until:
            yield turn
            turn, until = [], -math.inf
        turn.append(one)
        until = max(until, one.last_at if one.is_over else math.inf)
    yield turn


def _without(finding: Finding, modes: AbstractSet[str]) -> Finding:
    if modes.isdisjoint(finding.modes):
        return finding
    rest = {name: likely for name, likely in finding.modes.items() if name not in modes}
    return replace(finding, modes=rest)


def _mode(finding: Finding) -> str:
    """Return the mode of a finding; "" where it has none."""
    mode = mode_of(finding)
    return "" if mode is None else mode[0]
