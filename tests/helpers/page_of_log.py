"""docs/log.md: what the probe writes of each unlock, into its log, and on stdout."""

from __future__ import annotations

import ast
import inspect
import tomllib
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
# Records, failure causes and log

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
WORDS: dict[str, dict[str, str]] = tomllib.loads(
    (ROOT / "tests/docs/log.toml").read_text(encoding="utf-8")
)
"""What is said of events, of what to do about them, of evidence, and of lines on stdout."""


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
            table(
                ("Field", "Meaning"),
                [(code(name), meaning) for name, meaning in WORDS["stdout"].items()],
            ),
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
    return [(code(name), WORDS["evidence"][name]) for name in facts]


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
            WORDS["events"].get(name) or event.explanation or without_entry(name, "events"),
            _what_to_do(event),
        )
        for name, event in events.items()
        if name != "unlock"
    ]


def _what_to_do(event: Event) -> str:
    if not {"warning", "error"} & {*event.level.split(" or ")}:
        return ""
    return WORDS["what_to_do"].get(event.name) or without_entry(event.name, "what_to_do")


def without_entry(name: str, where: str) -> str:
    """Raise `LookupError` that says where to enter an event."""
    raise LookupError(f"the event {name} has no entry in [{where}] of tests/docs/log.toml")


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
