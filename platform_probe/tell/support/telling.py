"""A case as a support agent reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from fleet_wire.contract.attempt import BEGUN_LATE, PROBE_STOPPED, UNREAD
from fleet_wire.contract.causes import CAUSES, Cause, Party
from fleet_wire.contract.incident import IncidentState
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.modes.mode import Actor
from platform_probe.judge.diagnosis.cohorts.cohort_text import traits_in_words
from platform_probe.tell.messages.incident_text import who_muted
from platform_probe.tell.support.advice import (
    OPENED_IN_TIME,
    OPENED_LATE,
    SAID_OPEN,
    Advice,
    ended_as,
    explanation_of,
)
from platform_probe.tell.support.advising import advice_now
from platform_probe.tell.support.believed import (
    ACCUSES,
    Revision,
    changes_of_mind,
    headline,
    percent,
    reasons,
    sentence_of,
    title_of,
)
from platform_probe.tell.support.case import FOLLOWED_S, LISTED, LONG_WAIT_S, Case, evidence_of
from platform_probe.tell.support.cohorts import around_in_words, is_in_cohort
from platform_probe.tell.support.incident_rows import muted_until_s, over_since_s
from platform_probe.tell.support.plain_words import broker_in_words, reason_in_words
from platform_probe.tell.support.relations import Owner, Relations, pressed_again_s
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.tell.support.timeline import (
    as_one_line,
    missed_in_words,
    reached_in_words,
    timeline_of,
)
from platform_probe.texts.times import LocalSpeaker, clock_of, date_and_clock, long_of

_WHO: Final = 8
_WHO_COLUMNS: Final = {
    "customer": "account_id",
    "booking": "booking_id",
    "app": "app_version",
    "region": "region",
    "operator": "operator",
    "firmware": "firmware",
    "hardware": "hardware",
    "site": "site",
}
MOST_REASONS: Final = 4
"""For a mode, and against it, the heaviest; JSON has all."""
_REFUTED_BY_ANSWER: Final = (Cause.EXECUTION_SILENT, Cause.DOWNLINK_LOST)
"""Causes that are not true any more once the car has answered late."""
_PARTIES: Final = {
    Party.PLATFORM: "the platform",
    Party.BROKER: "the broker",
    Party.NETWORK: "the mobile network",
    Party.BOX: "the box",
    Party.VEHICLE: "the car",
    Party.PROBE: "the monitor",
}
_FACTS: Final = {
    "presence": "at the end the box was {}",
    "presence_at_start": "at the start the box was {}",
    "presence_changed_ago_s": "that had changed {} before",
    "offline_reason": "the box was not connected because: {}",
    "heard_ago_s": "the box was last heard of {} before the end",
    "heartbeat_ago_s": "its last regular report was {} before the end",
    "voltage_v": "its battery had {} V",
    "never_heard_of": "nothing was ever heard of this car",
    "answered_by": "another car answered: {}",
    "broker_said": "the broker's log said of the box: {}",
    "unread": "some messages of the car could not be read: {}",
    "platform_outcome": "the platform recorded it as {}",
}
"""Evidence worth a line, in words; see docs/log.md for all of it."""


def text_of(case: Case, speaker: LocalSpeaker) -> str:
    """Return the case for a person."""
    return "\n".join(_lines(case, speaker))


def _lines(case: Case, speaker: LocalSpeaker) -> Iterator[str]:
    zone = speaker.zone
    if case.is_as_of:
        as_of = date_and_clock(case.newest_s, zone)
        yield f"As of {as_of}: what became known later is left out."
    when = f"{date_and_clock(case.at_s, zone)}, {_ago(case)}"
    yield from (
        _nothing(case, when, zone) if case.attempt is None else _unlock(case, case.attempt, when)
    )
    yield from _choice_lines(case)
    if case.booking_ended_s is not None:
        yield f"  Its booking has ended: {date_and_clock(case.booking_ended_s, zone)}."
    if (booked := case.booked_since) is not None:
        when = date_and_clock(unix_s(booked["logged_at"]), zone)
        yield f"  Another customer has booked the car since: {when}."
        yield f"  If it is they who call, ask by --booking {booked['booking_id']}."
    yield from _problems(case, speaker)
    yield from _reason_lines(case, speaker)
    if case.attempt is not None or case.complaint_id is not None:
        advice = advice_now(case)
        yield from ("", "What to say", f"  {advice.say}", "", "What to do", f"  {advice.do}")
        yield from _who_acts(case, advice)
    yield from _other_mode_lines(case, speaker)
    yield from _story(case, zone)
    yield from _same_failure_lines(case, zone)


def _unlock(case: Case, attempt: Row, when: str) -> Iterator[str]:
    """Yield which unlock it is, and how it ended."""
    meant = attempt["asked_for"]
    instead = f", and {meant} was asked for" if meant else ""
    yield f"{case.vehicle_id or 'The car'} {_ending_sentence(case)}{instead}: {when}"
    yield f"  {_customer_text(attempt)}"
    yield f"  attempt {attempt['attempt_id']}, trace {attempt['trace_id']}"
    known_s = case.newest_s - case.at_s
    if case.cause is not None and known_s < FOLLOWED_S and not case.is_as_of:
        yield f"  Records end {long_of(known_s)} after this unlock: more may become known."


def _nothing(case: Case, when: str, zone: tzinfo) -> Iterator[str]:
    """Yield that no unlock is known, or none that a call is about, and what follows from it."""
    if case.complaint_id is not None:
        car = case.vehicle_id or "a car"
        yield f"A call about {car}, and no unlock that it is about: {when}"
        yield f"  {_customer_text(case.complaints[0])}"
        yield f"  call {case.complaint_id}"
        if case.complaints[0]["missed"]:
            yield "The monitor was not there for some of the time before the call."
    else:
        whose = f"of {case.vehicle_id}" if case.vehicle_id else "that fits"
        yield f"No unlock {whose} is known {_when_none(case, when, zone)}."
    if case.not_asked_since_s is not None:
        since = date_and_clock(case.not_asked_since_s, zone)
        yield f"No request of this customer to open it has come since {since}, when their booking"
        yield "was first heard of: their phone has not asked. Why is known in half a minute."
        return
    asked = [
        event
        for event in case.events
        if event["event"] == PlatformStep.REQUESTED and event["operation"] == "unlock"
    ]
    ended = {other["trace_id"] for other in case.neighbours}
    open_s = [unix_s(event["logged_at"]) for event in asked if event["trace_id"] not in ended]
    if open_s and case.newest_s - open_s[-1] < LONG_WAIT_S:
        at = clock_of(open_s[-1], zone)
        yield f"It was asked to open at {at}, and that is still under way:"
        yield "how it ends is known in half a minute."
    elif asked:
        yield "The platform's log tells of requests, and no unlock is recorded at that time."
    elif case.is_as_of and case.complaint_id is None:
        yield "None had ended by then: of one that was under way nothing is told."
    elif case.has_platform_log:
        yield "No request to open it has reached the platform or the broker then."
    else:
        yield "No command to open it has reached the broker then."
        yield "Whether the platform was asked is not known: there is no log of it here."


def _when_none(case: Case, around: str, zone: tzinfo) -> str:
    """Return when no unlock is known: of the time before the records nothing is."""
    since_s, begin_s = case.since_s, case.records_begin_s
    if since_s is None:
        return f"around {around}"
    if begin_s is not None and since_s < begin_s:
        return f"in the records, which begin {date_and_clock(begin_s, zone)}"
    return f"since {date_and_clock(since_s, zone)}"


def _ending_sentence(case: Case) -> str:
    """Return how an unlock ended, as far as is known by now, to be said of the car."""
    if case.is_in_doubt:
        return SAID_OPEN
    if (after_s := case.opened_after_long_s) is not None:
        return f"opened {long_of(after_s)} after the request"
    if case.cause is None or not case.opened_late:
        return ended_as(case.cause)
    if case.opened_in_time:
        return "opened in time, and said so too late"
    return "opened too late" if case.opened_after_no else "opened late"


def _problems(case: Case, speaker: LocalSpeaker) -> Iterator[str]:
    """Yield the incidents that it is of: who looks after each, and whether it may be over."""
    if not case.problems:
        return
    yield from ("", "Known problem")
    for one in case.problems:
        by = f", acknowledged by {one.acknowledged_by}" if one.acknowledged_by else ""
        yield f"  {one.title}"
        yield f"  {one.incident_id}, {one.severity}, {one.state}{by}"
        if (until_s := muted_until_s(one, case.newest_s)) is not None:
            until = date_and_clock(until_s, speaker.zone)
            yield f"  Its messages are muted until {until}{who_muted(one)}."
        if one.unseen_since is not None:
            yield f"  Last seen at {speaker.clock(one.unseen_since)[:5]}."
        elif one.state is IncidentState.OPEN:
            yield f"  Counted until {speaker.clock(one.at)[:5]}."
        elif (over_s := over_since_s(one)) is not None:
            yield f"  It affected you then. It ended at {speaker.clock(over_s)[:5]}."


def _choice_lines(case: Case) -> Iterator[str]:
    """Yield which of several unlocks is shown, so that nobody confuses them.

    And after how long its customer pressed again, where it opened.
    """
    which = case.which
    if which is not None and which.of > 1:
        others = "the others" if which.of <= LISTED else f"others, the last {LISTED},"
        yield (
            f"  This is number {which.number} of {which.of} that fit, {which.why};"
            f" {others} stand at the end, each with the --attempt that tells of it."
        )
    again_s = pressed_again_s(case)
    if again_s is not None:
        yield f"  The same customer pressed again {long_of(again_s)} later."


def _who_acts(case: Case, advice: Advice) -> Iterator[str]:
    """Yield who must act and what they do; of a mode that is not sure, who perhaps must."""
    if advice.acts is not None:
        yield f"  Who must act: {_named(advice.acts)}.{f' {advice.mend}' if advice.mend else ''}"
    elif (believed := case.believed) is None or believed.mode is None or believed.is_likely:
        return
    elif believed.is_possible:
        yield f"  Who must act is not sure; perhaps {_named(believed.mode.acts)}."


def _named(actor: Actor) -> str:
    return "you, support" if actor is Actor.SUPPORT else f"the {actor}"


def _ago(case: Case) -> str:
    ago_s = case.newest_s - case.at_s
    if case.is_as_of:
        return f"{long_of(ago_s)} before" if ago_s >= 1 else "at that moment"
    if ago_s < 1:
        return "the newest record there is"
    return f"{long_of(ago_s)} before the newest record"


def _customer_text(attempt: Row) -> str:
    parts = {name: attempt[column] for name, column in _WHO_COLUMNS.items()}
    return (
        ", ".join(f"{name} {value}" for name, value in parts.items() if value) or "by nobody known"
    )


def _story(case: Case, zone: tzinfo) -> Iterator[str]:
    yield from ("", "What happened")
    lines = as_one_line(timeline_of(case), lambda entry: (entry.who, entry.what))
    for line in lines:
        entry = line.first
        after = f"{entry.at_s - case.at_s:+.3f} s"
        more = f" ({line.times} times, until {line.last.at_s - case.at_s:+.1f} s)"
        what = entry.what + (more if line.times > 1 else "")
        yield f"  {clock_of(entry.at_s, zone)} {after:>12}  {entry.who:<{_WHO}}  {what}"
    if not lines:
        yield "  Nothing is known of this car from then."


def _reason_lines(case: Case, speaker: LocalSpeaker) -> Iterator[str]:
    """Yield why: by the diagnosis where there is one, and how far the unlock got."""
    believed = case.believed
    if case.cause is None and believed is None:
        return
    yield from ("", "Why")
    if believed is not None:
        yield from _believed(believed)
    if case.attempt is not None and case.cause is not None:
        yield from _how_far(case, case.cause, case.attempt)
    if believed is not None:
        yield from _reasons(case, believed, speaker)
    elif case.attempt is not None:
        yield from (f"  - {sentence}" for sentence in facts_of(case.attempt))


def _reasons(case: Case, believed: Revision, speaker: LocalSpeaker) -> Iterator[str]:
    said = {
        "Speaks for it": reasons(believed, speaker, is_for=True),
        "Speaks against it": against(case, believed, speaker),
    }
    if not any(said.values()):  # of what is no mode nothing is known that would speak for it
        said = {"What was seen": [sentence_of(fact, speaker) for fact in believed.facts]}
    for heading, sentences in said.items():
        if sentences:
            yield f"  {heading}:"
            yield from (f"  - {sentence}" for sentence in sentences[:MOST_REASONS])
    if believed.other_modes:
        yield "  Or else:"
        for one in believed.other_modes:
            yield f"  - {title_of(one.mode)} ({percent(one.probability)})"
    if changes := [*changes_of_mind(case.revisions)]:
        yield "  Earlier diagnoses:"
        yield from (f"  - {sentence}" for sentence in changes)


def against(case: Case, believed: Revision, speaker: LocalSpeaker) -> list[str]:
    """Return the sentences that speak against what is believed."""
    return reasons(believed, speaker, is_for=False, not_missed=case.not_missed)


def _believed(believed: Revision) -> Iterator[str]:
    yield f"  {headline(believed.first)}"
    if believed.mode is not None:
        yield f"  {'' if believed.is_likely else 'That would be: '}{believed.mode.engineer}"
    others = sorted(map(title_of, believed.looks_like))
    if others:
        yield f"  From what is told here, this looks the same: {'; '.join(others)}."
        yield f"  {believed.likeliest_class.why}"


def _how_far(case: Case, cause: Cause, attempt: Row) -> Iterator[str]:
    yield f"  {cause}: {explanation(case)}"
    missed = missed_in_words(attempt)
    but = f", and {missed}" if missed else ""
    yield f"  How far it got: {reached_in_words(attempt)}{but}.{_at_fault(case, cause)}"
    if attempt["reason"]:
        yield f"  Reason given: {reason_in_words(attempt['reason'])}"


def party_at_fault(case: Case, cause: Cause) -> Party:
    """Return the party probably at fault: by the mode, else by the cause."""
    mode = None if case.believed is None else case.believed.mode
    return CAUSES[cause].party if mode is None else mode.party


def _at_fault(case: Case, cause: Cause) -> str:
    """Return the party probably at fault, if known."""
    party = party_at_fault(case, cause)
    if party is Party.NOBODY_KNOWS:
        return ""
    is_sure = case.believed is None or case.believed.is_likely
    return f" {'Probably' if is_sure else 'Perhaps'} at fault: {_PARTIES[party]}."


def export_command(case: Case, directory: Path) -> str | None:
    """Return the command that brings the unlock about again; None where its mode is not known."""
    if case.believed is None or case.believed.mode is None:
        return None
    diagnosed = case.complaint_id if case.attempt is None else case.attempt["attempt_id"]
    return f"platform-probe export --attempt {diagnosed} --store {shlex.quote(str(directory))}"


def facts_of(attempt: Row) -> list[str]:
    """Return what the cause was concluded from, in words."""
    evidence = evidence_of(attempt)
    return [
        words.format(_plain(name, value))
        for name, words in _FACTS.items()
        if (value := evidence.get(name)) not in (None, False)
    ]


def _plain(name: str, value: Any) -> str:
    """Return what stands in the sentence of a piece of evidence."""
    if name.endswith("_s"):
        return long_of(value)
    if name == "offline_reason":
        return reason_in_words(value)
    if name == "unread":
        return ", ".join(f"{kind} ({count})" for kind, count in value.items())
    if isinstance(value, dict):  # how often, by kind
        return ", ".join(
            broker_in_words(kind) + (f", {count} times" if count > 1 else "")
            for kind, count in value.items()
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _other_mode_lines(case: Case, speaker: LocalSpeaker) -> Iterator[str]:
    if case.finding is None:
        return
    said = around_in_words(case.finding, speaker)
    yield from ("", "Who else", f"  {said}")
    its = case.attempt or next(iter(case.complaints), None)
    found = case.finding.found
    if its is None or not found:
        return
    own = [
        speaker.say(traits_in_words(cohort.traits)) for cohort in found if is_in_cohort(its, cohort)
    ]
    if len(found) == 1:
        yield f"  This car is {'one' if own else 'none'} of them."
    else:
        yield f"  This car is {f'one of {own[0]}' if own else 'of none of these'}."


def _same_failure_lines(case: Case, zone: tzinfo) -> Iterator[str]:
    if not case.others:
        return
    yield from ("", "Other unlocks that fit")
    relations = Relations(case)
    for other in case.others:
        mode = mode_of(other)
        ended = f"{other['cause'] or 'opened'}{f' ({title_of(mode)})' if mode else ''}"
        at = date_and_clock(unix_s(other["started_at"]), zone)
        by = relations.owner_of(other)
        whose = f", {by}" if by is Owner.ANOTHER else ""
        yield f"  {at}  {other['vehicle_id']}  {ended}{whose}  --attempt {other['attempt_id']}"


def mode_of(other: Row) -> str | None:
    """Return which mode another unlock is believed to have had, where that accuses nobody."""
    mode: str | None = other["failure_mode"]
    return None if mode in ACCUSES else mode


def explanation(case: Case) -> str:
    """Return what the cause means for this unlock, in a sentence."""
    if case.is_in_doubt:
        return f"The car {SAID_OPEN}."
    if case.attempt is not None and case.attempt["reason"] == PROBE_STOPPED:
        return "The monitor was stopped, and was not there when it ended."
    if case.attempt is not None and (case.attempt["reason"] or "").startswith(BEGUN_LATE):
        return "The monitor was too busy: it asked for the car so late that its end says nothing."
    if case.cause is not None and case.opened_in_time:
        return OPENED_IN_TIME
    if case.attempt is not None and case.attempt["reason"] == UNREAD:
        return "What the car sent after the command could not be read: its answer may be among it."
    is_refuted = case.cause in _REFUTED_BY_ANSWER
    is_open = case.opened_late and (is_refuted or not case.opened_after_no)
    return OPENED_LATE if is_open else explanation_of(case.cause)
