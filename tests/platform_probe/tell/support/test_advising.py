"""What to say and do now: by the incident that goes on, and by whether there is a booking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import FactSeen, RankedMode, Weighed
from fleet_wire.contract.incident import Change, ChangeKind, IncidentKind, IncidentState
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS, Fact
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import diagnosis_of, put_believed
from tests.helpers.english import ENGLISH
from tests.helpers.records import COMPLAINT
from tests.helpers.said_advice import (
    NOT_SEEN,
    OPENED_IN_TIME,
    THEN_MAY_BE_OVER,
    THEN_OVER,
    advice_for,
    with_reason,
)
from tests.helpers.stores import (
    BEGIN_S,
    ReadAnew,
    opened_late,
    put_booking_end,
    put_lines,
    put_unlocks,
    unlock,
)

OUTAGE = MODES["regional_carrier_outage"]
ENDED_OFFLINE = with_reason(Cause.BOX_OFFLINE, None)
UNSEEN: dict[str, Any] = {"ended_at": BEGIN_S + 400.0}
ENDED: dict[str, Any] = {"state": IncidentState.RESOLVED, **UNSEEN}


def told_with(
    directory: Path, believed: dict[str, float], weighed: tuple[Weighed, ...] = (), **incident: Any
) -> tuple[str, dict[str, Any]]:
    """Return what is told of an unlock that failed amid an outage."""
    failed = unlock(300, car="car-1", cause=Cause.BOX_OFFLINE, evidence={})
    put_unlocks(directory, [failed])
    made = {"mode": OUTAGE.slug, "cohort": {"region": "centre"}, "examples": (), **incident}
    put_incidents(directory, [incident_of(**made)])
    if believed:
        diagnosis = diagnosis_of(
            *(RankedMode(mode, share, weighed) for mode, share in believed.items()),
            attempt_id=failed.attempt_id,
            vehicle_id="car-1",
        )
        put_lines(directory, "diagnoses", [msgspec.json.encode(diagnosis)])
    case = look_up(ReadAnew(directory), UnlockQuery(attempt=failed.attempt_id), BEGIN_S + 2_000.0)
    return text_of(case, ENGLISH), json_of(case, ENGLISH)


def test_the_incident_is_named_with_who_has_it(tmp_path: Path) -> None:
    """Before why; and since when nothing was seen of it."""
    text, found = told_with(tmp_path, {}, **UNSEEN, acknowledged_by="amelie")
    title = incident_of().title
    named = f"Known problem\n  {title}\n  incident-1, critical, open, acknowledged by amelie\n"
    assert f"{named}  Last seen at 00:06.\n\nWhy" in text
    assert [one["unseen_since"] for one in found["incidents"]] == ["2026-01-01T00:06:40.000+00:00"]


@pytest.mark.parametrize("until_s", [1_800.0, 7_200.0])
def test_a_mute_of_its_incident_is_told_with_who_and_why(tmp_path: Path, until_s: float) -> None:
    """While it lasts: the newest record is of 00:33."""
    mute = Change(
        at=BEGIN_S + 310.0, kind=ChangeKind.MUTED, sentence="jo mutes it", by="jo", reason="known"
    )
    text, found = told_with(tmp_path, {}, muted_until=BEGIN_S + until_s, changes=(mute,))
    line = "  Its messages are muted until Thu 1 Jan 2026 02:00:00 UTC by jo: known.\n"
    assert (line in text) is (until_s > 2_000.0)
    until = "2026-01-01T02:00:00.000+00:00" if until_s > 2_000.0 else None
    assert [one["muted_until"] for one in found["incidents"]] == [until]


@pytest.mark.parametrize(
    ("cohort", "other"),
    [
        ({"region": "centre", "operator": "operator-a"}, "one of another operator than operator-a"),
        ({"region": "centre"}, "one of another region than centre"),
        ({"firmware": "2.4.1"}, "another one"),
    ],
)
def test_who_has_ended_the_booking_amid_the_incident_takes_another_car(
    tmp_path: Path, cohort: dict[str, str], other: str
) -> None:
    """One that it does not hit; the problem is known."""
    put_booking_end(tmp_path, 310.0, car="car-1", booking="booking-300")
    text, found = told_with(tmp_path, {}, cohort=cohort)
    assert f"  Counted until {ENGLISH.clock(incident_of().at)}.\n" in text
    assert found["do"].startswith("The booking has ended, and the incident is open.")
    assert found["do"].endswith(f"help them book {other}.")
    assert "a known problem. We are working on it" in found["say"]


def first(then: tuple[str, str], ended: tuple[str, str]) -> tuple[str, str]:
    """Return what is said and done with what is said of a known problem before it."""
    return f"{then[0]} {ended[0]}", f"{then[1]} {ended[1]}"


@pytest.mark.parametrize(
    ("incident", "told", "line"),
    [
        (ENDED, first(THEN_OVER, ENDED_OFFLINE), "It affected you then. It ended at 00:06."),
        (UNSEEN, first(THEN_MAY_BE_OVER, ENDED_OFFLINE), "Last seen at 00:06."),
        (ENDED | {"state": IncidentState.CLOSED}, ENDED_OFFLINE, "incident-1, critical, closed"),
        (ENDED | {"kind": IncidentKind.SUSPICIOUS}, ENDED_OFFLINE, None),
    ],
)
def test_after_the_booking_it_is_said_that_there_was_a_known_problem(
    tmp_path: Path, incident: dict[str, Any], told: tuple[str, str], line: str | None
) -> None:
    """That it is over, or may be; of what a person has closed nobody knows what it was."""
    put_booking_end(tmp_path, 310.0, car="car-1", booking="booking-300")
    text, found = told_with(tmp_path, {}, **incident)
    assert (found["say"], found["do"]) == told
    assert "Known problem" not in text if line is None else f"\n  {line}\n" in text
    over = "2026-01-01T00:06:40.000+00:00" if incident is ENDED else None
    assert {one["over_since"] for one in found["incidents"]} <= {over}


def told_of_late(
    directory: Path,
    status: int,
    cause: Cause = Cause.EXECUTION_SILENT,
    *,
    is_told_no: bool = True,
) -> tuple[str, dict[str, Any]]:
    """Return what is told of an unlock that opened after the monitor had stopped waiting."""
    side = PlatformSide(status=status, outcome="executed", account_id="customer-0")
    failed = unlock(300, car="car-1", cause=cause, platform=side, evidence={})
    put_unlocks(directory, [failed])
    put_lines(directory, "stray_answers", [opened_late(failed, is_told_no=is_told_no)])
    case = look_up(ReadAnew(directory), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    return text_of(case, ENGLISH), json_of(case, ENGLISH)


@pytest.mark.parametrize("is_told_no", [True, False])
def test_a_car_that_opened_late_is_said_to_be_open(tmp_path: Path, *, is_told_no: bool) -> None:
    """The app has learned so: nobody was told no, and nobody is to lock it.

    Older records do not say of a late answer that the app has.
    """
    text, found = told_of_late(tmp_path, 202, is_told_no=is_told_no)
    assert text.startswith("car-1 opened late: ")
    assert "  execution_silent: The car opened, but late." in text
    assert "the car has OPENED, late" in text
    assert not found["opened_later"]
    assert (found["say"], found["do"]) == (advice_for(None).say, advice_for(None).do)
    put_unlocks(tmp_path, [unlock(310, car="car-1")])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-310"), BEGIN_S + 2_000.0)
    assert "asks to open it too: it opened late (execution_silent)" in text_of(case, ENGLISH)


def test_a_car_that_opened_after_its_customer_was_told_no_is_to_be_locked(tmp_path: Path) -> None:
    """The app had an error: the platform knew too late."""
    text, found = told_of_late(tmp_path, 504)
    assert text.startswith("car-1 opened too late: ")
    assert found["opened_later"]
    assert "has OPENED after all" in found["do"]
    put_unlocks(tmp_path, [unlock(310, car="car-1")])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-310"), BEGIN_S + 2_000.0)
    assert "asks to open it too: it opened late (execution_silent)" in text_of(case, ENGLISH)


@pytest.mark.parametrize(("region", "is_told"), [("centre", False), ("north", True)])
def test_what_its_incident_knows_is_not_said_to_be_unseen(
    tmp_path: Path, region: str, *, is_told: bool
) -> None:
    """One unlock was diagnosed before it was known that its region fails more than others."""
    unseen = (Weighed(Fact.REGION_FAILS, -0.7, is_seen=False),)
    text, found = told_with(tmp_path, {OUTAGE.slug: 0.6}, unseen, cohort={"region": region})
    sentence = f"Expected, but not observed: {FACTS[Fact.REGION_FAILS].meaning}"
    assert (sentence in text) is is_told
    assert found["diagnosis"]["against"] == ([sentence] if is_told else [])


def test_a_command_is_told_once(tmp_path: Path) -> None:
    """By the platform, which sent it; not by the broker too, by another clock, before."""
    put_unlocks(tmp_path, [unlock(300, car="car-1", cause=Cause.BOX_OFFLINE)])
    known = {"vehicle_id": "car-1", "operation": "lock", "command_id": "command-9"}
    sent = {"event": "published", "at": BEGIN_S + 310.01, "request_id": "r", **known}
    put_lines(tmp_path, "platform_events", [msgspec.json.encode(sent)])
    heard = {"at": BEGIN_S + 310.0, "kind": "command", "vehicle_id": "car-1"}
    message = {"command_id": "command-9", "action": "lock"}
    put_lines(tmp_path, "observations", [msgspec.json.encode({**heard, "message": message})])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    text = text_of(case, ENGLISH)
    assert "sends the command for lock" in text
    assert "is sent a command" not in text


def test_what_nobody_heard_is_told(tmp_path: Path) -> None:
    """The phone was gone: why it was refused says the platform's log alone."""
    put_unlocks(tmp_path, [unlock(300, car="car-1", cause=Cause.API_REFUSED)])
    known = {"vehicle_id": "car-1", "operation": "unlock", "request_id": "r"}
    lines = [
        {"event": "hung_up", "at": BEGIN_S + 300.5, **known},
        {"event": "unheard", "at": BEGIN_S + 301.0, "status": 404, "problem": "gone", **known},
    ]
    put_lines(tmp_path, "platform_events", [msgspec.json.encode(line) for line in lines])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    text = text_of(case, ENGLISH)
    assert "hangs up before it is answered" in text
    assert "would have answered unlock 404 gone" in text


def told_of(
    directory: Path,
    mode: str,
    facts: tuple[Fact, ...] = (),
    ended_s: float | None = None,
    **its: Any,
) -> dict[str, Any]:
    """Return what is told of an unlock that is surely believed to be of a mode."""
    asked = unlock(300, car="car-1", **{"evidence": {}, **its})
    put_believed(directory, asked, mode, *facts)
    if ended_s is not None:
        put_booking_end(directory, ended_s, car="car-1", booking="booking-300")
    case = look_up(ReadAnew(directory), UnlockQuery(attempt=asked.attempt_id), BEGIN_S + 2_000.0)
    return json_of(case, ENGLISH)


@pytest.mark.parametrize(
    ("cause", "is_sent", "is_tried"),
    [
        (Cause.BOX_OFFLINE, None, False),
        (Cause.BOX_OFFLINE, 310.0, True),
        (Cause.NOT_OBSERVED, None, True),
    ],
)
def test_the_door_is_tried_where_a_command_was_sent(
    tmp_path: Path, cause: Cause, is_sent: float | None, *, is_tried: bool
) -> None:
    """Also later than the monitor waited, or where nobody saw whether it was."""
    failed = unlock(300, car="car-1", cause=cause, stages={"intended": 0.0, "requested": 0.001})
    put_unlocks(tmp_path, [failed])
    if is_sent is not None:
        known = {"vehicle_id": "car-1", "operation": "unlock", "command_id": "command-300"}
        line = {"event": "published", "at": BEGIN_S + is_sent, "request_id": "r", **known}
        put_lines(tmp_path, "platform_events", [msgspec.json.encode(line)])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    assert ("try the door" in json_of(case, ENGLISH)["say"]) is is_tried
    is_known = "no command had been sent" in text_of(case, ENGLISH)
    assert is_known is (cause is not Cause.NOT_OBSERVED)


def test_nobody_says_of_a_call_without_an_unlock_that_the_car_opened(tmp_path: Path) -> None:
    """Nothing was seen, and no mode is likely enough: who called is asked."""
    put_lines(tmp_path, "complaints", [msgspec.json.encode(COMPLAINT)])
    diagnosis = diagnosis_of(
        RankedMode("ble_token_expired_offline", 0.5), attempt_id=COMPLAINT.complaint_id
    )
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(diagnosis)])
    case = look_up(
        ReadAnew(tmp_path), UnlockQuery(attempt=COMPLAINT.complaint_id), BEGIN_S + 2_000.0
    )
    assert json_of(case, ENGLISH)["say"] == NOT_SEEN.say
    assert "has opened" not in text_of(case, ENGLISH)


def test_a_call_after_a_gap_is_told_as_one(tmp_path: Path) -> None:
    """Nothing is diagnosed: that the monitor was not there is what is known."""
    missed = msgspec.structs.replace(COMPLAINT, missed=True)
    put_lines(tmp_path, "complaints", [msgspec.json.encode(missed)])
    case = look_up(
        ReadAnew(tmp_path), UnlockQuery(attempt=COMPLAINT.complaint_id), BEGIN_S + 2_000.0
    )
    assert "The monitor was not there for some of the time before the call." in text_of(
        case, ENGLISH
    )
    assert json_of(case, ENGLISH)["say"] == NOT_SEEN.say


def test_nobody_must_act_perhaps_for_what_is_sure(tmp_path: Path) -> None:
    """The car opened amid an outage: that nobody need mend it for them is no doubt."""
    told_of(tmp_path, OUTAGE.slug)
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    assert "Who must act" not in text_of(case, ENGLISH)


@pytest.mark.parametrize("is_in_time", [True, False])
def test_a_car_that_opened_in_time_is_not_said_to_have_opened_late(
    tmp_path: Path, *, is_in_time: bool
) -> None:
    """By its box's clock; only the answer came too late."""
    fact = Fact.OPENED_IN_TIME if is_in_time else Fact.OPENED_LATE
    made = diagnosis_of(
        RankedMode("half_open_tcp_nat", 0.9),
        attempt_id="attempt-300", vehicle_id="car-1", facts=(FactSeen(fact, "so it was"),),
    )  # fmt: skip
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(made)])
    text, found = told_of_late(tmp_path, 504)
    ended = "opened in time, and said so too late" if is_in_time else "opened too late"
    assert text.startswith(f"car-1 {ended}: ")
    assert (found["explanation"] == OPENED_IN_TIME) is is_in_time
    assert found["opened_in_time"] is is_in_time
    assert found["opened_later"]


@pytest.mark.parametrize(("known_s", "is_missed"), [(30.0, False), (200.0, True)])
def test_what_cannot_have_been_seen_yet_is_not_missed(
    tmp_path: Path, known_s: float, *, is_missed: bool
) -> None:
    """Where records end half a minute after it nobody knows who is back after a minute."""
    failed = unlock(300, car="car-1", cause=Cause.BOX_SILENT)
    put_unlocks(tmp_path, [failed])
    unseen = (Weighed(Fact.BACK_SOON, -0.7, is_seen=False),)
    made = diagnosis_of(
        RankedMode("half_open_tcp_nat", 0.9, unseen),
        attempt_id=failed.attempt_id, vehicle_id="car-1",
    )  # fmt: skip
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(made)])
    newest_s = BEGIN_S + 300.0 + known_s
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt=failed.attempt_id), newest_s)
    assert bool(json_of(case, ENGLISH)["diagnosis"]["against"]) is is_missed


@pytest.mark.parametrize(("total_s", "is_late"), [(321.0, True), (1.25, False)])
def test_a_car_that_opened_minutes_later_is_told_as_that(
    tmp_path: Path, total_s: float, *, is_late: bool
) -> None:
    """By the mode in which its command waited, though it has locked itself again."""
    late = MODES["late_delivery_persistent_session"]
    found = told_of(tmp_path, late.slug, (Fact.RELOCKED,), total_s=total_s)
    expected = late if is_late else MODES["auto_relock"]
    assert (found["say"], found["do"]) == (expected.spoken, expected.now)
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    assert ("opened 5 min 21 s after the request: " in text_of(case, ENGLISH)) is is_late
