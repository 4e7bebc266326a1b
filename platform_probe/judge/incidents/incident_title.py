"""The title of an incident, and the sentences of its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.contract.incident import (
    Incident,
    IncidentKind,
    Severity,
    chance_months,
)
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import MODES, TITLES
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.diagnosis.cohorts.names import in_order
from platform_probe.texts.catalogue import as_is, has_text, trait_text
from platform_probe.texts.speaking import Speaker

MOST_LETTERS: Final = 150
SURE_OF_MODE: Final = 0.4
"""The share of diagnosed unlocks that a mode needs to name an incident [E]."""
SEEN: Final = frozenset({Cause.BROKER_UNREACHABLE})
"""Causes that were seen: a mode which does not have them is none."""
NO_MODES: Final = frozenset({UNKNOWN, NOTHING_WRONG})
AWAY_ALREADY: Final = frozenset({"late_delivery_persistent_session", "queue_full_drop"})
"""What happens to the commands of cars that are away: it is no reason why cars are lost."""

_OF_WHAT: Final = frozenset({"not_connected", "no_heartbeats", "one_account_many_cars"})
"""Findings that are named by their measure, and need no cause."""
_WITHOUT_MODE: Final = frozenset({"again", "flapping"})
"""Findings that are named by their measure, if no mode is known."""
_OF_CAUSES: Final = frozenset({IncidentKind.FAILURES, IncidentKind.GENERIC_ERRORS})
"""Kinds that are called by the commonest cause, where no mode is known."""
_PLACE_OR_NETWORK: Final = frozenset({"no_coverage_garage", "regional_carrier_outage"})
"""Modes that only their cohorts tell apart: the cars of one place, or those of one operator."""
_SINCE: Final = " since "
_BOTH: Final = 2
"""The number of cohorts that a title names."""
_FIRST: Final = ("operator", "region")
_ALONE: Final = frozenset({"whom.trait_operator", "whom.trait_region"})
"""Traits whose value stands alone in a title."""


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
    """Return the commonest cause of the hits."""
    causes = finding.causes
    return max(causes, key=lambda cause: (causes[cause], cause.value)) if causes else None


def problem_text(finding: Finding) -> Text:
    """Return what is wrong, in a few words."""
    mode = _mode_named(finding)
    if mode is None:
        return Text(key=f"wrong.{_named_without_mode(finding)}")
    what = Text(key="wrong.mode", values={"mode": mode})
    if mode in _PLACE_OR_NETWORK and _is_one_place_with_one_operator(finding):
        what = Text(key="wrong.place_or_network")
    is_late = finding.kind is IncidentKind.LATE_UNLOCKS
    return Text(key="wrong.late", values={"what": what}) if is_late else what


def _is_one_place_with_one_operator(finding: Finding) -> bool:
    """Return whether the cars of a finding are all those of one site, and all of one operator."""
    of_all = [{name: value} for name, value in finding.common.items()]
    names = (finding.cohort, *finding.same) if finding.cohort else of_all
    is_place = any(name.keys() == {"site"} for name in names)
    return is_place and any("operator" in name and "site" not in name for name in names)


def _mode_named(finding: Finding) -> str | None:
    """Return the mode that a finding is called after; None: none."""
    if finding.what in _OF_WHAT:
        return None
    if finding.kind is IncidentKind.SUSPICIOUS and finding.what in TITLES:
        return finding.what
    mode = mode_of(finding)
    return None if mode is None else mode[0]


def _named_without_mode(finding: Finding) -> str:
    """Return which text of the catalogue says what is wrong, where no mode does."""
    if finding.what in _OF_WHAT | _WITHOUT_MODE:
        return finding.what
    if finding.kind is IncidentKind.LATENCY:
        return finding.what if has_text(f"wrong.{finding.what}") else "slow"
    cause = cause_of(finding)
    is_of_cause = cause is not None and finding.kind in _OF_CAUSES
    return str(cause) if is_of_cause else f"kind_{finding.kind}"


def in_title(cohort: Mapping[str, str]) -> tuple[int, str]:
    """Return the sort key of cohorts in a title: "operator-c, west, and operator-b"."""
    named = (value if name in _FIRST else f"{name} {value}" for name, value in _ordered(cohort))
    return -len(cohort), ", ".join(named)


def whom_in_words(cohorts: Sequence[Mapping[str, str]]) -> Text | None:
    """Return the name of cohorts: "operator-b, north, firmware 2.4.1"; None: nothing in common.

    Two are both named: "operator-a, south, and operator-b, north"; of more how many, and what they
    share.
    """
    names = [_named(cohort) for cohort in cohorts if cohort]
    if len(names) == 1:
        return Text(key="whom.one", values={"first": names[0]})
    if len(names) == _BOTH:
        is_long = any(len(name) > 1 for name in names)
        key = "whom.two_long" if is_long else "whom.two"
        return Text(key=key, values={"first": names[0], "second": names[1]})
    if not names:
        return None
    shared = set.intersection(*({*cohort.items()} for cohort in cohorts))
    first = {name: value for name, value in cohorts[0].items() if (name, value) in shared}
    if not first:
        return Text(key="whom.several_alone", values={"count": len(names)})
    return Text(key="whom.several", values={"shared": _named(first), "count": len(names)})


def subject_of(findings: Sequence[Finding]) -> Text:
    """Return cohort and cause of an incident: the words of its title besides numbers.

    The first names the cause. A cohort with several names has that by which what is wrong can
    strike.
    """
    mode = mode_of(findings[0])
    names = {
        in_title(one.cohort): in_order((one.cohort, *one.same), None if mode is None else mode[0])
        for one in findings
    }
    whom = whom_in_words([names[key][0] for key in sorted(names)])
    what = problem_text(findings[0])
    if whom is None:
        return Text(key="subject.all", values={"what": what})
    key = "subject.of" if _begins_with_value(whom) else "subject.of_trait"
    return Text(key=key, values={"whom": whom, "what": what})


def subject_of_title(title: str) -> Text:
    """Return the subject of a title that an older monitor wrote, as far as it had room for it."""
    return as_is(title.rpartition(_SINCE)[0])


def titled(subject: Text, since: float, *, customers: int, cars: int) -> Text:
    """Return the title: "operator-b, north: boxes offline since 08:12, 31 customers"."""
    values: dict[str, Any] = {"subject": subject, "since": since}
    whom = affected_text(customers, cars)
    if whom is None:
        return Text(key="subject.since", values=values)
    return Text(key="subject.since_whom", values={**values, "whom": whom})


def title_text(incident: Incident) -> Text:
    """Return the title of an incident for any language; as it is of an older monitor."""
    if incident.subject is None:
        return as_is(incident.title)
    return titled(
        incident.subject, incident.since, customers=incident.customers, cars=incident.cars
    )


def title_of(title: Text, speaker: Speaker) -> str:
    """Return a title in at most 150 letters: a subject that is too long ends with dots."""
    said, subject = speaker.say(title), title.values.get("subject")
    too_many = len(said) - MOST_LETTERS
    if too_many <= 0:
        return said
    if not isinstance(subject, Text):
        return f"{said[: MOST_LETTERS - 3]}..."
    short = as_is(f"{speaker.say(subject)[: -too_many - 3]}...")
    return speaker.say(Text(key=title.key, values={**title.values, "subject": short}))


def _ordered(cohort: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the traits of a cohort and their values in the order of a title."""
    first = [(name, cohort[name]) for name in _FIRST if name in cohort]
    return [*first, *((name, value) for name, value in cohort.items() if name not in _FIRST)]


def _named(cohort: Mapping[str, str]) -> tuple[Text, ...]:
    return tuple(_trait(name, value) for name, value in _ordered(cohort))


def _trait(name: str, value: str) -> Text:
    return trait_text("whom", name, value)


def _begins_with_value(whom: Text) -> bool:
    """Return whether the name of a cohort begins with a value: people search for it as it is."""
    first = whom.values.get("first", whom.values.get("shared"))
    return isinstance(first, tuple) and first[0].key in _ALONE


def affected_text(customers: int, cars: int) -> Text | None:
    """Return how many were hit: "1 customer", "2 cars"; None: nobody."""
    for number, unit in ((customers, "customer"), (cars, "car")):
        if number:
            key = f"whom.{unit}{'' if number == 1 else 's'}"
            return Text(key=key, values={"count": number})
    return None


def numbers_of(finding: Finding) -> Text:
    """Return how many of how many were hit, against what was expected."""
    if not finding.total:
        return Text(key="numbers.count", values={"failed": finding.failed})
    is_of_cars = finding.kind is IncidentKind.CARS_LOST
    numbers = Text(
        key="numbers.lost" if is_of_cars else "numbers.hit",
        values={
            "failed": finding.failed,
            "total": finding.total,
            "share": finding.share,
            "expected": finding.expected,
        },
    )
    if not finding.elsewhere_total:
        return numbers
    elsewhere = {"failed": finding.elsewhere_failed, "total": finding.elsewhere_total}
    return Text(key="numbers.elsewhere", values={"numbers": numbers, **elsewhere})


def problem_with_numbers(finding: Finding) -> Text:
    """Return what is wrong, and with how many."""
    what, numbers = problem_text(finding), numbers_of(finding)
    return Text(key="event.what", values={"what": what, "numbers": numbers})


def rise_of(severity: Severity, subject: Text, worst: Finding, *, named: Finding) -> Text:
    """Return the history's line of a rise: the new title, and its reason.

    `named` is the finding of the title. If the worst one is of another kind than that, or than lost
    cars, it is named as well.
    """
    values: dict[str, Any] = {"severity": severity.value, "subject": subject}
    if worst.kind in (named.kind, IncidentKind.FAILURES, IncidentKind.CARS_LOST):
        return Text(key="event.worse", values={**values, "numbers": numbers_of(worst)})
    return Text(key="event.worse_by", values={**values, "what": problem_with_numbers(worst)})


def opening_of(finding: Finding, severity: Severity, window: str | None) -> Text:
    """Return the first sentence of its history; `window` names the maintenance that covers it."""
    values: dict[str, Any] = {"severity": severity.value, "numbers": numbers_of(finding)}
    opened = Text(
        key="event.found", values={**values, "months": round(chance_months(finding.sure))}
    )
    if window is None:
        return opened
    return Text(key="event.expected", values={"event": opened, "window": window})
