"""What an incident is called, and what its history says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.contract.incident import IncidentKind, Severity
from fleet_wire.modes.catalogue import MODES, TITLES
from platform_probe.detection.finding import Finding
from platform_probe.diagnosis.cohorts.names import in_order
from platform_probe.outputs.messages.words import NOT_SURE_YET, SURE_ENOUGH, percent, sureness

Clock = Callable[[float], str]
"""Says the time of day of Unix seconds, to the minute, where the operator is."""
MOST_LETTERS: Final = 150
SURE_OF_MODE: Final = 0.4
"""So large a part of what was diagnosed must have a mode that is to name an incident [E]."""
SEEN: Final = frozenset({Cause.BROKER_UNREACHABLE})
"""Causes that were seen: a mode which does not have them is none."""
NO_MODES: Final = frozenset({UNKNOWN, NOTHING_WRONG})
AWAY_ALREADY: Final = frozenset({"late_delivery_persistent_session", "queue_full_drop"})
"""What happens to the commands of cars that are away: it is no reason why cars are lost."""

OF_CAUSE: Final = {
    Cause.API_REFUSED: "the platform refuses unlocks",
    Cause.API_FAILED: "the platform's API fails",
    Cause.NOT_PUBLISHED: "unlocks are never sent to the cars",
    Cause.BROKER_UNREACHABLE: "the broker cannot be reached",
    Cause.BROKER_DENIED: "the broker refuses commands",
    Cause.NO_SUBSCRIBER: "boxes do not listen",
    Cause.BOX_OFFLINE: "boxes offline",
    Cause.BOX_ASLEEP: "boxes do not wake up",
    Cause.BOX_SILENT: "boxes silent",
    Cause.DOWNLINK_LOST: "boxes report and hear nothing",
    Cause.BOX_SAYS_EXPIRED: "boxes take commands for expired",
    Cause.BOX_REJECTED: "boxes reject commands",
    Cause.BOX_BUSY: "boxes busy",
    Cause.EXECUTION_SILENT: "boxes fall silent over a command",
    Cause.RESULT_LOST: "answers are lost",
    Cause.VEHICLE_FAILED: "boxes take the command, but cars stay locked",
    Cause.VEHICLE_STATE: "cars are in a state in which they do not open",
    Cause.DOOR_UNCONFIRMED: "doors do not report that they opened",
    Cause.NOT_OBSERVED: "customers call, and the monitor saw no unlock",
    Cause.UNCLASSIFIED: "unlocks fail, and nothing says why",
}
"""What an incident is called whose diagnoses agree on no mode."""
OF_KIND: Final = {
    IncidentKind.FAILURES: "unlocks fail",
    IncidentKind.SILENCE: "fewer unlocks than expected",
    IncidentKind.CARS_LOST: "cars lose their connection (why is not known)",
    IncidentKind.LATE_UNLOCKS: "doors open after their customer was told no",
    IncidentKind.GENERIC_ERRORS: "the API answers with errors that explain nothing",
    IncidentKind.UNCLASSIFIED: "unlocks fail in ways that we do not know",
    IncidentKind.MONITOR_BLIND: "the monitor does not see how unlocks end",
    IncidentKind.SUSPICIOUS: "suspicious traffic",
}
OF_HOP: Final = {
    "slow_requested": "requests come late",
    "slow_api_answered": "the API answers slowly",
    "slow_published": "commands are sent slowly",
    "slow_broker_accepted": "the broker is slow",
    "slow_box_received": "commands reach the boxes slowly",
    "slow_box_executed": "boxes act slowly",
    "slow_result_received": "answers of the boxes come slowly",
    "slow_state_changed": "doors report slowly that they opened",
}
_SINCE: Final = " since "
_BOTH: Final = 2
"""So many cohorts a title names."""
_CLOCK: Final = re.compile(r"\d\d:\d\d").fullmatch
_FIRST: Final = ("operator", "region")
_FIRST_NAMES: Final = frozenset(_FIRST)
"""Traits whose value stands alone in a title."""
_WORDS: Final = {"app_version": "app version", "api_release": "API release"}


def mode_of(finding: Finding) -> tuple[str, float] | None:
    """Return the mode that most of its diagnoses name, with which part of them; None: none.

    One that cannot have a cause which was seen of most is none, and of lost cars none is that takes
    none.
    """
    none = NO_MODES | AWAY_ALREADY if finding.kind is IncidentKind.CARS_LOST else NO_MODES
    modes = {name: weight for name, weight in finding.modes.items() if name not in none}
    cause = cause_of(finding)
    if cause in SEEN:
        modes = {name: modes[name] for name in modes if cause in MODES[name].causes}
    if not modes or not finding.diagnosed:
        return None
    mode = max(modes, key=lambda name: (modes[name], name))
    share = modes[mode] / finding.diagnosed
    return (mode, min(share, 1.0)) if share >= SURE_OF_MODE else None


def cause_of(finding: Finding) -> Cause | None:
    """Return the commonest cause of what was hit."""
    causes = finding.causes
    return max(causes, key=lambda cause: (causes[cause], cause.value)) if causes else None


def what_is_wrong(finding: Finding) -> str:
    """Return what is wrong, in a few words."""
    if finding.detail:
        return finding.detail
    if finding.kind is IncidentKind.LATENCY:
        return OF_HOP.get(finding.what, "unlocks are slow")
    mode = mode_of(finding)
    if mode is not None:
        what = TITLES[mode[0]]
        return f"{what}, and doors open late" if finding.kind is IncidentKind.LATE_UNLOCKS else what
    if finding.what == "again":
        return "cars open, and customers press again"
    cause = cause_of(finding)
    if cause is not None and finding.kind in (IncidentKind.FAILURES, IncidentKind.GENERIC_ERRORS):
        return OF_CAUSE[cause]
    return OF_KIND[finding.kind]


def in_title(cohort: Mapping[str, str]) -> tuple[int, str]:
    """Return by what cohorts are sorted in a title: "operator-c, west, and operator-b"."""
    return -len(cohort), _named(cohort)


def cohorts_in_words(cohorts: Sequence[Mapping[str, str]]) -> str:
    """Return the name of cohorts: "operator-b, north, firmware 2.4.1"; of nothing in common "".

    Of two both: "operator-a, south, and operator-b, north"; of more how many, and what they share.
    A value stays as it is at the beginning too: people search for it.
    """
    names = [_named(cohort) for cohort in cohorts]
    if len(names) <= _BOTH:
        joint = ", and " if any("," in name for name in names) else " and "
        begins_with_value = not _FIRST_NAMES.isdisjoint(cohorts[0]) if cohorts else False
        return joint.join(names) if begins_with_value else _capital(joint.join(names))
    shared = set.intersection(*({*cohort.items()} for cohort in cohorts))
    first = {name: value for name, value in cohorts[0].items() if (name, value) in shared}
    named = ", ".join(filter(None, (_named(first), f"{len(names)} cohorts")))
    return _capital(named) if _FIRST_NAMES.isdisjoint(first) else named


def subject_of(findings: Sequence[Finding]) -> str:
    """Return cohort and cause of what an incident counts: what a title says besides numbers.

    The first names the cause. A cohort with several names has that by which what is wrong can
    strike.
    """
    mode = mode_of(findings[0])
    names = {
        in_title(one.cohort): in_order((one.cohort, *one.same), None if mode is None else mode[0])
        for one in findings
    }
    whom = cohorts_in_words([names[key][0] for key in sorted(names)])
    what = what_is_wrong(findings[0])
    return f"{whom}: {what}" if whom else _capital(what)


def title_of(subject: str, since: float, *, customers: int, cars: int, clock: Clock) -> str:
    """Return the title: "operator-b, north: boxes offline since 08:12, 31 customers"."""
    whom = counted(customers, "customer") if customers else counted(cars, "car") if cars else ""
    end = f"{_SINCE}{clock(since)}" + (f", {whom}" if whom else "")
    room = MOST_LETTERS - len(end)
    if len(subject) > room:
        subject = f"{subject[: room - 3]}..."
    return subject + end


def subject_in(title: str) -> str:
    """Return the subject of a title, as far as the title had room for it."""
    return title.rpartition(_SINCE)[0]


def title_in(title: str, since: float, clock: Clock) -> str:
    """Return a title with its begin as another clock says it, where the title has room for it."""
    subject, _, end = title.rpartition(_SINCE)
    at, comma, whom = end.partition(",")
    return f"{subject}{_SINCE}{clock(since)}{comma}{whom}" if subject and _CLOCK(at) else title


def _named(cohort: Mapping[str, str]) -> str:
    parts = [cohort[name] for name in _FIRST if name in cohort]
    parts += [
        f"{_WORDS.get(name, name)} {value}" for name, value in cohort.items() if name not in _FIRST
    ]
    return ", ".join(parts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def counted(number: int, what: str) -> str:
    """Return a number of things: "1 car", "2 cars"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def numbers_of(finding: Finding) -> str:
    """Return how many of how many were hit, against what was expected."""
    if not finding.total:
        return f"{finding.failed} hit"
    what = "cars lost" if finding.kind is IncidentKind.CARS_LOST else "hit"
    said = (
        f"{finding.failed} of {finding.total} {what} ({percent(finding.share)}),"
        f" {percent(finding.expected)} expected"
    )
    if finding.elsewhere_total:
        said += f"; elsewhere {finding.elsewhere_failed} of {finding.elsewhere_total}"
    return said


def said_of(finding: Finding) -> str:
    """Return what is wrong, and with how many."""
    return f"{what_is_wrong(finding)}, {numbers_of(finding)}"


def rise_of(severity: Severity, subject: str, worst: Finding, *, named: Finding) -> str:
    """Return what its history says of a rise: what it is called then, and what made it worse.

    `named` is the finding that it is named after: of another kind than that, or than cars that are
    lost, the worst one says what it is as well.
    """
    is_of_it = worst.kind in (named.kind, IncidentKind.FAILURES, IncidentKind.CARS_LOST)
    what = f", {numbers_of(worst)}" if is_of_it else f"; {said_of(worst)}"
    return f"now {severity.value}: {subject}{what}"


def opening_of(finding: Finding, severity: Severity) -> str:
    """Return the first sentence of its history."""
    sure = NOT_SURE_YET
    if finding.sure >= SURE_ENOUGH:
        sure = f"{sureness(finding.sure)} sure that this is no chance"
    return f"{severity.value}: {numbers_of(finding)}; {sure}"
