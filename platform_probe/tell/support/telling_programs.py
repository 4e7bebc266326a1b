"""A case as programs read it: JSON of plain values."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from fleet_wire.contract.text import Text
from platform_probe.judge.incidents.incident_title import title_text
from platform_probe.tell.support.advising import advice_now
from platform_probe.tell.support.believed import reasons, sentence_of
from platform_probe.tell.support.case import Case, evidence_of
from platform_probe.tell.support.cohorts import finding_json
from platform_probe.tell.support.incident_rows import muted_until_s, over_since_s
from platform_probe.tell.support.plain_words import reason_text
from platform_probe.tell.support.relations import pressed_again_s
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.tell.support.telling import against, explanation, facts_of, mode_of
from platform_probe.tell.support.timeline import timeline_of
from platform_probe.texts.catalogue import mode_text
from platform_probe.texts.catalogue import title_text as mode_title
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import iso_of


def json_of(case: Case, speaker: Speaker) -> dict[str, Any]:
    """Return the case for a program: times in ISO 8601 in the zone, durations in seconds."""
    zone, speaker = speaker.zone, speaker.on(case.at_s)
    has_attempt, is_told = case.attempt is not None, bool(case.attempt or case.complaint_id)
    advice = advice_now(case)
    return {
        "vehicle_id": case.vehicle_id,
        "at": iso_of(case.at_s, zone),
        "newest_record_at": iso_of(case.newest_s, zone),
        "is_as_of": case.is_as_of,
        "attempt": _plain_row(case.attempt, zone),
        "opened_later": case.opened_after_no,
        "opened_in_time": case.opened_in_time,
        "pressed_again_after_s": pressed_again_s(case),
        "booking_ended_at": _iso_or_none(case.booking_ended_s, zone),
        "booked_since": _booked(case.booked_since, zone),
        "timeline": [
            {
                "at": iso_of(entry.at_s, zone),
                "after_s": round(entry.at_s - case.at_s, 6),
                "who": entry.who,
                "what": speaker.say(entry.what),
                "is_poll": entry.is_poll,
            }
            for entry in timeline_of(case)
        ],
        "not_asked_since": _iso_or_none(case.not_asked_since_s, zone),
        "cause": case.cause,
        "explanation": speaker.say(explanation(case)) if has_attempt else None,
        "reason": _reason(case, speaker),
        "facts": [] if case.attempt is None else facts_of(case.attempt, speaker),
        "diagnosis": _diagnosis_json(case, speaker),
        "say": speaker.say_all(advice.say) if is_told else None,
        "do": speaker.say_all(advice.do) if is_told else None,
        "acts": advice.acts if is_told else None,
        "mend": speaker.say(advice.mend) if is_told and advice.mend else None,
        "incidents": [
            {
                "incident_id": one.incident_id,
                "title": speaker.say(title_text(one)),
                "state": one.state,
                "acknowledged_by": one.acknowledged_by,
                "muted_until": _iso_or_none(muted_until_s(one, case.newest_s), zone),
                "unseen_since": _iso_or_none(one.unseen_since, zone),
                "over_since": _iso_or_none(over_since_s(one), zone),
            }
            for one in case.incidents
        ],
        "who_else": None if case.finding is None else finding_json(case.finding, speaker),
        "which": None
        if case.which is None
        else {
            "number": case.which.number,
            "of": case.which.of,
            "why": speaker.say(Text(key=f"choice.{case.which.why.value}")),
        },
        "others": [
            {
                "attempt_id": other["attempt_id"],
                "vehicle_id": other["vehicle_id"],
                "at": iso_of(unix_s(other["started_at"]), zone),
                "cause": other["cause"],
                "failure_mode": mode_of(other),
            }
            for other in case.others
        ],
    }


def _reason(case: Case, speaker: Speaker) -> str | None:
    """Return the reason that box, broker or platform gave, in words."""
    reason = None if case.attempt is None else case.attempt["reason"]
    return None if reason is None else speaker.say(reason_text(reason))


def _diagnosis_json(case: Case, speaker: Speaker) -> dict[str, Any] | None:
    believed = case.believed
    if believed is None:
        return None
    return {
        "mode": believed.first.mode,
        "title": speaker.say(mode_title(believed.first.mode)),
        "probability": believed.first.probability,
        "engineer": None
        if believed.mode is None
        else speaker.say(mode_text(believed.mode, "engineer")),
        "looks_like": believed.looks_like,
        "facts": [
            {"fact": fact.fact, "sentence": sentence_of(fact, speaker)} for fact in believed.facts
        ],
        "for": reasons(believed, speaker, is_for=True),
        "against": against(case, believed, speaker),
        "others": [
            {
                "mode": one.mode,
                "title": speaker.say(mode_title(one.mode)),
                "probability": one.probability,
            }
            for one in believed.other_modes
        ],
        "revisions": [
            {
                "at": iso_of(one.at_s, speaker.zone),
                "after_s": one.after_s,
                "mode": one.first.mode,
                "probability": one.first.probability,
            }
            for one in case.revisions
        ],
    }


def _booked(event: Row | None, zone: tzinfo) -> dict[str, str] | None:
    """Return who else has booked the car, for a program."""
    if event is None:
        return None
    return {"at": iso_of(unix_s(event["logged_at"]), zone), "booking_id": event["booking_id"]}


def _iso_or_none(at_s: float | None, zone: tzinfo) -> str | None:
    return None if at_s is None else iso_of(at_s, zone)


def _plain_row(row: Row | None, zone: tzinfo) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        name: iso_of(unix_s(value), zone) if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    } | {"evidence": evidence_of(row)}
