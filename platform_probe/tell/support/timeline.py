"""A timeline in sentences: who did what, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

from fleet_wire.contract.attempt import Source, Stage, StrayKind
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.tell.support.advice import SAID_OPEN
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.plain_words import broker_in_words, reason_in_words
from platform_probe.tell.support.relations import Owner, Relations, ended_in_words
from platform_probe.tell.support.rows import Row, unix_s

_Line = TypeVar("_Line")

_STAGES: Final = {
    Stage.PUBLISHED: ("platform", "sends the command to the car"),
    Stage.BROKER_ACCEPTED: ("broker", "has the command"),
    Stage.BOX_RECEIVED: ("box", "has the command"),
    Stage.RESULT_RECEIVED: ("monitor", "has the box's answer"),
    Stage.STATE_CHANGED: ("car", "reports an open lock"),
}
_REACHED: Final = {
    Stage.INTENDED: "it was wanted",
    Stage.REQUESTED: "it was asked for",
    Stage.PUBLISHED: "the command was sent",
    Stage.BROKER_ACCEPTED: "the broker had the command",
    Stage.BOX_RECEIVED: "the box had the command",
    Stage.BOX_EXECUTED: "the box had done it, or refused",
    Stage.RESULT_RECEIVED: "the answer had come",
    Stage.STATE_CHANGED: "the car had reported an open lock",
}
_MISSED: Final = {
    Stage.REQUESTED: "nobody asked for it",
    Stage.PUBLISHED: "no command had been sent",
    Stage.BROKER_ACCEPTED: "the broker did not take the command",
    Stage.BOX_RECEIVED: "the box did not confirm the command",
    Stage.BOX_EXECUTED: "the box did not say how it ended",
    Stage.RESULT_RECEIVED: "no answer came",
    Stage.STATE_CHANGED: "the car did not report an open lock",
}
_WAITS: Final = ("asks for command status", "answers command status")
"""The polls of a phone until its command has ended, every second or two."""
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
    what: str


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
    lines: Iterable[_Line], said: Callable[[_Line], tuple[str, str]]
) -> list[InARow[_Line]]:
    """Return lines with those in a row as one, and all that a waiting phone is answered as one.

    `said` says who did what. Such answers stand between all else, and are shown where they begin.
    """
    story: list[InARow[_Line]] = []
    waits: dict[tuple[str, str], int] = {}
    for run in in_a_row(lines, said):
        does = said(run.first)
        place = waits.get(does)
        if place is not None:
            known = story[place]
            story[place] = InARow(known.first, run.last, known.times + run.times)
            continue
        if does[1].startswith(_WAITS):
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


def missed_in_words(attempt: Row) -> str | None:
    """Return what was waited for in vain; None where the last stage was reached, or nobody saw."""
    missing = missing_stage(attempt)
    if missing is None or attempt["cause"] == Cause.NOT_OBSERVED:
        return None
    return _MISSED[missing]


def reached_in_words(attempt: Row) -> str:
    """Return how far it got."""
    return _REACHED[furthest_stage(attempt)]


def _of_attempt(case: Case, attempt: Row) -> Iterator[Entry]:
    began_s = case.at_s

    def at(seconds: float, who: str, what: str) -> Entry:
        return Entry(began_s + seconds, who, what)

    if (who := _asker(attempt)) is not None:
        yield at(attempt["requested_s"] or 0.0, who, f"asks to open the car{_app(attempt)}")
    if attempt["woken_s"] is not None:
        yield at(attempt["woken_s"], "platform", "asks the sleeping car to wake")
    for stage, (actor, what) in _STAGES.items():
        if attempt[f"{stage}_s"] is not None:
            yield at(attempt[f"{stage}_s"], actor, what)
    answered_s = attempt["box_executed_s"]
    if answered_s is None and attempt["reason"]:
        answered_s = attempt["result_received_s"]
    if answered_s is not None:
        yield at(answered_s, "box", _executed(attempt))
    if attempt["api_answered_s"] is not None:
        yield at(attempt["api_answered_s"], "platform", f"answers the phone{_status(attempt)}")
    end = f"the car {SAID_OPEN}" if case.is_in_doubt else _outcome_text(attempt)
    yield at(attempt["total_s"], "monitor", end)
    for stray in case.strays:
        opened = f": {_opened_late(case)}" if case.is_opened_by(stray) else ""
        how = "once more" if stray["kind"] == StrayKind.DUPLICATE else stray["kind"]
        what = f"answers {how}: {stray['phase']}{opened}"
        yield Entry(unix_s(stray["came_at"]), "box", what)


def _asker(attempt: Row) -> str | None:
    """Return who is known to have asked; None where the command alone was seen, and no phone."""
    if attempt["source"] != Source.CUSTOMER:
        return "monitor"
    is_told = any(attempt[column] is not None for column in _OF_A_REQUEST)
    return "phone" if is_told else None


def _opened_late(case: Case) -> str:
    """Return what a late answer says that has opened the car: the box's clock may say when."""
    if case.opened_in_time:
        return "the car had OPENED in time, and says so too late"
    return f"the car has OPENED, {'too late' if case.opened_after_no else 'late'}"


def _of_neighbour(unlock: Row, by: Owner) -> Entry:
    """Return the line of another unlock of the car: when it began, whose it is, how it ended."""
    who = "monitor" if by is Owner.MONITOR else "phone"
    what = f"{by} asks to open it too: it {ended_in_words(unlock)}"
    return Entry(unix_s(unlock["started_at"]), who, what)


def _app(attempt: Row) -> str:
    parts = []
    if attempt["app_version"] is not None:
        parts.append(f"app {attempt['app_version']}")
    if (attempt["requests"] or 1) > 1:
        parts.append(f"{attempt['requests']} times")
    return f" ({', '.join(parts)})" if parts else ""


def _executed(attempt: Row) -> str:
    if attempt["outcome"] == Outcome.REFUSED or attempt["box_executed_s"] is None:
        return f"refuses: {_cause_text(attempt)}"
    if attempt["cause"] == Cause.VEHICLE_FAILED:
        return f"could not move the lock: {_cause_text(attempt)}"
    return "has moved the lock"


def _cause_text(attempt: Row) -> str:
    return reason_in_words(attempt["reason"]) if attempt["reason"] else "it does not say why"


def _status(row: Row) -> str:
    status = "" if row["status"] is None else f" {row['status']}"
    return f"{status} {row['problem']}" if row["problem"] else status


def _outcome_text(attempt: Row) -> str:
    cause = None if attempt["cause"] is None else Cause(attempt["cause"])
    if cause is None:
        return "the car is open"
    missed = missed_in_words(attempt)
    return f"{outcome_of(cause)}: {cause}{f'; {missed}' if missed else ''}"


def _call(shown: str | None) -> str:
    return "calls support" if shown is None else f"calls support; the app had shown: {shown}"


# Surroundings


def _surrounding_entries(case: Case, relations: Relations) -> Iterator[Entry]:
    """Yield what was logged and heard besides the unlock itself."""
    for event, entry in _logged(case):
        is_another = relations.owner_of(event) is Owner.ANOTHER
        what = f"{entry.what} ({Owner.ANOTHER})" if is_another else entry.what
        yield Entry(entry.at_s, entry.who, what)
    yield from _message_entries(case)


def _logged(case: Case) -> Iterator[tuple[Row, Entry]]:
    sent: set[str] = set()
    which = _numbered(case.events)
    own, others = _requests_in_records(case)
    ahead_s = (case.attempt["clock_ahead_s"] or 0.0) if case.attempt else 0.0
    for event in sorted(case.events, key=_when_and_which_first):
        at_s = unix_s(event["logged_at"]) - ahead_s
        command_id = event["command_id"] if event["event"] == PlatformStep.PUBLISHED else None
        number = which.get(event["command_id"], "")
        if command_id in sent:
            what = f"sends the command for {event['operation']}{number} again"
            yield event, Entry(at_s, "platform", what)
        elif not _is_call(case, event) and not _is_in_record(event, own, others):
            yield event, Entry(at_s, *_event(event, number))
        if command_id:
            sent.add(command_id)


def _when_and_which_first(event: Row) -> tuple[float, bool]:
    """Return what the log is ordered by: a command ends before the next one is sent."""
    return unix_s(event["logged_at"]), event["event"] != PlatformStep.ENDED


def _numbered(events: Iterable[Row]) -> dict[str, str]:
    """Return which of several commands for the same each is: " no. 2"; none of one alone."""
    of_one: dict[str, list[str]] = {}
    for event in events:
        command_id, seen = event["command_id"], of_one.setdefault(event["operation"], [])
        if command_id is not None and command_id not in seen:
            seen.append(command_id)
    return {
        command_id: f" no. {number}"
        for seen in of_one.values()
        for number, command_id in enumerate(seen, 1)
        if len(seen) > 1
    }


def _message_entries(case: Case) -> Iterator[Entry]:
    known: dict[str, str] = {}
    sent = {one["command_id"] for one in case.events if one["event"] == PlatformStep.PUBLISHED}
    for heard in case.heard:
        told = _HEARD.get(heard["kind"], _message_text)(heard)
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
        retained = " (told from before)" if heard["is_retained"] else ""
        yield Entry(unix_s(heard["heard_at"]), who, f"{told}{retained}")


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


def _event(event: Row, number: str) -> tuple[str, str]:
    """Return who did what, as the platform's log has it, with which command."""
    operation = str(event["operation"]).replace("_", " ")
    command = f"{operation}{number}"
    reason = f": {reason_in_words(event['reason'])}" if event["reason"] else ""
    told = {
        PlatformStep.REQUESTED: ("phone", f"{_asks(operation)}{_app({**event, 'requests': 1})}"),
        PlatformStep.ANSWERED: ("platform", f"answers {operation}{_status(event)}"),
        PlatformStep.HUNG_UP: ("phone", "hangs up before it is answered"),
        PlatformStep.UNHEARD: ("platform", f"would have answered {operation}{_status(event)}"),
        PlatformStep.WOKEN: ("platform", "asks the sleeping car to wake"),
        PlatformStep.PUBLISHED: ("platform", f"sends the command for {command}"),
        PlatformStep.ACCEPTED: ("broker", f"has the command for {command}"),
        PlatformStep.ENDED: ("platform", f"records {command} as {event['outcome']}{reason}"),
        PlatformStep.SUPPORT_CALLED: ("customer", _call(event["shown"])),
    }
    return told.get(event["event"], ("platform", f"{event['event']}: {operation}"))


def _asks(operation: str) -> str:
    is_verb = operation in ("book", "extend", "end", "unlock", "lock")
    return f"asks to {operation}" if is_verb else f"asks for {operation}"


def _presence(heard: Row) -> str:
    reason = {
        "last_will": "is offline: its connection broke (last will)",
        "sleep": "goes to sleep",
        "shutdown": "switches itself off",
    }
    if heard["status"] == "online":
        return "is connected"
    return reason.get(heard["reason"], "is offline")


def _state_fields(state: Row) -> dict[str, str]:
    """Return what a state says, by its columns: in some fleets one message says one thing."""
    words = {
        "is_locked": {True: "locked", False: "unlocked"}.get(state["is_locked"], ""),
        "is_open": "door open" if state["is_open"] else "",
        "voltage_v": "" if state["voltage_v"] is None else f"{state['voltage_v']:.1f} V",
    }
    return {name: words[name] for name in words if state[name] is not None}


def _state(heard: Row) -> str | None:
    told = ", ".join(filter(None, _state_fields(heard).values()))
    return f"reports: {told}" if told else None


def _heartbeat(heard: Row) -> str:
    signal = "" if heard["signal_dbm"] is None else f", signal {heard['signal_dbm']:.0f} dBm"
    volts = "" if heard["voltage_v"] is None else f", {heard['voltage_v']:.1f} V"
    return f"last regular report before{signal}{volts}"


def _result(heard: Row) -> str:
    reason = f": {reason_in_words(heard['reason'])}" if heard["reason"] else ""
    return f"answers another command: {heard['phase']}{reason}"


def _command(heard: Row) -> str:
    return f"is sent a command: {heard['action']}"


def _car_event(heard: Row) -> str:
    return f"tells: {heard['event']}"


def _broker(heard: Row) -> str:
    detail = f" ({heard['detail']})" if heard["detail"] else ""
    return f"says of the box: {broker_in_words(heard['status'])}{detail}"


def _message_text(heard: Row) -> str:
    return str(heard["kind"])


_HEARD: Final[dict[str, Callable[[Any], str | None]]] = {
    "presence": _presence,
    "state": _state,
    "telemetry": _heartbeat,
    "result": _result,
    "command": _command,
    "event": _car_event,
    "broker": _broker,
}
