"""Calls about an unlock that nobody saw: when one is meant, and what is said of its booking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.modes.catalogue import MODES
from platform_probe.tell.support.choosing import Moment
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.english import ENGLISH
from tests.helpers.records import COMPLAINT
from tests.helpers.said_advice import BOOKING_ENDED, OPENED_FOR_THEM, with_reason
from tests.helpers.stores import BEGIN_S, ReadAnew, put_booking_end, put_lines, put_unlocks, unlock

KEY = MODES["ble_token_expired_offline"]
CALLED = 300.0


def put_call(directory: Path, mode: str = KEY.slug, **changes: Any) -> None:
    """Let a customer have called about an offline key, and the call be diagnosed."""
    made = {"at": BEGIN_S + CALLED, "booking_id": "b", "account_id": "customer-1", **changes}
    call = msgspec.structs.replace(COMPLAINT, complaint_id="call", **made)
    put_lines(directory, "complaints", [msgspec.json.encode(call)])
    its = {"attempt_id": "call", "cause": Cause.NOT_OBSERVED, "at": BEGIN_S + CALLED}
    believed = diagnosis_of(RankedMode(mode, 0.95), **its)
    put_lines(directory, "diagnoses", [msgspec.json.encode(believed)])


def press(second: int, **changes: Any) -> Attempt:
    """Return an unlock of the same car, by default by the same customer."""
    its = {"booking_id": "b", "platform": PlatformSide(status=200, account_id="customer-1")}
    return unlock(second, car="car-1", **{**its, **changes})


def told(directory: Path, **wanted: Any) -> tuple[dict[str, Any], str]:
    """Return what is told of the car, or of what is named."""
    case = look_up(
        ReadAnew(directory), UnlockQuery(**wanted or {"vehicle": "car-1"}), BEGIN_S + 900.0
    )
    return json_of(case, ENGLISH), text_of(case, ENGLISH)


BY: list[dict[str, Any]] = [{"vehicle": "car-1"}, {"booking": "b"}, {"customer": "customer-1"}]


@pytest.mark.parametrize("wanted", BY)
@pytest.mark.parametrize("ended", [CALLED - 20.0, CALLED + 3.0])
def test_that_the_booking_has_ended_is_said_of_a_call(
    tmp_path: Path, wanted: dict[str, Any], ended: float
) -> None:
    """With when, by whatever they are looked up; and the phone is as it was at the next car."""
    put_call(tmp_path)
    put_booking_end(tmp_path, ended, car="car-1", booking="b")
    found, text = told(tmp_path, **wanted)
    clock = f"00:0{int(ended) // 60}:{int(ended) % 60:02d}"
    assert f"\n  Its booking has ended: Thu 1 Jan 2026 {clock} UTC.\n" in text
    assert found["booking_ended_at"] == f"2026-01-01T{clock}.000+00:00"
    assert found["say"] == f"{KEY.spoken} {BOOKING_ENDED[0]}"
    assert found["do"] == f"{BOOKING_ENDED[1]} {KEY.now}"


@pytest.mark.parametrize("wanted", BY)
def test_that_the_booking_has_ended_is_said_of_an_unlock(
    tmp_path: Path, wanted: dict[str, Any]
) -> None:
    """With when, beside what follows from it."""
    put_unlocks(tmp_path, [press(300, cause=Cause.BOX_OFFLINE)])
    assert "booking has ended" not in told(tmp_path, **wanted)[1]
    put_booking_end(tmp_path, 400.0, car="car-1", booking="b")
    found, text = told(tmp_path, **wanted)
    assert "\n  Its booking has ended: Thu 1 Jan 2026 00:06:40 UTC.\n" in text
    assert (found["say"], found["do"]) == with_reason(Cause.BOX_OFFLINE, None)


def test_a_booking_that_goes_on_is_not_said_to_have_ended(tmp_path: Path) -> None:
    """Only the key is: they may still open the car."""
    put_call(tmp_path)
    put_booking_end(tmp_path, CALLED + 3.0, car="car-1", booking="another")
    found, text = told(tmp_path)
    assert "booking has ended" not in text
    assert (found["say"], found["booking_ended_at"]) == (KEY.spoken, None)


@pytest.mark.parametrize(
    ("unlocks", "is_call"),
    [
        ([], True),
        ([press(100)], True),  # of somebody before, which opened
        ([press(100, cause=Cause.BOX_OFFLINE)], True),  # went wrong too, and earlier
        ([press(400)], True),
        ([press(400, cause=Cause.BOX_OFFLINE)], False),
    ],
)
def test_a_call_is_meant_where_it_is_the_last_that_went_wrong(
    tmp_path: Path, unlocks: list[Attempt], *, is_call: bool
) -> None:
    """An unlock that opened before does not hide that a customer called."""
    put_call(tmp_path)
    put_unlocks(tmp_path, unlocks)
    assert told(tmp_path)[1].startswith("A call about car-1") is is_call


@pytest.mark.parametrize(("at", "is_call"), [(200.0, False), (290.0, True)])
def test_of_a_call_and_an_unlock_the_nearest_to_a_time_is_meant(
    tmp_path: Path, at: float, *, is_call: bool
) -> None:
    """Both went wrong."""
    put_call(tmp_path)
    put_unlocks(tmp_path, [press(180, cause=Cause.BOX_OFFLINE)])
    text = told(tmp_path, vehicle="car-1", at=Moment(BEGIN_S + at))[1]
    assert text.startswith("A call about car-1") is is_call


def test_who_got_in_after_the_call_tries_the_door_first(tmp_path: Path) -> None:
    """As after an unlock that failed."""
    put_call(tmp_path)
    put_unlocks(tmp_path, [press(400)])
    assert told(tmp_path)[0]["say"] == OPENED_FOR_THEM


def test_the_known_problem_is_told_of_a_call(tmp_path: Path) -> None:
    """An incident may be of calls alone."""
    put_call(tmp_path, region="centre")
    its: dict[str, Any] = {
        "cause": Cause.NOT_OBSERVED,
        "mode": KEY.slug,
        "cohort": {"region": "centre"},
    }
    put_incidents(tmp_path, [incident_of(**its)])
    assert f"Known problem\n  {incident_of().title}\n" in told(tmp_path)[1]


def test_a_booking_that_its_app_forgot_is_told_by_the_unlock_that_the_call_is_about(
    tmp_path: Path,
) -> None:
    """With when the booking has ended, which the unlock does not name."""
    forgotten = press(280, booking_id="undefined", cause=Cause.API_REFUSED)
    put_call(tmp_path, attempts=(forgotten.attempt_id,))
    put_unlocks(tmp_path, [forgotten])
    put_booking_end(tmp_path, CALLED + 3.0, car="car-1", booking="b")
    found, text = told(tmp_path, booking="b")
    assert found["attempt"]["attempt_id"] == forgotten.attempt_id
    assert "\n  Its booking has ended: Thu 1 Jan 2026 00:05:03 UTC.\n" in text


def put_booked(directory: Path, second: float, account: str) -> None:
    """Let somebody have booked the car."""
    line = {
        "at": BEGIN_S + second, "event": "answered", "operation": "book", "vehicle_id": "car-1",
        "booking_id": "next", "account_id": account, "status": 201,
    }  # fmt: skip
    put_lines(directory, "platform_events", [msgspec.json.encode(line)])


@pytest.mark.parametrize(
    ("account", "wanted", "is_said"),
    [
        ("customer-9", {"vehicle": "car-1"}, True),
        ("customer-9", {"vehicle": "car-1", "at": Moment(BEGIN_S + 600.0)}, True),
        ("customer-9", {"vehicle": "car-1", "at": Moment(BEGIN_S + 400.0)}, False),
        ("customer-9", {"booking": "b"}, False),
        ("customer-1", {"vehicle": "car-1"}, False),
    ],
)
def test_who_else_has_booked_the_car_since_is_said(
    tmp_path: Path, account: str, wanted: dict[str, Any], *, is_said: bool
) -> None:
    """Perhaps it is they who call: not where the booking is named, or it was after that time."""
    put_call(tmp_path)
    put_booking_end(tmp_path, 310.0, car="car-1", booking="b")
    put_booked(tmp_path, 500.0, account)
    found, text = told(tmp_path, **wanted)
    line = "Another customer has booked the car since: Thu 1 Jan 2026 00:08:20 UTC.\n"
    assert (line in text) is is_said
    booked = {"at": "2026-01-01T00:08:20.000+00:00", "booking_id": "next"}
    assert found["booked_since"] == (booked if is_said else None)


@pytest.mark.parametrize(("ended_s", "is_call"), [(310.0, False), (400.0, True)])
def test_a_call_of_a_booking_that_had_ended_gives_way_to_the_next_customers_unlock(
    tmp_path: Path, ended_s: float, *, is_call: bool
) -> None:
    """Though the call was nearer to the time."""
    put_call(tmp_path)
    put_booking_end(tmp_path, ended_s, car="car-1", booking="b")
    put_unlocks(tmp_path, [press(500, booking_id="next", cause=Cause.BOX_OFFLINE)])
    text = told(tmp_path, vehicle="car-1", at=Moment(BEGIN_S + 350.0))[1]
    assert text.startswith("A call about car-1") is is_call
