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
from fleet_wire.modes.catalogue import APP_RELEASE, MODES
from fleet_wire.modes.facts import FACTS, Fact
from fleet_wire.modes.mode import Actor, FailureMode
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import diagnosis_of, put_believed
from tests.helpers.english import ENGLISH
from tests.helpers.records import COMPLAINT
from tests.helpers.said_advice import (
    BOOKING_ENDED,
    BOOKING_ENDED_AJAR,
    BOOKING_ENDED_MIXED_UP,
    BOOKING_ENDED_OPEN,
    BOOKING_UNUSED,
    BOOKING_USED,
    CONNECTED,
    MAY_BE_OVER,
    NOT_CONNECTED,
    NOT_SEEN,
    OPENED_FOR_THEM,
    OPENED_IN_TIME,
    OPENED_LATE,
    OVER,
    PRESSED_IN_VAIN,
    THEN_GOES_ON,
    THEN_MAY_BE_OVER,
    THEN_OVER,
    TOO_OFTEN,
    advice_for,
    with_reason,
)
from tests.helpers.stores import (
    BEGIN_S,
    ReadAnew,
    opened_late,
    put_booking_end,
    put_lines,
    put_lock,
    put_presence,
    put_unlocks,
    unlock,
)

OUTAGE = MODES["regional_carrier_outage"]
BY_CAUSE = advice_for(Cause.BOX_OFFLINE)
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


@pytest.mark.parametrize(
    ("believed", "incident", "do"),
    [
        ({}, {}, OUTAGE.now),
        ({OUTAGE.slug: 0.6}, {}, OUTAGE.now),
        ({OUTAGE.slug: 0.2}, {}, BY_CAUSE.do),
        ({"no_coverage_garage": 0.6}, {}, BY_CAUSE.do),
        ({}, {"kind": IncidentKind.SUSPICIOUS}, BY_CAUSE.do),
        ({}, {"mode": "attack_replay"}, BY_CAUSE.do),
        ({}, UNSEEN, f"{MAY_BE_OVER[1]} {BY_CAUSE.do}"),
        ({}, ENDED, f"{OVER[1]} {BY_CAUSE.do}"),
    ],
)
def test_what_its_incident_knows_is_done(
    tmp_path: Path, believed: dict[str, float], incident: dict[str, Any], do: str
) -> None:
    """While it goes on: of many unlocks more is known than of one, unless that one differs."""
    assert told_with(tmp_path, believed, **incident)[1]["do"] == do


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


@pytest.mark.parametrize("has_opened", [False, True])
def test_a_network_that_is_back_is_not_said_to_be_down(tmp_path: Path, *, has_opened: bool) -> None:
    """Once its incident is over: nobody is given a car of another operator, nobody must act."""
    if has_opened:
        side = PlatformSide(status=200, account_id="customer-0")
        put_unlocks(tmp_path, [unlock(330, car="car-1", booking_id="booking-300", platform=side)])
    _, found = told_with(tmp_path, {OUTAGE.slug: 0.99}, **ENDED)
    assert found["diagnosis"]["mode"] == OUTAGE.slug
    assert OUTAGE.spoken not in found["say"]
    assert "another operator" not in found["do"]
    assert "give them another car" in found["do"]
    assert (found["acts"], found["mend"]) == (None, None)
    assert has_opened is ("Another unlock has opened the car since" in found["do"])


@pytest.mark.parametrize(
    ("second", "status", "is_told"), [(310.0, 200, True), (310.0, 409, False), (290.0, 200, False)]
)
def test_who_has_ended_the_booking_does_not_press_again(
    tmp_path: Path, second: float, status: int, *, is_told: bool
) -> None:
    """There is nothing to open any more, also when the incident is over."""
    put_booking_end(tmp_path, second, car="car-1", booking="booking-300", status=status)
    _, found = told_with(tmp_path, {}, **ENDED)
    assert ((found["say"], found["do"]) == first(THEN_OVER, ENDED_OFFLINE)) is is_told


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


def test_commands_reach_a_car_that_has_opened_after_all(tmp_path: Path) -> None:
    """That none does was concluded before its answer came."""
    _, found = told_of_late(tmp_path, 504, Cause.DOWNLINK_LOST)
    assert found["explanation"] == OPENED_LATE
    assert found["opened_later"]


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
    ("facts", "cohort", "told"),
    [
        ((), {}, MODES["phone_side"]),
        ((Fact.APP_VERSION_FAILS,), {}, APP_RELEASE),
        ((Fact.BOOKING_OF_SEVERAL,), {}, APP_RELEASE),
        ((), {"app_version": "4.0.2"}, APP_RELEASE),
    ],
)
def test_of_a_release_that_fails_who_makes_the_app_must_act(
    tmp_path: Path, facts: tuple[Fact, ...], cohort: dict[str, str], told: FailureMode
) -> None:
    """Whether it was seen then, or an incident of that version is known since: not the customer."""
    its: dict[str, Any] = {"cause": Cause.API_REFUSED, "mode": told.slug, "cohort": cohort}
    put_incidents(tmp_path, [incident_of(**its, examples=("attempt-300",))] if cohort else [])
    found = told_of(tmp_path, told.slug, facts, cause=Cause.API_REFUSED)
    assert (found["say"], found["do"]) == (told.spoken, told.now)
    assert (found["acts"], found["mend"]) == (told.acts, told.mend)


def test_a_car_that_opened_is_of_no_mode_in_which_none_does(tmp_path: Path) -> None:
    """It opened amid an outage: its customer is not told that its network is down."""
    found = told_of(tmp_path, OUTAGE.slug)
    assert (found["say"], found["do"]) == (advice_for(None).say, advice_for(None).do)


@pytest.mark.parametrize(
    ("facts", "ended_s", "say"),
    [
        ((Fact.RELOCKED,), None, MODES["auto_relock"].spoken),
        ((Fact.RELOCKED, Fact.DOOR_OPENED), None, advice_for(None).say),
        ((), 400.0, BOOKING_ENDED[0]),
        ((Fact.RELOCKED,), 400.0, f"{MODES['auto_relock'].spoken} {BOOKING_ENDED[0]}"),
    ],
)
def test_a_car_that_opened_and_is_shut_again_is_not_said_to_be_open(
    tmp_path: Path, facts: tuple[Fact, ...], ended_s: float | None, say: str
) -> None:
    """It locked itself as nobody opened a door, or its booking has ended."""
    assert told_of(tmp_path, "nothing_wrong", facts, ended_s)["say"] == say


def test_nobody_presses_again_while_another_car_may_open(tmp_path: Path) -> None:
    """Not even where nothing is seen of the incident for a while."""
    taken = MODES["client_id_takeover"]
    its = {"mode": taken.slug, "cohort": {"region": "centre"}, "examples": (), **UNSEEN}
    put_incidents(tmp_path, [incident_of(**its)])
    found = told_of(tmp_path, taken.slug, cause=Cause.BOX_OFFLINE)
    assert found["say"].startswith(taken.spoken)
    assert found["do"] == taken.now


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


BOOKED: dict[str, Any] = {
    "booking_id": "booking-300",
    "platform": PlatformSide(status=200, account_id="customer-0"),
}
"""One of several presses of a booking."""


def put_lock_command(directory: Path, second: float, outcome: str) -> None:
    """Let a store have a line of the platform's log: how a lock of the car ended."""
    line = {
        "at": BEGIN_S + second, "event": "ended", "operation": "lock", "vehicle_id": "car-1",
        "request_id": "r", "command_id": "command-9", "outcome": outcome,
    }  # fmt: skip
    put_lines(directory, "platform_events", [msgspec.json.encode(line)])


@pytest.mark.parametrize("is_used", [True, False], ids=["got in", "not seen to"])
def test_who_has_opened_by_another_press_and_ended_the_booking_presses_no_more(
    tmp_path: Path, *, is_used: bool
) -> None:
    """Nor told to try the door, or that the car did not open; one that nobody used may be open."""
    put_unlocks(tmp_path, [unlock(330, car="car-1", **BOOKED)])
    if is_used:
        put_lock(tmp_path, 332.0, "car-1", is_open=True)
    put_incidents(tmp_path, [incident_of(cohort={"region": "centre"}, examples=())])
    found = told_of(tmp_path, OUTAGE.slug, cause=Cause.BOX_OFFLINE, ended_s=400.0, **BOOKED)
    ended = first(THEN_GOES_ON, BOOKING_USED if is_used else BOOKING_UNUSED)
    assert (found["say"], found["do"]) == ended
    put_unlocks(tmp_path, [unlock(500, car="car-1", **(BOOKED | {"booking_id": "booking-500"}))])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    assert json_of(case, ENGLISH)["say"] == OPENED_FOR_THEM


@pytest.mark.parametrize(
    ("after", "is_seen_to"),
    [("executed", True), ("expired", False), ("state", True), ("used", True)],
)
def test_nobody_sees_to_a_car_that_is_locked_or_was_used_since(
    tmp_path: Path, after: str, *, is_seen_to: bool
) -> None:
    """The platform took a lock for executed, the car says so, or another customer had it since."""
    put_unlocks(tmp_path, [unlock(330, car="car-1", **BOOKED)])
    if after == "state":
        put_lock(tmp_path, 390.0, "car-1")
    elif after == "used":
        side = PlatformSide(status=200, account_id="customer-9")
        put_unlocks(tmp_path, [unlock(600, car="car-1", platform=side)])
    else:
        put_lock_command(tmp_path, 1_500.0, after)
    found = told_of(tmp_path, OUTAGE.slug, cause=Cause.BOX_OFFLINE, ended_s=400.0, **BOOKED)
    assert (found["say"], found["do"]) == (BOOKING_USED if is_seen_to else BOOKING_UNUSED)


@pytest.mark.parametrize(("second", "takes_s"), [(290, 30.0), (250, 5.0)])
def test_an_earlier_press_of_the_booking_that_opened_the_car_counts_after_its_end(
    tmp_path: Path, second: int, takes_s: float
) -> None:
    """It may have opened it after the last one began, or before: nobody is told that it did not."""
    its = {"booking_id": "booking-300", "total_s": takes_s, "platform": BOOKED["platform"]}
    put_unlocks(tmp_path, [unlock(second, car="car-1", **its)])
    put_incidents(tmp_path, [incident_of(cohort={"region": "centre"}, examples=())])
    found = told_of(tmp_path, OUTAGE.slug, cause=Cause.BOX_OFFLINE, ended_s=400.0, **BOOKED)
    assert (found["say"], found["do"]) == first(THEN_GOES_ON, BOOKING_UNUSED)


@pytest.mark.parametrize(
    ("mode", "is_over"),
    [
        ("generic_500", True),
        ("wrong_car_approached", True),
        ("retained_command", False),
        ("insider_or_support_unlock", False),
    ],
)
def test_who_has_driven_and_ended_the_booking_is_not_sent_to_the_door(
    tmp_path: Path, mode: str, *, is_over: bool
) -> None:
    """A car that stands open, or a suspicion, is looked after all the same."""
    side = PlatformSide(status=200, account_id="customer-0")
    found = told_of(tmp_path, mode, ended_s=900.0, platform=side)
    expected = BOOKING_ENDED if is_over else (MODES[mode].spoken, MODES[mode].now)
    assert (found["say"], found["do"]) == expected
    acts = None if mode == "wrong_car_approached" else MODES[mode].acts
    assert found["acts"] == acts


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_booking_ends_under_the_name_of_the_car_that_was_asked_for(
    tmp_path: Path, *, is_locked: bool
) -> None:
    """Another car has opened: that one is seen to, and nobody gives them another car."""
    side = PlatformSide(status=200, account_id="customer-0", vehicle_id="car-7")
    put_booking_end(tmp_path, 400.0, car="car-7", booking="booking-300")
    if is_locked:
        put_lock_command(tmp_path, 390.0, "executed")
    found = told_of(tmp_path, "wrong_vin_mapping", platform=side)
    assert found["booking_ended_at"] == "2026-01-01T00:06:40.000+00:00"
    assert (found["say"], found["do"]) == (BOOKING_ENDED if is_locked else BOOKING_ENDED_MIXED_UP)


@pytest.mark.parametrize("ended_s", [310.0, 400.0])
def test_a_car_that_opened_late_is_locked_after_its_booking_too(
    tmp_path: Path, ended_s: float
) -> None:
    """Nobody asks a customer who has left whether they are with it; but it may open after that."""
    put_booking_end(tmp_path, ended_s, car="car-1", booking="booking-300")
    _, found = told_of_late(tmp_path, 504)
    is_ended_after = ended_s > 320.1
    assert ((found["say"], found["do"]) == BOOKING_ENDED_OPEN) is is_ended_after
    assert ("ask the customer whether they are with it" in found["do"]) is not is_ended_after
    put_lock_command(tmp_path, 390.0, "executed")
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    assert "see that the car is locked" not in json_of(case, ENGLISH)["do"]


def test_a_car_that_locked_itself_and_was_opened_again_is_tried_first(tmp_path: Path) -> None:
    """By the same customer's next press."""
    its: dict[str, Any] = {
        "booking_id": "booking-300",
        "platform": PlatformSide(status=200, account_id="customer-0"),
    }
    put_unlocks(tmp_path, [unlock(330, car="car-1", **its)])
    found = told_of(tmp_path, "auto_relock", (Fact.RELOCKED,), **its)
    assert found["say"] == OPENED_FOR_THEM
    assert found["do"].endswith(MODES["auto_relock"].now)


def test_nobody_must_act_perhaps_for_what_is_sure(tmp_path: Path) -> None:
    """The car opened amid an outage: that nobody need mend it for them is no doubt."""
    told_of(tmp_path, OUTAGE.slug)
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
    assert "Who must act" not in text_of(case, ENGLISH)


@pytest.mark.parametrize(
    ("mode", "share", "is_told"),
    [("generic_500", 0.95, True), ("generic_500", 0.6, False), ("auto_relock", 0.95, False)],
)
def test_an_unlock_that_opened_is_of_the_incident_of_its_mode(
    tmp_path: Path, mode: str, share: float, *, is_told: bool
) -> None:
    """Not only the few that the incident names as examples."""
    opened = unlock(300, car="car-1", evidence={})
    put_unlocks(tmp_path, [opened])
    its: dict[str, Any] = {"kind": IncidentKind.GENERIC_ERRORS, "cause": None, "examples": ()}
    put_incidents(tmp_path, [incident_of(mode="generic_500", cohort={"region": "centre"}, **its)])
    made = diagnosis_of(
        RankedMode(mode, share), attempt_id=opened.attempt_id, vehicle_id="car-1", cause=None
    )
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(made)])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt=opened.attempt_id), BEGIN_S + 2_000.0)
    assert bool(json_of(case, ENGLISH)["incidents"]) is is_told


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


GONE = {"presence": "offline", "presence_at_start": "offline", "presence_changed_ago_s": 345.0}
"""What a record has of a box that was gone for minutes before it was asked for."""


@pytest.mark.parametrize(
    ("mode", "cause", "evidence", "is_tried"),
    [
        ("dns_failure", Cause.BOX_OFFLINE, GONE, False),
        ("dns_failure", Cause.BOX_OFFLINE, GONE | {"presence_changed_ago_s": 0.5}, True),
        ("dns_failure", Cause.BOX_OFFLINE, GONE | {"presence_at_start": "online"}, True),
        ("lwt_ghost_offline", Cause.BOX_OFFLINE, GONE, True),
        ("undervoltage_cutout", Cause.BOX_SILENT, {}, False),
        ("half_open_tcp_nat", Cause.BOX_SILENT, {}, True),
    ],
)
def test_a_box_that_was_gone_before_has_opened_no_door(
    tmp_path: Path, mode: str, cause: Cause, evidence: dict[str, Any], *, is_tried: bool
) -> None:
    """Nobody tries the door of a car that cannot have heard of it."""
    found = told_of(tmp_path, mode, cause=cause, evidence=evidence)
    assert ("try the door" in found["say"]) is is_tried


@pytest.mark.parametrize(
    ("expires_s", "known_s", "heard", "is_tried"),
    [
        (330.0, 2_000.0, {}, False),
        (None, 2_000.0, {}, True),
        (330.0, 331.0, {}, True),
        (1_200.0, 2_000.0, {}, True),
        (330.0, 2_000.0, {"presence": 325.0}, True),
        (330.0, 2_000.0, {"state": 325.0}, True),
    ],
    ids=["gone", "life not known", "may live", "lives for long", "came back", "was heard"],
)
def test_a_box_that_was_gone_while_its_command_lived_has_opened_no_door(
    tmp_path: Path,
    expires_s: float | None,
    known_s: float,
    heard: dict[str, float],
    *,
    is_tried: bool,
) -> None:
    """Whatever its mode, which nobody knows: it is said what is said of a box that is gone."""
    failed = unlock(300, car="car-1", cause=Cause.BOX_OFFLINE, evidence=GONE)
    put_unlocks(tmp_path, [failed])
    message: dict[str, Any] = {"command_id": failed.command_id, "action": "unlock"}
    if expires_s is not None:
        message["expires_at"] = round(1_000 * (BEGIN_S + expires_s))
    sent = {"at": BEGIN_S + 300.0, "kind": "command", "vehicle_id": "car-1", "message": message}
    put_lines(tmp_path, "observations", [msgspec.json.encode(sent)])
    if "presence" in heard:
        put_presence(tmp_path, heard["presence"], "car-1", "online")
        put_presence(tmp_path, heard["presence"] + 10.0, "car-1", "offline")
    if "state" in heard:
        put_lock(tmp_path, heard["state"], "car-1")
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt=failed.attempt_id), BEGIN_S + known_s)
    said = advice_for(Cause.BOX_OFFLINE, is_gone=not is_tried).say
    assert json_of(case, ENGLISH)["say"] == said


@pytest.mark.parametrize(
    ("presses", "gone_s", "cohort", "is_in_vain"),
    [
        (3, 345.0, {"region": "centre"}, True),
        (2, 345.0, {"region": "centre"}, False),
        (3, 60.0, {"region": "centre"}, False),
        (3, 345.0, {}, False),
    ],
)
def test_who_has_pressed_three_times_in_vain_presses_no_more(
    tmp_path: Path, presses: int, gone_s: float, cohort: dict[str, str], *, is_in_vain: bool
) -> None:
    """For a box that has been gone for minutes; but where all cars have it none is any better."""
    evidence = GONE | {"presence_changed_ago_s": gone_s}
    its: dict[str, Any] = {**BOOKED, "cause": Cause.BOX_OFFLINE, "evidence": evidence}
    put_unlocks(tmp_path, [unlock(270 + 10 * n, car="car-1", **its) for n in range(1, presses)])
    put_incidents(tmp_path, [incident_of(mode="queue_full_drop", cohort=cohort, examples=())])
    found = told_of(tmp_path, "queue_full_drop", **its)
    mode = MODES["queue_full_drop"]
    expected = PRESSED_IN_VAIN if is_in_vain else (mode.spoken, mode.now)
    assert (found["say"], found["do"]) == expected
    if is_in_vain:
        put_presence(tmp_path, 900.0, "car-1", "online")
        case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
        assert json_of(case, ENGLISH)["say"] == CONNECTED[0]


@pytest.mark.parametrize(
    ("cause", "mode", "facts", "is_told"),
    [
        (Cause.API_FAILED, "unknown", (Fact.WAS_OFFLINE,), True),
        (Cause.NOT_PUBLISHED, "unknown", (Fact.STILL_AWAY,), True),
        (Cause.API_FAILED, "unknown", (Fact.WAS_OFFLINE, Fact.TALKS_WHILE_OFFLINE), False),
        (Cause.NOT_PUBLISHED, "unknown", (), False),
        (Cause.API_FAILED, "generic_500", (Fact.WAS_OFFLINE,), False),
    ],
)
def test_nobody_presses_for_a_car_that_is_away_where_nothing_was_sent(
    tmp_path: Path, cause: Cause, mode: str, facts: tuple[Fact, ...], *, is_told: bool
) -> None:
    """While no mode is likely, and until its box connects again."""
    found = told_of(tmp_path, mode, facts, cause=cause)
    assert (found["do"] == NOT_CONNECTED.do) is is_told
    assert (found["say"] == NOT_CONNECTED.say) is is_told
    if is_told:
        put_presence(tmp_path, 900.0, "car-1", "online")
        case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 2_000.0)
        assert json_of(case, ENGLISH)["do"] != NOT_CONNECTED.do


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


@pytest.mark.parametrize(("status", "is_told"), [(429, True), (403, False)])
def test_who_has_asked_too_often_waits(tmp_path: Path, status: int, *, is_told: bool) -> None:
    """And is not sent to look at their booking and account."""
    told_of(tmp_path, "unknown", cause=Cause.API_REFUSED, platform=PlatformSide(status=status))
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-300"), BEGIN_S + 310.0)
    found = json_of(case, ENGLISH)
    expected = TOO_OFTEN if is_told else advice_for(Cause.API_REFUSED)
    assert (found["say"], found["do"]) == (expected.say, expected.do)


def test_a_door_that_is_not_shut_is_to_be_shut_after_the_booking_too(tmp_path: Path) -> None:
    """It stands open still for all that is known."""
    found = told_of(tmp_path, "door_ajar_repulsion", cause=Cause.DOOR_UNCONFIRMED, ended_s=400.0)
    assert (found["say"], found["do"]) == BOOKING_ENDED_AJAR


@pytest.mark.parametrize(
    ("cohort", "acts"),
    [({"firmware": "2.4.1"}, Actor.BOX_TEAM), ({"region": "centre"}, Actor.CUSTOMER)],
)
def test_no_customer_must_act_for_an_incident_of_a_firmware(
    tmp_path: Path, cohort: dict[str, str], acts: Actor
) -> None:
    """Cars of one version lock themselves again: its maker mends that."""
    put_incidents(tmp_path, [incident_of(mode="auto_relock", cohort=cohort, examples=())])
    assert told_of(tmp_path, "auto_relock", (Fact.RELOCKED,))["acts"] == acts


@pytest.mark.parametrize("mode", ["undervoltage_cutout", "client_id_takeover", None])
def test_the_reason_stays_after_the_booking(tmp_path: Path, mode: str | None) -> None:
    """As it was then, without what the customer was to do."""
    found = told_of(tmp_path, mode or "unknown", cause=Cause.BOX_OFFLINE, ended_s=400.0)
    why = "The car's box has lost its connection." if mode is None else MODES[mode].customer
    assert why.partition(";")[0].rstrip(".") in found["say"]
    assert "please do not press" not in found["say"]
    assert found["say"].endswith(BOOKING_ENDED[0])


def test_a_car_that_was_not_meant_has_not_locked_itself_again(tmp_path: Path) -> None:
    """The platform opened another car, which did: the one that they booked has never opened."""
    side = PlatformSide(status=200, account_id="customer-0", vehicle_id="car-7")
    facts = (Fact.RELOCKED, Fact.ANOTHER_CAR_ASKED)
    found = told_of(tmp_path, "unknown", facts, platform=side)
    assert MODES["auto_relock"].spoken not in found["say"]
