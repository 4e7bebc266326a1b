"""docs/log.md: what the probe writes of each unlock, into its log, and on stdout."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from textwrap import dedent
from typing import Any, NamedTuple

import msgspec

from fleet_wire.contract.attempt import (
    UNREAD,
    Attempt,
    Complaint,
    Flag,
    Origin,
    PlatformSide,
    Source,
    Stage,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import CAUSES
from fleet_wire.contract.diagnosis import Diagnosis, FactSeen, RankedMode, Weighed
from fleet_wire.contract.incident import Change, ChangeKind, Incident, IncidentKind, Severity
from fleet_wire.contract.messages import Reason
from platform_probe.measure.attempts import conclusion, joined_record
from platform_probe.measure.probe import Probe
from platform_probe.outputs import logs
from platform_probe.outputs.logs import REPEAT_AFTER_S
from tests.helpers.markdown import code, docstrings_of, table
from tests.helpers.places import ROOT

LEVELS = ("debug", "info", "warning", "error")
COMPLAIN = ("complain", "_complain")
"""What logs at warning, now and then."""
INTRODUCTION = """\
# Records and log

Written by `python -m tests.docs --renew` from `fleet_wire/contract` and `platform_probe`.

Everything is JSON, one object per line.
A name that ends in `_s` is a number of seconds, and one that ends in `_v` volts.
`at` and `started_at` are Unix seconds.
Unknown values are null, or left out of `evidence`.
[What is kept](retention.md) says how long the files are kept and who may read them.
"""
RECORDS = """\
## attempts.jsonl

The output directory has one line for each unlock that has ended.
`floor.jsonl` has the same for unlocks of the loopback box.
A run of `fleet-sim` has this file too.
Readers must ignore fields that they do not know.
"""
PLATFORM = """\
### What the platform's log says

Unknown and usual values are left out of `platform`.
`requests` is there from 2 on, `sent_again` from 1 on, and `hops_across` if there is such a hop.
"""
STRAYS = """\
## stray_answers.jsonl

One line for each answer that belongs to no open unlock.
"""
COMPLAINTS = """\
## complaints.jsonl

One line for each call to support in the platform's log, written when the unlocks before it are \
judged.
A call counts as no unlock.
"""
DIAGNOSES = """\
## diagnoses.jsonl

One line for each unlock that failed or looks odd, and for each complaint about an unlock that \
nobody saw.
It ranks the possible failure modes.
Another line follows each time that the evidence changes, for ten minutes.
[How a diagnosis is made](diagnosis.md) explains it.
"""
INCIDENTS = """\
## incidents.jsonl

One line for each revision of each incident.
The page [What an incident is](incidents.md) explains them.
Empty, 0 and unknown values are left out, of `changes` too.
"""
LOG = f"""\
## The log

The log goes to stderr, or to `log_file`.
Each line has `at`, `level` and `event`.
A repeated event is logged once in {REPEAT_AFTER_S:g} s, and then has `kind` and `count`: how \
often it came since.
Lines of Python's own loggers (aiohttp, asyncio) have `logger`, and `exception` if there was one.
"""
UNLOCK = """\
### `unlock`

This is the canonical line of each unlock.
Its level is `info` if it went well, `warning` if it was refused or is unknown, and `error` if \
it failed.
It has these fields of attempts.jsonl: {shared}.

It also has `span_id`, the span of the whole unlock in its trace, and the fields that the \
platform's log has added.
If there is a cause, the line says more about it, as in the table of causes: {more}.
"""
OTHERS = "### Other events\n"
REASONS = """\
### Reasons

If the box refused, `reason` is one of these.
Otherwise it is the word of the broker or the connection, or a reason code of MQTT.
"""
UNHEARD = """\
### Cars that nobody knows

An unlock of a car that does not exist, or whose box was never connected, ends as `no_subscriber`.
Its evidence has `never_heard_of`.

With `watch`, the default, the monitor subscribes to commands itself, so the broker's PUBACK \
says 0 for every car.
The cause then follows at the deadline, from a broker that retains neither presence nor state of \
the car.
If `watch` is off, the PUBACK says 16 and ends the unlock at once.
The event `unknown_cars` names such cars when the load begins.
"""
UNREADABLE = f"""\
### Cars that cannot be read

Messages that break the contract are counted for each open unlock of their car, from the command \
on: evidence has `unread`.
If the missing answer may be among them, the unlock ends as `unclassified`, with the reason \
"{UNREAD}", and gets no failure mode.
If the platform's log has the answer, the unlock ends as that says.
"""
STDOUT = """\
## stdout

The program that starts the probe reads these lines:

- `learning` each second while retained messages come
- `ready` once
- `progress` each second
- `stopping` when it is told to stop
- `done` at the end
"""
EVENTS = {
    "broker_back": "one of several brokers is there again",
    "broker_connected": "connected to the broker, and subscribed",
    "broker_disconnected": "a connection ended, or could not be made; the next try is told",
    "console": "the pages of the console are served at `url`",
    "unlock_diagnosed": "the failure mode that an unlock is first believed to have had, how likely"
    " it is, and the fact that says so most (`because`); `diagnoses.jsonl` has the others",
    "journal_missed": "parts of the journal were removed before they were judged; nothing that was"
    " measured is touched",
    "judge_ended": "the process that diagnoses and finds incidents ended, and is started again;"
    " measuring goes on, and what it missed is in the journal",
    "judge_failed": "the judge cannot start (`why`); it is tried again",
    "judge_left_behind": "the judge had not judged everything when the monitor ended; the next one"
    " does",
    "judge_waits": "another judge still writes to the same files (`why`); it is waited for",
    "outlet_failed": "a judgement could not be handed on to this outlet; the others have it",
    "entry_set_aside": "an entry of the journal could not be judged: a defect of this program."
    " Nothing that was measured is touched, and the next entry is judged",
    "diagnosis_revised": "ten minutes after an unlock another failure mode is likeliest than was"
    " at first (`believed`); once for each such unlock",
    "late_unlock": "a car opened after its customer was told no: each one has its line, with the"
    " fields of stray_answers.jsonl",
    "forged_post": "somebody posted to /v1/logs without the right token; nothing of it was read",
    "line_defect": "code of the monitor failed at a line of the platform's log, by its step",
    "message_defect": "code of the monitor failed at a message of this topic (`kind`)",
    "malformed_line": "a line of the platform's log breaks its contract; it is cut",
    "malformed_message": "a message breaks the wire contract; its payload is cut",
    "not_locked_again": "a synthetic unlock of this car may have left it open: `end` is `failed`"
    " after `tries` locks, or `left`, where a customer came or the car is booked; `why` is what"
    " went wrong last. At error where the car said that it opened (`is_known_to_have_opened`)",
    "message_dropped": "a message about an incident is not tried again: its backend does not take"
    " it, somebody has deleted what it belongs to, or it is a day old",
    "message_failed": "a message about an incident was not taken, and is tried again; `kind` says"
    " by whom and why, `detail` in the backend's own words",
    "message_may_come_twice": "whether a post to Slack arrived cannot be seen, so it is sent again",
    "message_not_kept": "a revision of an incident could not be written to messages.jsonl, or not"
    " be handed to a backend",
    "message_sent": "a backend has taken a message about an incident",
    "messages_sent_again": "a backend that had failed takes messages again",
    "messages_unreadable": "lines of messages.jsonl could not be read, and are left out",
    "no_car_is_touched": "which cars are booked cannot be read: no synthetic unlock starts",
    "platform_log_unreadable": "the file of the platform's log is not there, or cannot be read",
    "press_in_vain": "somebody pressed a button in Slack of an incident that the monitor does not"
    " know, or no longer, or that is over; `is_told` says whether Slack has shown them so",
    "sink_failed": "a record could not be written, counted or logged",
    "stats_not_written": "`probe_stats.json` could not be written",
    "stopping": "told to stop: what is in flight is waited for",
    "store_behind": "a file of the store could not be written or packed; `why` says which",
    "stray_answer": "an answer outside of an open unlock, with the fields of stray_answers.jsonl",
    "support_called": "a customer called support, with the fields of complaints.jsonl but the"
    " booking",
    "unknown_fields": "a firmware sends fields that the contract does not have, each named once",
}
"""What events mean that do not say it themselves, in a field `explanation`, or not whole."""
WHAT_TO_DO = {
    "broker_away": "see whether that broker runs; the others are watched meanwhile"
    " ([scale.md](scale.md#several-brokers))",
    "broker_disconnected": "nothing where it comes back; else `why` and `detail` say whether"
    " broker, password or client id is wrong; see [the runbook](runbook/BrokerDisconnected.md)",
    "commands_never_expire": "unlock only cars that somebody can look after: this wire has no cure",
    "commands_outlive_customers": "leave out `load.command_ttl_s`",
    "console_ended": "see `reason`: a port that is taken, a file of tokens with a mistake",
    "console_troubled": "see `problem`: mend the path or the rights; of a sign-in ask who runs the"
    " provider; anything else is a defect",
    "demo_secret": "set `vehicle_keys` or `fleet_secret_file`",
    "journal_missed": "give the journal more room: `journal.max_gib`, `journal.max_hours`",
    "judge_ended": "look at the line before it; report its traceback",
    "judge_failed": "do what it says",
    "judge_left_behind": "nothing; if it comes each time, give the machine more CPU",
    "judge_waits": "end the other one, or give each its own `out_dir`",
    "outlet_failed": "look at the error: a full disk, or a defect to report",
    "entry_set_aside": "report the traceback; diagnoses of the unlock that it names may be missing",
    "diagnosis_revised": "what was told or done by the first one: see `platform-probe diagnose`",
    "forged_post": "give the sender the token of `platform.otlp_token_file`, or look who it is",
    "late_unlock": "lock the car, and call the customer: [the runbook](runbook/LateUnlock.md)",
    "left_over": "nothing after a broker was added; else give monitor and boxes one list, in one"
    " order ([scale.md](scale.md#a-broker-more))",
    "locks_will_refuse": "unlock more cars, lower `--rate`, or take `--every`, which has the cars"
    " in turn",
    "malformed_line": "show `reason` and `line_starts` to whoever writes that log",
    "malformed_message": "show `reason` and `payload_starts` to whoever makes that firmware",
    "line_defect": "report it with `error`; all other parts of the monitor go on",
    "message_defect": "report it with `error`; all other parts of the monitor go on",
    "message_dropped": "see `detail`; the incident itself is in incidents.jsonl",
    "message_failed": "`platform-probe messages test` says what is wrong and what to do:"
    " [messages.md](messages.md#when-messages-do-not-come)",
    "message_may_come_twice": "give the app the scopes of its manifest, and name channels by id",
    "message_not_kept": "free the disk, or mend the rights of the output directory",
    "messages_unreadable": "nothing after a crash; else look who writes there",
    "monitor_stood_still": "give it a core, and look for what took the machine; on a laptop: sleep",
    "no_car_is_touched": "put a readable file there, whole (by a rename); unlocks go on by"
    " themselves",
    "not_locked_again": "lock the car by other means, or send somebody; `failed` of many cars: see"
    " `why`",
    "otlp_dropped": "see why at the backend (`error`); it may need more room or another address",
    "otlp_exporter_ended": "nothing where it ends once; else `reason` says why",
    "otlp_keys_shown": "give `otlp` an address with https://",
    "platform_log_elsewhere": "post the log to each monitor of the group, or let each read the"
    " file: [several-monitors.md](several-monitors.md)",
    "platform_log_unreadable": "mend the path or the rights: it is tried again by itself",
    "press_in_vain": "nothing for one; many: was the store emptied, or does another monitor post to"
    " this channel?",
    "retained_messages_missing": "raise `max_queued_messages` of the broker, then start the monitor"
    " again",
    "store_behind": "free its disk; what is not packed yet stays, and is packed later",
    "sink_failed": "free the disk, or mend the rights of the output directory: a record that"
    " could not be written is lost, and entries of the journal wait in memory up to 64 MiB",
    "stats_not_written": "free the disk, or mend the rights; only the sums at the end are lost",
    "stray_answer": "nothing for a few of kind `late` or `duplicate`; many of kind `orphan`: who"
    " else sends commands?",
    "support_called": "help the customer; where `attempts` is empty nothing has reached the"
    " platform, so ask about phone, app and place",
    "unknown_cars": "mend the ids, or connect their boxes",
    "unknown_fields": "nothing: they are passed over; look whether the contract has a newer form",
}
"""What somebody is to do about each event at warning or error."""
EVIDENCE = {
    "furthest_stage": "the last stage that was reached",
    "puback": "the reason code of the broker's PUBACK; 16: nobody subscribes, not even the monitor",
    "answered_by": "another car that answered for this one",
    "provisional_status": "what was said of the command that another word may follow",
    "never_heard_of": "true where nothing was ever heard of the car, nor is retained",
    "presence": "`online`, `asleep` or `offline`, when the unlock ended",
    "presence_at_start": "the same, when it began",
    "presence_changed_ago_s": "since presence last changed",
    "offline_reason": "what the box gave as reason when it said goodbye",
    "heard_ago_s": "since the box last sent anything",
    "heartbeat_ago_s": "since its last heartbeat",
    "heard_after_command": "whether it sent something after it should have had the command",
    "is_locked": "what its state said last",
    "voltage_v": "of its battery",
    "broker_said": "by kind, how often the broker's log spoke of the car's box, from 300 s before"
    " the unlock on",
    "unread": "by kind, how many messages of the car could not be read since the command was sent",
    "tries_left": "how often the PIN of remote access may still be wrong, where the box says so",
    "status": "the HTTP status that the platform answered, where MQTT told nothing",
    "problem": "the problem type of that answer",
    "platform_outcome": "how it ended in the platform's own words",
}
SAID = {
    "load_starts_at": "second 0 of the load, Unix seconds",
    "metrics_url": "where `/metrics` is",
    "sent": "unlocks started, the null box's apart",
    "ended": "of these, how many have ended",
    "ok": "of these, how many went well",
    "in_flight": "how many have not ended",
}


class Event(NamedTuple):
    """A call that logs, as it stands in the code."""

    name: str
    level: str
    fields: tuple[str, ...]
    explanation: str | None


def page_of_log() -> str:
    """Return the page."""
    shared: list[str] = [name for name in logs.OF_UNLOCK if name in Attempt.__struct_fields__]
    more = _keys_in(logs.LogSink.emit)
    return "\n".join(
        [
            INTRODUCTION,
            RECORDS,
            table(("Field", "Meaning"), _fields(Attempt)),
            "### Stages\n",
            table(("Stage", "Reached when"), _members(Stage)),
            "### Sources\n",
            table(("Source", "Who asked"), _members(Source)),
            "### Flags\n",
            table(("Flag", "What was odd"), _members(Flag)),
            PLATFORM,
            table(("Field of `platform`", "Meaning"), _fields(PlatformSide)),
            table(("Source missing", "Meaning"), _members(Origin)),
            "### Evidence\n",
            table(("Fact", "Meaning"), _evidence()),
            "### Causes\n",
            table(("Cause", "Outcome", "Party", "Phase", "Mechanism", "In words"), _causes()),
            UNHEARD,
            UNREADABLE,
            REASONS,
            table(("Reason", "Cause", "What the box says by it"), _reasons()),
            STRAYS,
            table(("Field", "Meaning"), _fields(StrayAnswer)),
            table(("Kind", "Meaning"), _members(StrayKind)),
            COMPLAINTS,
            table(("Field", "Meaning"), _fields(Complaint)),
            DIAGNOSES,
            table(("Field", "Meaning"), _fields(Diagnosis)),
            table(("Field of one of `modes`", "Meaning"), _fields(RankedMode)),
            table(("Field of one of `weighed`", "Meaning"), _fields(Weighed)),
            table(("Field of one of `facts`", "Meaning"), _fields(FactSeen)),
            INCIDENTS,
            table(("Field", "Meaning"), _fields(Incident)),
            table(("Kind", "Meaning"), _members(IncidentKind)),
            table(("Severity", "Meaning"), _members(Severity)),
            table(("Field of one of `changes`", "Meaning"), _fields(Change)),
            table(("Kind of a change", "Meaning"), _members(ChangeKind)),
            LOG,
            UNLOCK.format(shared=_in_a_row(shared), more=_in_a_row(more)),
            OTHERS,
            table(("Event", "Level", "Fields", "Meaning", "What to do"), _events()),
            STDOUT,
            table(("Event", "Fields"), _said()),
            table(("Field", "Meaning"), [(code(name), meaning) for name, meaning in SAID.items()]),
        ]
    )


def _in_a_row(names: list[str]) -> str:
    return ", ".join(map(code, names))


def _fields(record: type[msgspec.Struct]) -> list[tuple[str, str]]:
    meanings = docstrings_of(record)
    return [(code(name), meanings[name]) for name in record.__struct_fields__]


def _members(kind: type[StrEnum]) -> list[tuple[str, str]]:
    meanings = docstrings_of(kind)
    return [(code(member.value), meanings[member.name]) for member in kind]


def _evidence() -> list[tuple[str, str]]:
    facts = [*_keys_in(conclusion.evidence_of), *_keys_in(joined_record._evidence)]
    return [(code(name), EVIDENCE[name]) for name in facts]


def _causes() -> list[tuple[str, ...]]:
    return [
        (code(cause), info.outcome, info.party, info.phase, info.mechanism, info.explanation)
        for cause, info in CAUSES.items()
    ]


def _reasons() -> list[tuple[str, ...]]:
    meanings = docstrings_of(Reason)
    causes = conclusion.CAUSE_OF_REASON
    return [(code(reason), code(causes[reason]), meanings[reason.name]) for reason in Reason]


def _events() -> list[tuple[str, ...]]:
    events = {event.name: event for event in sorted(events_in_the_code())}
    return [
        (
            code(name),
            event.level,
            _in_a_row([field for field in event.fields if field != "explanation"]),
            EVENTS.get(name) or event.explanation or without_entry(name, "EVENTS"),
            _what_to_do(event),
        )
        for name, event in events.items()
        if name != "unlock"
    ]


def _what_to_do(event: Event) -> str:
    if not {"warning", "error"} & {*event.level.split(" or ")}:
        return ""
    return WHAT_TO_DO.get(event.name) or without_entry(event.name, "WHAT_TO_DO")


def without_entry(name: str, where: str) -> str:
    """Fail, and say where an event is to be entered."""
    raise LookupError(f"the event {name} has no entry in {where} of {__name__}")


def events_in_the_code() -> Iterator[Event]:
    """Yield each event that the probe logs."""
    for call, hows in logging_calls():
        match call.args:
            case [ast.Constant(value=str(name)), *_]:
                named = {how if how in LEVELS else "warning" for how in hows}
                level = " or ".join(level for level in LEVELS if level in named)
                yield Event(name, level, _named(call.keywords), _explanation(call.keywords))


@cache
def logging_calls() -> tuple[tuple[ast.Call, set[str]], ...]:
    """Return each call that logs, with the methods that it may be: one of two, say."""
    return tuple(
        (node, hows)
        for path in sorted((ROOT / "platform_probe").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (hows := _hows(node.func))
    )


def _hows(function: ast.expr) -> set[str]:
    """Return the logging methods that an expression may come to; none: it is no such method."""
    match function:
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in (*LEVELS, *COMPLAIN):
            return {name}
        case ast.IfExp(body=one, orelse=other):
            return _hows(one) | _hows(other)
    return set()


def _named(keywords: list[ast.keyword]) -> tuple[str, ...]:
    return tuple(keyword.arg for keyword in keywords if keyword.arg)


def _explanation(keywords: list[ast.keyword]) -> str | None:
    for keyword in keywords:
        match keyword:
            case ast.keyword(arg="explanation", value=ast.Constant(value=str(text))):
                return text
    return None


def _said() -> list[tuple[str, str]]:
    counts = _keys_in(Probe.counts)
    said = {
        "learning": ["retained"],
        "ready": ["load_starts_at", "metrics_url"],
        "progress": counts,
        "stopping": [],
        "done": counts,
    }
    return [(code(event), _in_a_row(fields) or "none") for event, fields in said.items()]


def _keys_in(function: Callable[..., Any]) -> list[str]:
    """Return the keys of the first mapping that a function writes out."""
    tree = ast.parse(dedent(inspect.getsource(function)))
    mapping = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    return [str(key.value) for key in mapping.keys if isinstance(key, ast.Constant)]
