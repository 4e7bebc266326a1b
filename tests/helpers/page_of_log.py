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
"""Methods that log at warning, and not each time."""
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
Otherwise the broker or the connection gave it, or it is a reason code of MQTT.
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
    "broker_back": "one of several brokers is reachable again",
    "broker_connected": "the monitor has connected to the broker and subscribed",
    "broker_disconnected": "a connection ended or could not be made; the monitor tries again after"
    " `retry_in_s`",
    "console": "the pages of the console are served at `url`",
    "unlock_diagnosed": "the first diagnosis of an unlock: the likeliest failure mode, its"
    " probability, and the strongest fact (`because`); `diagnoses.jsonl` has"
    " the other modes",
    "journal_missed": "parts of the journal were removed before they were judged; the measurements"
    " are complete",
    "judge_ended": "the process that diagnoses and detects ended, and is started again; measuring"
    " goes on, and the journal has what it missed",
    "judge_failed": "the judge cannot start (`why`); the monitor tries again",
    "judge_left_behind": "the monitor ended before the judge had judged everything; the next judge"
    " goes on from there",
    "judge_waits": "another judge still writes to the same files (`why`), and this one waits",
    "outlet_failed": "this outlet did not accept a judgement; the other outlets have it",
    "entry_set_aside": "a defect of this program kept an entry of the journal from being judged;"
    " the measurements are complete, and the next entry is judged",
    "diagnosis_revised": "ten minutes after an unlock, another failure mode is likeliest than at"
    " first (`believed`); once for each such unlock",
    "late_unlock": "a car opened after its customer was told no; one line for each, with the fields"
    " of stray_answers.jsonl",
    "forged_post": "somebody posted to /v1/logs without the right token; the post was not read",
    "line_defect": "code of the monitor failed at a line of the platform's log, in this step",
    "message_defect": "code of the monitor failed at a message of this topic (`kind`)",
    "malformed_line": "a line of the platform's log breaks its contract; its beginning is shown",
    "malformed_message": "a message breaks the wire contract; its payload is shown cut",
    "not_locked_again": "a synthetic unlock of this car may have left it open; `end` is `failed`"
    " after `tries` locks, or `left` if a customer came or the car is booked;"
    " `why` is the last problem. The level is error if the car said that it"
    " opened (`is_known_to_have_opened`)",
    "message_dropped": "the monitor gave up a message about an incident: its backend refuses it,"
    " somebody deleted the thread, or it is a day old",
    "message_failed": "a message about an incident was not accepted, and is sent again; `kind`"
    " says by whom and why, `detail` in the backend's own words",
    "message_may_come_twice": "the monitor cannot see whether a post to Slack arrived, so it sends"
    " the post again",
    "message_not_kept": "a revision of an incident could not be written to messages.jsonl, or"
    " could not be handed to a backend",
    "message_sent": "a backend has accepted a message about an incident",
    "messages_sent_again": "a backend that had failed accepts messages again",
    "messages_unreadable": "lines of messages.jsonl could not be read, and are left out",
    "no_car_is_touched": "the monitor cannot read which cars are booked, so it starts no synthetic"
    " unlock",
    "platform_log_unreadable": "the file of the platform's log is missing, or cannot be read",
    "press_in_vain": "somebody pressed a button in Slack of an incident that is unknown or over;"
    " `is_told` says whether Slack has shown them so",
    "sink_failed": "a record could not be written, counted or logged",
    "stats_not_written": "`probe_stats.json` could not be written",
    "stopping": "the monitor was told to stop, and waits for unlocks under way",
    "store_behind": "a file of the store could not be written or packed; `why` says which",
    "stray_answer": "an answer that belongs to no open unlock, with the fields of"
    " stray_answers.jsonl",
    "support_called": "a customer called support, with the fields of complaints.jsonl without the"
    " booking",
    "unknown_fields": "a firmware sends fields that the contract does not have, each named once",
}
"""The meaning of each event whose field `explanation` does not tell all of it."""
WHAT_TO_DO = {
    "broker_away": "check that this broker runs; the monitor watches the others meanwhile"
    " ([scale.md](scale.md#several-brokers))",
    "broker_disconnected": "nothing if the connection comes back. If not, `why` and `detail` say"
    " whether broker, password or client id is wrong; see [the"
    " runbook](runbook/BrokerDisconnected.md)",
    "commands_never_expire": "unlock only cars that somebody can look after: commands of this wire"
    " cannot expire",
    "commands_outlive_customers": "leave out `load.command_ttl_s`",
    "console_ended": "see `reason`: the port may be taken, or the file of tokens is wrong",
    "console_troubled": "see `problem`: correct the path or the permissions; for a sign-in, ask"
    " whoever runs the provider; report anything else as a defect",
    "demo_secret": "set `vehicle_keys` or `fleet_secret_file`",
    "journal_missed": "give the journal more room: `journal.max_gib`, `journal.max_hours`",
    "judge_ended": "look at the line before it, and report its traceback",
    "judge_failed": "do what `why` says",
    "judge_left_behind": "nothing; if it happens each time, give the machine more CPU",
    "judge_waits": "end the other judge, or give each its own `out_dir`",
    "outlet_failed": "look at the error: the disk may be full; report anything else as a defect",
    "entry_set_aside": "report the traceback; diagnoses of the named unlock may be missing",
    "diagnosis_revised": "check what was done because of the first diagnosis: see `platform-probe"
    " diagnose`",
    "forged_post": "give the sender the token of `platform.otlp_token_file`, or find out who it is",
    "late_unlock": "lock the car, and call the customer: [the runbook](runbook/LateUnlock.md)",
    "left_over": "nothing after a broker was added. Otherwise give monitor and boxes the same list"
    " in the same order ([scale.md](scale.md#a-broker-more))",
    "locks_will_refuse": "unlock more cars, lower `--rate`, or use `--every`, which unlocks the"
    " cars in turn",
    "malformed_line": "show `reason` and `line_starts` to whoever writes that log",
    "malformed_message": "show `reason` and `payload_starts` to whoever makes that firmware",
    "line_defect": "report it with `error`; all other parts of the monitor go on",
    "message_defect": "report it with `error`; all other parts of the monitor go on",
    "message_dropped": "see `detail`; the incident itself is in incidents.jsonl",
    "message_failed": "run `platform-probe messages test`, which says what is wrong and what to do:"
    " [messages.md](messages.md#when-messages-do-not-come)",
    "message_may_come_twice": "give the app the scopes of its manifest, and name channels by id",
    "message_not_kept": "free disk space, or correct the permissions of the output directory",
    "messages_unreadable": "nothing after a crash; otherwise find out what else writes there",
    "monitor_stood_still": "give it a core, and find out what used the machine; laptops sleep",
    "no_car_is_touched": "put a readable file there, whole (by a rename); the unlocks go on by"
    " themselves",
    "not_locked_again": "lock the car by other means, or send somebody; if `failed` appears for"
    " many cars, see `why`",
    "otlp_dropped": "see `error`, and check the backend: it may need more room or another address",
    "otlp_exporter_ended": "nothing if it ends once; otherwise see `reason`",
    "otlp_keys_shown": "give `otlp` an address with https://",
    "platform_log_elsewhere": "post the log to each monitor of the group, or have each read the"
    " file: [several-monitors.md](several-monitors.md)",
    "platform_log_unreadable": "correct the path or the permissions; the monitor tries again by"
    " itself",
    "press_in_vain": "nothing for one. If there are many, check whether the store was emptied, or"
    " another monitor posts to this channel",
    "retained_messages_missing": "raise `max_queued_messages` of the broker, then start the"
    " monitor again",
    "store_behind": "free disk space; unpacked files stay, and are packed later",
    "sink_failed": "free disk space, or correct the permissions of the output directory: a record"
    " that could not be written is lost, and entries of the journal wait in memory up"
    " to 64 MiB",
    "stats_not_written": "free disk space, or correct the permissions; only the sums at the end"
    " are lost",
    "stray_answer": "nothing for a few of kind `late` or `duplicate`. If there are many of kind"
    " `orphan`, find out who else sends commands",
    "support_called": "help the customer; if `attempts` is empty, nothing has reached the"
    " platform, so ask about phone, app and place",
    "unknown_cars": "correct the ids, or connect their boxes",
    "unknown_fields": "nothing: the monitor ignores them; check whether the contract has a newer"
    " version",
}
"""The response to each event at warning or error."""
EVIDENCE = {
    "furthest_stage": "the last stage that was reached",
    "puback": "the reason code of the broker's PUBACK; 16: nobody subscribes, not even the monitor",
    "answered_by": "another car that answered for this one",
    "provisional_status": "the command's status so far, which a later answer may change",
    "never_heard_of": "true if nothing was ever heard of the car, and nothing of it is retained",
    "presence": "`online`, `asleep` or `offline`, when the unlock ended",
    "presence_at_start": "the same, when it began",
    "presence_changed_ago_s": "since presence last changed",
    "offline_reason": "the reason that the box gave when it disconnected",
    "heard_ago_s": "since the box last sent anything",
    "heartbeat_ago_s": "since its last heartbeat",
    "heard_after_command": "whether it sent something after it should have had the command",
    "is_locked": "whether its last state was locked",
    "voltage_v": "of its battery",
    "broker_said": "by kind, how often the broker's log spoke of the car's box, from 300 s before"
    " the unlock on",
    "unread": "by kind, how many messages of the car could not be read since the command was sent",
    "tries_left": "how many wrong PINs remote access still accepts, if the box says so",
    "status": "the HTTP status of the platform's answer, if MQTT brought none",
    "problem": "the problem type of that answer",
    "platform_outcome": "the outcome in the platform's own words",
}
SAID = {
    "load_starts_at": "second 0 of the load, Unix seconds",
    "metrics_url": "where `/metrics` is",
    "sent": "unlocks started, without those of the loopback box",
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
    """Raise `LookupError` that says where to enter an event."""
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
    """Return each call that logs, with the methods that it may use: a condition may choose one."""
    return tuple(
        (node, hows)
        for path in sorted((ROOT / "platform_probe").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (hows := _hows(node.func))
    )


def _hows(function: ast.expr) -> set[str]:
    """Return the logging methods that an expression may call; none if it calls no such method."""
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
    """Return the keys of the first mapping in a function's source."""
    tree = ast.parse(dedent(inspect.getsource(function)))
    mapping = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    return [str(key.value) for key in mapping.keys if isinstance(key, ast.Constant)]
