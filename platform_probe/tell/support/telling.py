"""A case as a support agent reads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fleet_wire.contract.attempt import BEGUN_LATE, PROBE_STOPPED, UNREAD
from fleet_wire.contract.causes import CAUSES, Cause, Party
from fleet_wire.contract.incident import IncidentState
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.text import Text, Value
from fleet_wire.modes.mode import Actor
from platform_probe.judge.diagnosis.cohorts.cohort_text import traits_in_words
from platform_probe.judge.incidents.incident_title import title_text
from platform_probe.tell.messages.incident_text import who_muted
from platform_probe.tell.support.advice import Advice, ended_as
from platform_probe.tell.support.advising import advice_now
from platform_probe.tell.support.believed import (
    ACCUSES,
    Revision,
    changes_of_mind,
    headline,
    percent,
    reasons,
    sentence_of,
)
from platform_probe.tell.support.case import FOLLOWED_S, LISTED, LONG_WAIT_S, Case, evidence_of
from platform_probe.tell.support.cohorts import around_in_words, is_in_cohort
from platform_probe.tell.support.incident_rows import muted_until_s, over_since_s
from platform_probe.tell.support.plain_words import broker_text, reason_text
from platform_probe.tell.support.relations import Owner, Relations, pressed_again_s
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.tell.support.timeline import (
    as_one_line,
    missed_text,
    reached_text,
    timeline_of,
)
from platform_probe.texts.catalogue import has_text, mode_text
from platform_probe.texts.catalogue import title_text as mode_title
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import clock_of

_WHO: Final = 8
_WHO_COLUMNS: Final = (
    "account_id", "booking_id", "app_version", "region", "operator", "firmware", "hardware", "site",
)  # fmt: skip
MOST_REASONS: Final = 4
"""For a mode, and against it, the heaviest; JSON has all."""
_REFUTED_BY_ANSWER: Final = (Cause.EXECUTION_SILENT, Cause.DOWNLINK_LOST)
"""Causes that are not true any more once the car has answered late."""
_EVIDENCE: Final = (
    "presence", "presence_at_start", "presence_changed_ago_s", "offline_reason", "heard_ago_s",
    "heartbeat_ago_s", "voltage_v", "never_heard_of", "answered_by", "broker_said", "unread",
    "platform_outcome",
)  # fmt: skip
"""Evidence worth a line; see docs/log.md for all of it."""


def text_of(case: Case, speaker: Speaker) -> str:
    """Return the case for a person."""
    return "\n".join(_Teller(case, speaker).lines())


class _Teller:
    """Writes a case line by line, in one language."""

    def __init__(self, case: Case, speaker: Speaker) -> None:
        self._case, self._speaker = case, speaker.on(case.at_s)

    def _say(self, key: str, **values: Value) -> str:
        return self._speaker.say(Text(key=f"tell.{key}", values=values))

    def _heading(self, key: str) -> Iterator[str]:
        yield from ("", self._say(key))

    def lines(self) -> Iterator[str]:
        """Yield all lines."""
        case, speaker = self._case, self._speaker
        if case.is_as_of:
            yield self._say("as_of", at=case.newest_s)
        yield from self._nothing() if case.attempt is None else self._unlock(case.attempt)
        yield from self._choice()
        if case.booking_ended_s is not None:
            yield f"  {self._say('booking_ended', at=case.booking_ended_s)}"
        if (booked := case.booked_since) is not None:
            yield f"  {self._say('booked_since', at=unix_s(booked['logged_at']))}"
            yield f"  {self._say('ask_by_booking', booking=booked['booking_id'])}"
        yield from self._problems()
        yield from self._explanation()
        if case.attempt is not None or case.complaint_id is not None:
            advice = advice_now(case)
            yield from (*self._heading("what_to_say"), f"  {speaker.say_all(advice.say)}")
            yield from (*self._heading("what_to_do"), f"  {speaker.say_all(advice.do)}")
            yield from self._who_acts(advice)
        yield from self._same_failures()
        yield from self._story()
        yield from self._other_unlocks()

    def _when(self) -> Text:
        """Return when it began, and how long that is ago."""
        case = self._case
        ago_s, key = case.newest_s - case.at_s, "when_newest"
        if case.is_as_of:
            key = "when_before" if ago_s >= 1 else "when_then"
        elif ago_s >= 1:
            key = "when_ago"
        return Text(key=f"tell.{key}", values={"at": case.at_s, "long": ago_s})

    def _unlock(self, attempt: Row) -> Iterator[str]:
        """Yield which unlock it is, and how it ended."""
        case, meant = self._case, attempt["asked_for"]
        its: dict[str, Value] = {"when": self._when(), "ending": _ending_of(case)}
        its["car"] = case.vehicle_id or Text(key="unlock.the_car")
        yield (
            self._say("unlock_instead", **its, asked=meant) if meant else self._say("unlock", **its)
        )
        yield f"  {self._customer(attempt)}"
        yield f"  attempt {attempt['attempt_id']}, trace {attempt['trace_id']}"
        known_s = case.newest_s - case.at_s
        if case.cause is not None and known_s < FOLLOWED_S and not case.is_as_of:
            yield f"  {self._say('records_end', long=known_s)}"

    def _nothing(self) -> Iterator[str]:
        """Yield that no unlock is known, or none that a call is about, and what follows."""
        case = self._case
        if case.complaint_id is not None:
            car = case.vehicle_id or Text(key="tell.a_car")
            yield self._say("call", car=car, when=self._when())
            yield f"  {self._customer(case.complaints[0])}"
            yield f"  call {case.complaint_id}"
            if case.complaints[0]["missed"]:
                yield self._say("monitor_missed")
        elif case.vehicle_id:
            yield self._say("no_unlock_of", car=case.vehicle_id, when=self._when_none())
        else:
            yield self._say("no_unlock", when=self._when_none())
        if case.not_asked_since_s is not None:
            yield self._say("not_asked", since=case.not_asked_since_s)
            return
        asked_s = [
            unix_s(event["logged_at"])
            for event in case.events
            if event["event"] == PlatformStep.REQUESTED and event["operation"] == "unlock"
        ]
        open_s = [*_open_requests_s(case)]
        if open_s and case.newest_s - open_s[-1] < LONG_WAIT_S:
            yield self._say("under_way", at=open_s[-1])
        elif asked_s:
            yield self._say("asked_unrecorded")
        elif case.is_as_of and case.complaint_id is None:
            yield self._say("none_ended")
        elif case.has_platform_log:
            yield self._say("no_request")
        else:
            yield self._say("no_command")
            yield self._say("no_platform_log")

    def _when_none(self) -> Text:
        """Return when no unlock is known: of the time before the records nothing is."""
        since_s, begin_s = self._case.since_s, self._case.records_begin_s
        if since_s is None:
            return Text(key="tell.around", values={"when": self._when()})
        if begin_s is not None and since_s < begin_s:
            return Text(key="tell.in_records", values={"since": begin_s})
        return Text(key="tell.since", values={"since": since_s})

    def _problems(self) -> Iterator[str]:
        """Yield the incidents that it is of: who looks after each, and whether it may be over."""
        case = self._case
        if not case.problems:
            return
        yield from self._heading("known_problem")
        for one in case.problems:
            yield f"  {self._speaker.say(title_text(one))}"
            key, its = "incident", {"id": one.incident_id, "state": one.state.value}
            if by := one.acknowledged_by:
                key, its = "incident_by", {**its, "by": by}
            yield f"  {self._say(key, **its, severity=one.severity.value)}"
            if (until_s := muted_until_s(one, case.newest_s)) is not None:
                yield f"  {self._say('muted', until=until_s)}{who_muted(one, self._speaker)}."
            if one.unseen_since is not None:
                yield f"  {self._say('last_seen', at=one.unseen_since)}"
            elif one.state is IncidentState.OPEN:
                yield f"  {self._say('counted_until', at=one.at)}"
            elif (over_s := over_since_s(one)) is not None:
                yield f"  {self._say('affected_then', at=over_s)}"

    def _choice(self) -> Iterator[str]:
        """Yield which of several unlocks is shown, so that nobody confuses them.

        And after how long its customer pressed again, where it opened.
        """
        which = self._case.which
        if which is not None and which.of > 1:
            why = Text(key=f"choice.{which.why.value}")
            key = "choice" if which.of <= LISTED else "choice_of_many"
            its = {"number": which.number, "of": which.of, "listed": LISTED}
            yield f"  {self._say(key, why=why, **its)}"
        again_s = pressed_again_s(self._case)
        if again_s is not None:
            yield f"  {self._say('pressed_again', long=again_s)}"

    def _who_acts(self, advice: Advice) -> Iterator[str]:
        """Yield who must act and what they do; of a mode that is not sure, who perhaps must."""
        believed = self._case.believed
        if advice.acts is not None:
            task = f" {self._speaker.say(advice.mend)}" if advice.mend else ""
            yield f"  {self._say('acts', actor=_named(advice.acts))}{task}"
        elif believed is None or believed.mode is None or believed.is_likely:
            return
        elif believed.is_possible:
            yield f"  {self._say('acts_perhaps', actor=_named(believed.mode.acts))}"

    def _customer(self, attempt: Row) -> str:
        parts = [
            self._speaker.say(Text(key=f"tell.of_{column}", values={"value": attempt[column]}))
            for column in _WHO_COLUMNS
            if attempt[column]
        ]
        return ", ".join(parts) or self._say("by_nobody")

    def _story(self) -> Iterator[str]:
        case, speaker = self._case, self._speaker
        yield from self._heading("what_happened")
        told = [(entry, speaker.say(entry.what)) for entry in timeline_of(case)]
        lines = as_one_line(told, lambda each: (each[0].who, each[1], each[0].is_poll))
        for line in lines:
            entry, what = line.first
            who = speaker.say(Text(key=f"who.{entry.who}"))
            after = speaker.number(f"{entry.at_s - case.at_s:+.3f} s")
            if line.times > 1:
                until = speaker.number(f"{line.last[0].at_s - case.at_s:+.1f} s")
                what = f"{what} {self._say('repeated', count=line.times, until=until)}"
            at = clock_of(entry.at_s, speaker.zone)
            yield f"  {at} {after:>12}  {who:<{_WHO}}  {what}"
        if not lines:
            yield f"  {self._say('nothing_known')}"

    def _explanation(self) -> Iterator[str]:
        """Yield why: by the diagnosis where there is one, and how far the unlock got."""
        case, believed = self._case, self._case.believed
        if case.cause is None and believed is None:
            return
        yield from self._heading("why")
        if believed is not None:
            yield from self._believed(believed)
        if case.attempt is not None and case.cause is not None:
            yield from self._how_far(case.cause, case.attempt)
        if believed is not None:
            yield from self._reasons(believed)
        elif case.attempt is not None:
            yield from (f"  - {sentence}" for sentence in facts_of(case.attempt, self._speaker))

    def _reasons(self, believed: Revision) -> Iterator[str]:
        speaker = self._speaker
        said = {
            "for": reasons(believed, speaker, is_for=True),
            "against": against(self._case, believed, speaker),
        }
        if not any(said.values()):  # of what is no mode nothing is known that would speak for it
            said = {"seen": [sentence_of(fact, speaker) for fact in believed.facts]}
        others = (
            Text(key="tell.mode", values={"mode": one.mode, "percent": percent(one.probability)})
            for one in believed.other_modes
        )
        said |= {"or_else": [*map(speaker.say, others)]}
        said |= {"earlier": [*map(speaker.say, changes_of_mind(self._case.revisions))]}
        for heading, sentences in said.items():
            if sentences:
                is_reason = heading in ("for", "against", "seen")
                yield f"  {self._say(heading)}"
                yield from (
                    f"  - {one}" for one in sentences[: MOST_REASONS if is_reason else None]
                )

    def _believed(self, believed: Revision) -> Iterator[str]:
        say = self._speaker.say
        yield f"  {say(headline(believed.first))}"
        if believed.mode is not None:
            would_be = "" if believed.is_likely else f"{self._say('would_be')} "
            yield f"  {would_be}{say(mode_text(believed.mode, 'engineer'))}"
        others = sorted(say(mode_title(slug)) for slug in believed.looks_like)
        if others:
            yield f"  {self._say('looks_same', modes='; '.join(others))}"
            if (why := believed.likeliest_class.why) is not None:
                yield f"  {say(why)}"

    def _how_far(self, cause: Cause, attempt: Row) -> Iterator[str]:
        case, say = self._case, self._speaker.say
        yield f"  {self._say('cause', cause=cause.value, why=explanation(case))}"
        missed, its = missed_text(attempt), {"reached": reached_text(attempt)}
        far = self._say("how_far_missed", **its, missed=missed) if missed else ""
        at_fault = _at_fault(case, cause)
        yield f"  {far or self._say('how_far', **its)}{f' {say(at_fault)}' if at_fault else ''}"
        if attempt["reason"]:
            yield f"  {self._say('reason', reason=reason_text(attempt['reason']))}"

    def _same_failures(self) -> Iterator[str]:
        case, speaker = self._case, self._speaker
        if case.finding is None:
            return
        yield from (*self._heading("who_else"), f"  {around_in_words(case.finding, speaker)}")
        its = case.attempt or next(iter(case.complaints), None)
        found = case.finding.found
        if its is None or not found:
            return
        own = [traits_in_words(cohort.traits) for cohort in found if is_in_cohort(its, cohort)]
        if len(found) == 1:
            yield f"  {self._say('is_one' if own else 'is_none')}"
        else:
            yield f"  {self._say('is_one_of', cohort=own[0]) if own else self._say('is_of_none')}"

    def _other_unlocks(self) -> Iterator[str]:
        if not self._case.others:
            return
        yield from self._heading("others")
        relations = Relations(self._case)
        for other in self._case.others:
            mode = mode_of(other)
            title = f" ({self._speaker.say(mode_title(mode))})" if mode else ""
            ended = other["cause"] or self._speaker.say(Text(key="ended.opened"))
            at = self._speaker.date(unix_s(other["started_at"]))
            by = relations.owner_of(other)
            whose = f", {self._speaker.say(by.text)}" if by is Owner.ANOTHER else ""
            yield (
                f"  {at}  {other['vehicle_id']}  {ended}{title}{whose}"
                f"  --attempt {other['attempt_id']}"
            )


def _open_requests_s(case: Case) -> Iterator[float]:
    """Yield when an unlock was asked for of which no end is known."""
    ended = {other["trace_id"] for other in case.neighbours}
    for event in case.events:
        is_asked = event["event"] == PlatformStep.REQUESTED and event["operation"] == "unlock"
        if is_asked and event["trace_id"] not in ended:
            yield unix_s(event["logged_at"])


def _ending_of(case: Case) -> Text:
    """Return how an unlock ended, as far as is known by now, to be said of the car."""
    if case.is_in_doubt:
        return Text(key="ending.perhaps_another")
    if (after_s := case.opened_after_long_s) is not None:
        return Text(key="ending.opened_after_request", values={"long": after_s})
    if case.cause is None or not case.opened_late:
        return ended_as(case.cause)
    if case.opened_in_time:
        return Text(key="ending.opened_in_time")
    return Text(key="ending.opened_too_late" if case.opened_after_no else "ending.opened_late")


def _named(actor: Actor) -> Text:
    return Text(key="tell.you" if actor is Actor.SUPPORT else f"actor.{actor.value}")


def against(case: Case, believed: Revision, speaker: Speaker) -> list[str]:
    """Return the sentences that speak against what is believed."""
    return reasons(believed, speaker, is_for=False, not_missed=case.not_missed)


def party_at_fault(case: Case, cause: Cause) -> Party:
    """Return the party probably at fault: by the mode, else by the cause."""
    mode = None if case.believed is None else case.believed.mode
    return CAUSES[cause].party if mode is None else mode.party


def _at_fault(case: Case, cause: Cause) -> Text | None:
    """Return the party probably at fault, if known."""
    party = party_at_fault(case, cause)
    if party is Party.NOBODY_KNOWS:
        return None
    is_sure = case.believed is None or case.believed.is_likely
    named = Text(key=f"party.{party.value}")
    return Text(
        key="unlock.at_fault" if is_sure else "tell.perhaps_at_fault", values={"party": named}
    )


def export_command(case: Case, directory: Path) -> str | None:
    """Return the command that brings the unlock about again; None where its mode is not known."""
    if case.believed is None or case.believed.mode is None:
        return None
    diagnosed = case.complaint_id if case.attempt is None else case.attempt["attempt_id"]
    return f"platform-probe export --attempt {diagnosed} --store {shlex.quote(str(directory))}"


def facts_of(attempt: Row, speaker: Speaker) -> list[str]:
    """Return what the cause was concluded from, in words."""
    evidence = evidence_of(attempt)
    return [
        speaker.say(Text(key=f"evidence.{name}", values={"value": _plain(name, value)}))
        for name in _EVIDENCE
        if (value := evidence.get(name)) not in (None, False)
    ]


def _plain(name: str, value: Any) -> Value:
    """Return what stands in the sentence of a piece of evidence."""
    if name == "offline_reason":
        return reason_text(value)
    if name == "unread":
        return ", ".join(f"{kind} ({count})" for kind, count in value.items())
    if name in ("presence", "presence_at_start"):
        key = f"standing.{value}"
        return Text(key=key) if has_text(key) else str(value)
    if isinstance(value, dict):  # how often, by kind
        return tuple(_times(broker_text(kind), count) for kind, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, float | int) else str(value)


def _times(what: Text, count: int) -> Text:
    return Text(key="tell.times", values={"what": what, "count": count}) if count > 1 else what


def mode_of(other: Row) -> str | None:
    """Return which mode another unlock is believed to have had, where that accuses nobody."""
    mode: str | None = other["failure_mode"]
    return None if mode in ACCUSES else mode


def explanation(case: Case) -> Text:
    """Return what the cause means for this unlock, in a sentence."""
    reason = ("" if case.attempt is None else case.attempt["reason"]) or ""
    is_refuted = case.cause in _REFUTED_BY_ANSWER
    kinds = {
        "perhaps_another": case.is_in_doubt,
        "probe_stopped": reason == PROBE_STOPPED,
        "begun_late": reason.startswith(BEGUN_LATE),
        "opened_in_time": case.cause is not None and case.opened_in_time,
        "unread": reason == UNREAD,
        "opened_late": case.opened_late and (is_refuted or not case.opened_after_no),
        "opened": case.cause is None,
    }
    kind = next((kind for kind, is_so in kinds.items() if is_so), case.cause)
    return Text(key=f"explanation.{kind}")
