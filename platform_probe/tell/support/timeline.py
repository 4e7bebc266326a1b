"""A timeline in sentences: who did what, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.text import Text, Value
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.plain_words import broker_text, reason_text, with_word
from platform_probe.tell.support.relations import Owner, Relations, ending_of
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.texts.catalogue import as_is

_Line = TypeVar("_Line")

_STAGES: Final = {
    Stage.PUBLISHED: ("platform", "sends"),
    Stage.BROKER_ACCEPTED: ("broker", "has_command"),
    Stage.BOX_RECEIVED: ("box", "has_command"),
    Stage.RESULT_RECEIVED: ("monitor", "has_answer"),
    Stage.STATE_CHANGED: ("car", "reports_open"),
}
_POLL: Final = "command_status"
"""The question that a phone asks every second or two until its command has ended."""
_OF_A_REQUEST: Final = ("requests", "status", "endpoint", "app_version", "api_answered_s")
"""Fields that only the platform's log has of an unlock; those of one request have no number."""
_NAMED_BY: Final = ("trace_id", "command_id")
"""The ids that an unlock and the lines of its requests may share."""
SAME_CALL_S: Final = 5.0
"""The most time between a call and its line in the log: by clocks [E]."""
_OF_THE_UNLOCK: Final = (
    PlatformStep.REQUESTED, PlatformStep.ANSWERED, PlatformStep.PUBLISHED, PlatformStep.ACCEPTED,
)  # fmt: skip
"""Steps that the record has as stages."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One line of the story."""

    at_s: float
    """Unix seconds."""
    who: str
    """The name of a `who.` text."""
    what: Text = field(compare=False)
    is_poll: bool = False
    """Whether a phone asks how its command has ended, or is told that."""


def timeline_of(case: Case) -> list[Entry]:
    """Return all entries of a case, in order."""
    relations = Relations(case)
    entries = [*_surrounding_entries(case, relations)]
    if case.attempt is not None:
        entries += _of_attempt(case, case.attempt)
    entries += (_of_neighbour(unlock, relations.owner_of(unlock)) for unlock in case.neighbours)
    for call in case.complaints:
        entries.append(Entry(unix_s(call["called_at"]), "customer", _call(call["shown"])))
    return sorted(entries, key=lambda entry: entry.at_s)


@dataclass(frozen=True, slots=True)
class InARow(Generic[_Line]):
    """What is alike and comes one after the other."""

    first: _Line
    last: _Line
    times: int


def in_a_row(lines: Iterable[_Line], alike: Callable[[_Line], Any]) -> list[InARow[_Line]]:
    """Return lines with repetitions in a row as one, as `alike` decides.

    A phone asks for the state of its command every second: that is no news.
    """
    runs = [[*run] for _, run in groupby(lines, alike)]
    return [InARow(run[0], run[-1], len(run)) for run in runs]


def as_one_line(
    lines: Iterable[_Line], said: Callable[[_Line], tuple[str, Any, bool]]
) -> list[InARow[_Line]]:
    """Return lines with those in a row as one, and all that a waiting phone is answered as one.

    `said` says who did what, and whether a phone waits. Such answers stand between all else, and
    are shown where they begin.
    """
    story: list[InARow[_Line]] = []
    waits: dict[tuple[str, Any, bool], int] = {}
    for run in in_a_row(lines, said):
        does = said(run.first)
        place = waits.get(does)
        if place is not None:
            known = story[place]
            story[place] = InARow(known.first, run.last, known.times + run.times)
            continue
        if does[2]:
            waits[does] = len(story)
        story.append(run)
    return story


def missing_stage(attempt: Row) -> Stage | None:
    """Return the stage that was waited for in vain; None where the last one was reached.

    After a refusal nothing is waited for.
    """
    awaited = [stage for stage in Stage if stage not in (Stage.INTENDED, Stage.API_ANSWERED)]
    has_refused = attempt["result_received_s"] is not None and attempt["box_executed_s"] is None
    if attempt["outcome"] == Outcome.OK or has_refused:
        return None
    reached = [stage for stage in awaited if attempt[f"{stage}_s"] is not None]
    if not reached:
        return awaited[0]
    after = awaited[awaited.index(reached[-1]) + 1 :]
    return after[0] if after else None


def furthest_stage(attempt: Row) -> Stage:
    """Return the last stage that was reached."""
    reached = [stage for stage in _STAGES if attempt[f"{stage}_s"] is not None]
    if attempt["box_executed_s"] is not None and Stage.RESULT_RECEIVED not in reached:
        return Stage.BOX_EXECUTED
    if reached:
        return reached[-1]
    asked = attempt["requested_s"] is not None
    return Stage.REQUESTED if asked else Stage.INTENDED


def missed_text(attempt: Row) -> Text | None:
    """Return what was waited for in vain; None where the last stage was reached, or nobody saw."""
    missing = missing_stage(attempt)
    if missing is None or attempt["cause"] == Cause.NOT_OBSERVED:
        return None
    return Text(key=f"missed.{missing.value}")


def reached_text(attempt: Row) -> Text:
    """Return how far it got."""
    return Text(key=f"reached.{furthest_stage(attempt).value}")


def _story(key: str, **values: Value) -> Text:
    return Text(key=f"story.{key}", values=values)


def _with_more(what: Text, more: Sequence[Text]) -> Text:
    """Return a line with details in brackets, if there are any."""
    return _story("with_more", what=what, more=tuple(more)) if more else what


def _with(key: str, name: str, value: Value | None, **values: Value) -> Text:
    """Return a line by its key; by that with a name, where the line has such a value."""
    if value is None or value == "":
        return _story(key, **values)
    return _story(f"{key}_{name}", **values, **{name: value})


def _of_attempt(case: Case, attempt: Row) -> Iterator[Entry]:
    began_s = case.at_s

    def at(seconds: float, who: str, what: Text) -> Entry:
        return Entry(began_s + seconds, who, what)

    if (who := _asker(attempt)) is not None:
        yield at(attempt["requested_s"] or 0.0, who, _with_more(_story("asks_open"), _app(attempt)))
    if attempt["woken_s"] is not None:
        yield at(attempt["woken_s"], "platform", _story("wakes"))
    for stage, (actor, key) in _STAGES.items():
        if attempt[f"{stage}_s"] is not None:
            yield at(attempt[f"{stage}_s"], actor, _story(key))
    answered_s = attempt["box_executed_s"]
    if answered_s is None and attempt["reason"]:
        answered_s = attempt["result_received_s"]
    if answered_s is not None:
        yield at(answered_s, "box", _executed(attempt))
    if attempt["api_answered_s"] is not None:
        answers = _with("answers_phone", "answer", _status(attempt))
        yield at(attempt["api_answered_s"], "platform", answers)
    end = _story("perhaps_another") if case.is_in_doubt else _outcome_text(attempt)
    yield at(attempt["total_s"], "monitor", end)
    for stray in case.strays:
        opened = _opened_late(case) if case.is_opened_by(stray) else None
        what = _with(f"answers_{stray['kind']}", "opened", opened, phase=stray["phase"])
        yield Entry(unix_s(stray["came_at"]), "box", what)


def _asker(attempt: Row) -> str | None:
    """Return who is known to have asked; None where the command alone was seen, and no phone."""
    if attempt["source"] != Source.CUSTOMER:
        return "monitor"
    is_told = any(attempt[column] is not None for column in _OF_A_REQUEST)
    return "phone" if is_told else None


def _opened_late(case: Case) -> Text:
    """Return what a late answer says that has opened the car: the box's clock may say when."""
    if case.opened_in_time:
        return _story("opened_in_time")
    return _story("opened_too_late" if case.opened_after_no else "opened_late")


def _of_neighbour(unlock: Row, by: Owner) -> Entry:
    """Return the line of another unlock of the car: when it began, whose it is, how it ended."""
    who = "monitor" if by is Owner.MONITOR else "phone"
    what = _story("asks_too", asker=by.text, ending=ending_of(unlock))
    return Entry(unix_s(unlock["started_at"]), who, what)


def _app(attempt: Row) -> list[Text]:
    more = []
    if attempt["app_version"] is not None:
        more.append(_story("app", version=attempt["app_version"]))
    if (attempt["requests"] or 1) > 1:
        more.append(_story("times", count=attempt["requests"]))
    return more


def _executed(attempt: Row) -> Text:
    if attempt["outcome"] == Outcome.REFUSED or attempt["box_executed_s"] is None:
        return _story("refuses", why=_cause_text(attempt))
    if attempt["cause"] == Cause.VEHICLE_FAILED:
        return _story("could_not_move", why=_cause_text(attempt))
    return _story("moved")


def _cause_text(attempt: Row) -> Text:
    return reason_text(attempt["reason"]) if attempt["reason"] else _story("no_reason")


def _status(row: Row) -> str:
    return " ".join(str(each) for each in (row["status"], row["problem"]) if each)


def _outcome_text(attempt: Row) -> Text:
    cause = None if attempt["cause"] is None else Cause(attempt["cause"])
    if cause is None:
        return _story("open")
    ended = {"outcome": outcome_of(cause).value, "cause": cause.value}
    return _with("ended", "missed", missed_text(attempt), **ended)


def _call(shown: str | None) -> Text:
    return _with("calls", "shown", shown)


# Surroundings


def _surrounding_entries(case: Case, relations: Relations) -> Iterator[Entry]:
    """Yield what was logged and heard besides the unlock itself."""
    for event, entry in _logged(case):
        is_another = relations.owner_of(event) is Owner.ANOTHER
        yield replace(entry, what=_with_more(entry.what, [Owner.ANOTHER.text] * is_another))
    yield from _message_entries(case)


def _logged(case: Case) -> Iterator[tuple[Row, Entry]]:
    sent: set[str] = set()
    which = _numbered(case.events)
    own, others = _requests_in_records(case)
    ahead_s = (case.attempt["clock_ahead_s"] or 0.0) if case.attempt else 0.0
    for event in sorted(case.events, key=_when_and_which_first):
        at_s = unix_s(event["logged_at"]) - ahead_s
        command_id = event["command_id"] if event["event"] == PlatformStep.PUBLISHED else None
        number = which.get(event["command_id"])
        if command_id in sent:
            again = _story("sends_again", command=_command_named(event, number))
            yield event, Entry(at_s, "platform", again)
        elif not _is_call(case, event) and not _is_in_record(event, own, others):
            is_poll = event["operation"] == _POLL
            yield event, Entry(at_s, *_event(event, number), is_poll)
        if command_id:
            sent.add(command_id)


def _when_and_which_first(event: Row) -> tuple[float, bool]:
    """Return what the log is ordered by: a command ends before the next one is sent."""
    return unix_s(event["logged_at"]), event["event"] != PlatformStep.ENDED


def _numbered(events: Iterable[Row]) -> dict[str, int]:
    """Return which of several commands for the same each is, from 1; none of one alone."""
    of_one: dict[str, list[str]] = {}
    for event in events:
        command_id, seen = event["command_id"], of_one.setdefault(event["operation"], [])
        if command_id is not None and command_id not in seen:
            seen.append(command_id)
    return {
        command_id: number
        for seen in of_one.values()
        for number, command_id in enumerate(seen, 1)
        if len(seen) > 1
    }


def _message_entries(case: Case) -> Iterator[Entry]:
    known: dict[str, Text | None] = {}
    sent = {one["command_id"] for one in case.events if one["event"] == PlatformStep.PUBLISHED}
    for heard in case.heard:
        telling = _HEARD.get(heard["kind"])
        told = as_is(str(heard["kind"])) if telling is None else telling(heard)
        is_own_answer = (
            heard["kind"] in ("result", "command")
            and case.attempt is not None
            and heard["command_id"] == case.attempt["command_id"]
        )
        is_sent = heard["kind"] == "command" and heard["command_id"] in sent
        said = _state_fields(heard) if heard["kind"] == "state" else None
        is_same = said is not None and said.items() <= known.items()
        known |= said or {}
        if told is None or is_own_answer or is_sent or is_same:
            continue
        who = "broker" if heard["kind"] == "broker" else "car"
        what = _with_more(told, [_story("retained")] * bool(heard["is_retained"]))
        yield Entry(unix_s(heard["heard_at"]), who, what)


def _is_call(case: Case, event: Row) -> bool:
    """Return whether an event of the platform's log is a call with an entry of its own.

    Their times differ as the clocks do.
    """
    return event["event"] == PlatformStep.SUPPORT_CALLED and any(
        call["account_id"] == event["account_id"]
        and abs(unix_s(call["called_at"]) - unix_s(event["logged_at"])) < SAME_CALL_S
        for call in case.complaints
    )


def _is_in_record(event: Row, own: Collection[str], others: Collection[str]) -> bool:
    """Return whether a record itself tells what an event tells: its own, or that of another unlock.

    `own` and `others` are the requests that the records are of.
    """
    if event["operation"] != "unlock":
        return False
    is_others = event["request_id"] in others and event["event"] == PlatformStep.REQUESTED
    return is_others or (event["request_id"] in own and event["event"] in _OF_THE_UNLOCK)


def _requests_in_records(case: Case) -> tuple[set[str], set[str]]:
    """Return the requests that the record is of, and those of the other unlocks.

    Each line of a request may name its trace or its command, or neither.
    """
    attempts = [] if case.attempt is None else [case.attempt]
    return _requests_of(attempts, case.events), _requests_of(case.neighbours, case.events)


def _requests_of(attempts: Iterable[Row], events: Iterable[Row]) -> set[str]:
    names = {one[name] for one in attempts for name in _NAMED_BY if one[name] is not None}
    return {one["request_id"] for one in events if any(one[name] in names for name in _NAMED_BY)}


def _command_named(event: Row, number: int | None) -> Text:
    """Return for what a command is, and which of several."""
    return _with("command", "number", number, operation=str(event["operation"]))


def _event(event: Row, number: int | None) -> tuple[str, Text]:
    """Return who did what, as the platform's log has it, with which command."""
    operation, status = str(event["operation"]), _status(event)
    command = _command_named(event, number)
    reason = reason_text(event["reason"]) if event["reason"] else None
    asks = _story("asks_to" if operation in _VERBS else "asks_for", operation=operation)
    ended: dict[str, Value] = {"command": command, "phase": str(event["outcome"])}
    told = {
        PlatformStep.REQUESTED: ("phone", _with_more(asks, _app({**event, "requests": 1}))),
        PlatformStep.ANSWERED: (
            "platform",
            _with("answers", "answer", status, operation=operation),
        ),
        PlatformStep.HUNG_UP: ("phone", _story("hangs_up")),
        PlatformStep.UNHEARD: (
            "platform",
            _with("would_answer", "answer", status, operation=operation),
        ),
        PlatformStep.WOKEN: ("platform", _story("wakes")),
        PlatformStep.PUBLISHED: ("platform", _story("sends_for", command=command)),
        PlatformStep.ACCEPTED: ("broker", _story("has_for", command=command)),
        PlatformStep.ENDED: ("platform", _with("records", "why", reason, **ended)),
        PlatformStep.SUPPORT_CALLED: ("customer", _call(event["shown"])),
    }
    return told.get(event["event"], ("platform", as_is(f"{event['event']}: {operation}")))


_VERBS: Final = ("book", "extend", "end", "unlock", "lock")


def _presence(heard: Row) -> Text:
    if heard["status"] == "online":
        return _story("connected")
    reason = heard["reason"]
    is_told = reason in ("last_will", "sleep", "shutdown")
    return _story(f"offline_{reason}" if is_told else "offline")


def _state_fields(state: Row) -> dict[str, Text | None]:
    """Return what a state says, by its columns: in some fleets one message says one thing."""
    locked = _story("locked" if state["is_locked"] else "unlocked")
    words = {
        "is_locked": locked,
        "is_open": _story("door_open") if state["is_open"] else None,
        "voltage_v": _story("volts", volts=state["voltage_v"] or 0.0),
    }
    return {name: words[name] for name in words if state[name] is not None}


def _state(heard: Row) -> Text | None:
    told = tuple(filter(None, _state_fields(heard).values()))
    return _story("reports", states=told) if told else None


def _heartbeat(heard: Row) -> Text:
    signal, volts = heard["signal_dbm"], heard["voltage_v"]
    more = [] if signal is None else [_story("signal", dbm=signal)]
    more += [] if volts is None else [_story("volts", volts=volts)]
    return _with("last_report", "more", tuple(more) or None)


def _result(heard: Row) -> Text:
    reason = reason_text(heard["reason"]) if heard["reason"] else None
    return _with("answers_another", "why", reason, phase=heard["phase"])


def _broker(heard: Row) -> Text:
    said = _story("broker_says", what=broker_text(heard["status"]))
    return with_word(said, heard["detail"]) if heard["detail"] else said


_HEARD: Final[dict[str, Callable[[Any], Text | None]]] = {
    "presence": _presence,
    "state": _state,
    "telemetry": _heartbeat,
    "result": _result,
    "command": lambda heard: _story("is_sent", operation=str(heard["action"])),
    "event": lambda heard: _story("tells", event=str(heard["event"])),
    "broker": _broker,
}
