"""A case as a support agent reads it, and as programs do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import CAUSES
from fleet_wire.modes.catalogue import MODES
from platform_probe.support.advice import advice_for, ended_as, explanation_of
from platform_probe.support.case import Case, Row, Shared, evidence_of, unix_s
from platform_probe.support.timeline import furthest_stage, missing_stage, timeline_of
from platform_probe.support.times import clock_of, date_and_clock, iso_of, long_of

_WHO: Final = 8
_LIKELY: Final = 3
"""Failure modes that are told."""
_MORE_OFTEN: Final = 1.5
"""What fails so many times as often as elsewhere is worth a line."""
_FACTS: Final = {
    "presence": "when it ended the box was {}",
    "presence_at_start": "when it began the box was {}",
    "presence_changed_ago_s": "that had changed {} before",
    "offline_reason": "the box went offline by: {}",
    "heard_ago_s": "the box was last heard of {} before the end",
    "heartbeat_ago_s": "its last heartbeat was {} before the end",
    "voltage_v": "its battery had {} V",
    "never_heard_of": "nothing was ever heard of this car",
    "answered_by": "another car answered: {}",
    "broker_said": "the broker's log said: {}",
    "platform_outcome": "the platform took it for {}",
}
"""Evidence worth a line, in words; see docs/log.md for all of it."""


def text_of(case: Case, zone: tzinfo) -> str:
    """Return the case for a person."""
    return "\n".join(_lines(case, zone))


def _lines(case: Case, zone: tzinfo) -> Iterator[str]:
    when = f"{date_and_clock(case.at_s, zone)}, {_ago(case)}"
    if case.attempt is None:
        yield f"No unlock of {case.vehicle_id or 'this'} is known around {when}."
        if any(event["operation"] == "unlock" for event in case.events):
            yield "The platform's log tells of requests, and no unlock is recorded at that time."
        else:
            yield "Nothing that the customer did then has reached the platform or the broker."
    else:
        attempt = case.attempt
        yield f"{case.vehicle_id or 'The car'} {ended_as(case.cause)}: {when}"
        yield f"  {_who(attempt)}"
        yield f"  attempt {attempt['attempt_id']}, trace {attempt['trace_id']}"
    yield from _story(case, zone)
    if case.attempt is not None:
        yield from _why(case, case.attempt)
        advice = advice_for(case.cause, opened_later=case.opened_later)
        yield from ("", "What to say", f"  {advice.say}", "", "What to do", f"  {advice.do}")
        yield from _others(case)
    yield from _same(case, zone)


def _ago(case: Case) -> str:
    ago_s = case.newest_s - case.at_s
    if ago_s < 1:
        return "the newest record there is"
    return f"{long_of(ago_s)} before the newest record"


def _who(attempt: Row) -> str:
    parts = {
        "customer": attempt["account_id"],
        "booking": attempt["booking_id"],
        "app": attempt["app_version"],
        "region": attempt["region"],
        "operator": attempt["operator"],
        "firmware": attempt["firmware"],
        "hardware": attempt["hardware"],
    }
    return (
        ", ".join(f"{name} {value}" for name, value in parts.items() if value) or "by nobody known"
    )


def _story(case: Case, zone: tzinfo) -> Iterator[str]:
    yield from ("", "What happened")
    entries = timeline_of(case)
    for entry in entries:
        after = f"{entry.at_s - case.at_s:+.3f} s"
        yield f"  {clock_of(entry.at_s, zone)} {after:>12}  {entry.who:<{_WHO}}  {entry.what}"
    if not entries:
        yield "  Nothing is known of this car from then."


def _why(case: Case, attempt: Row) -> Iterator[str]:
    if case.cause is None:
        return
    yield from ("", "Why")
    yield f"  {case.cause}: {explanation_of(case.cause)}"
    missing = missing_stage(attempt)
    waited = f"; {missing} never came" if missing else ""
    party = CAUSES[case.cause].party.replace("_", " ")
    yield f"  It got as far as {furthest_stage(attempt)}{waited}. On the side of: {party}."
    if attempt["reason"]:
        yield f"  Said as reason: {attempt['reason']}"
    for sentence in facts_of(attempt):
        yield f"  - {sentence}"
    for mode in _modes(case)[:_LIKELY]:
        yield f"  {100 * mode['probability']:3.0f} %  {mode['mode']}"
    for fact in _json_list(case.diagnosis, "facts"):
        yield f"  - {fact['sentence']}"


def export_command(case: Case, directory: Path) -> str | None:
    """Return the command that brings the unlock about again; None where its mode is not known."""
    modes = _modes(case)
    if case.attempt is None or not modes or modes[0]["mode"] not in MODES:
        return None
    place = shlex.quote(str(directory))
    return f"platform-probe export --attempt {case.attempt['attempt_id']} --store {place}"


def facts_of(attempt: Row) -> list[str]:
    """Return what the cause was concluded from, in words."""
    evidence = evidence_of(attempt)
    return [
        words.format(long_of(value) if name.endswith("_s") else _plain(value))
        for name, words in _FACTS.items()
        if (value := evidence.get(name)) not in (None, False)
    ]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _modes(case: Case) -> list[dict[str, Any]]:
    return _json_list(case.diagnosis, "modes")


def _json_list(row: Row | None, column: str) -> list[dict[str, Any]]:
    if row is None or row[column] is None:
        return []
    return msgspec.json.decode(row[column], type=list[dict[str, Any]])


def _others(case: Case) -> Iterator[str]:
    if case.cause is None:
        return
    yield from ("", "Who else")
    if not case.alike:
        yield f"  No other car failed of {case.cause} within a quarter of an hour: it is this one."
        return
    customers = f", {case.alike_customers} customers" if case.alike_customers else ""
    yield (
        f"  {case.alike} unlocks of other cars failed of {case.cause} within a quarter of an hour"
        f" before or after{customers}."
    )
    for each in case.shared:
        if is_more_often(each):
            elsewhere = f"; elsewhere {each.alike_elsewhere} of {each.unlocks_elsewhere}"
            yield f"  With {each.dimension} {each.value}: {each.alike} of {each.unlocks}{elsewhere}"


def is_more_often(shared: Shared) -> bool:
    """Return whether what shares a value failed clearly more often than what does not."""
    if not shared.unlocks_elsewhere:
        return False
    here = shared.alike / shared.unlocks
    return here > _MORE_OFTEN * shared.alike_elsewhere / shared.unlocks_elsewhere


def _same(case: Case, zone: tzinfo) -> Iterator[str]:
    if not case.others:
        return
    yield from ("", "Other unlocks that fit")
    for other in case.others:
        ended = other["cause"] or "opened"
        at = date_and_clock(unix_s(other["started_at"]), zone)
        yield f"  {at}  {other['vehicle_id']}  {ended}  --attempt {other['attempt_id']}"


def json_of(case: Case, zone: tzinfo) -> dict[str, Any]:
    """Return the case for a program: times in ISO 8601 in the zone, durations in seconds."""
    advice = advice_for(case.cause, opened_later=case.opened_later)
    has_attempt = case.attempt is not None
    return {
        "vehicle_id": case.vehicle_id,
        "at": iso_of(case.at_s, zone),
        "newest_record_at": iso_of(case.newest_s, zone),
        "attempt": _plain_row(case.attempt, zone),
        "opened_later": case.opened_later,
        "timeline": [
            {
                "at": iso_of(entry.at_s, zone),
                "after_s": round(entry.at_s - case.at_s, 6),
                "who": entry.who,
                "what": entry.what,
            }
            for entry in timeline_of(case)
        ],
        "cause": case.cause,
        "explanation": explanation_of(case.cause) if has_attempt else None,
        "facts": [] if case.attempt is None else facts_of(case.attempt),
        "modes": _modes(case),
        "say": advice.say if has_attempt else None,
        "do": advice.do if has_attempt else None,
        "alike": case.alike,
        "alike_customers": case.alike_customers,
        "shared": [msgspec.to_builtins(each) for each in case.shared],
        "others": [
            {
                "attempt_id": other["attempt_id"],
                "vehicle_id": other["vehicle_id"],
                "at": iso_of(unix_s(other["started_at"]), zone),
                "cause": other["cause"],
            }
            for other in case.others
        ],
    }


def _plain_row(row: Row | None, zone: tzinfo) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        name: iso_of(unix_s(value), zone) if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    } | {"evidence": evidence_of(row)}
