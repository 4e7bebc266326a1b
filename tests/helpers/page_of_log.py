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
from tests.helpers.doc_pages import code, docstrings_of, page_from
from tests.helpers.places import ROOT

LEVELS = ("debug", "info", "warning", "error")
COMPLAIN = ("complain", "_complain")
"""Methods that log at warning, and not each time."""
RECORDS = (
    Attempt, PlatformSide, StrayAnswer, Complaint, Diagnosis, RankedMode, Weighed, FactSeen,
    Incident, Change,
)  # fmt: skip
ENUMERATIONS = (Stage, Source, Flag, Origin, StrayKind, IncidentKind, Severity, ChangeKind)
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
    return page_from(
        "log.md.j2",
        **{each.__name__: each for each in (*RECORDS, *ENUMERATIONS)},
        UNREAD=UNREAD,
        REPEAT_AFTER_S=f"{REPEAT_AFTER_S:g}",
        fields=_fields,
        members=_members,
        evidence=_evidence(),
        causes=_causes(),
        reasons=_reasons(),
        shared=[name for name in logs.OF_UNLOCK if name in Attempt.__struct_fields__],
        more=_keys_in(logs.LogSink.emit),
        events=_events(),
        said=_said(),
        stdout=[(code(name), meaning) for name, meaning in WORDS["stdout"].items()],
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
