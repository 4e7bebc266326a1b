"""The other unlocks of a car: whose they are, how they ended, and whether they opened it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract.attempt import Attempt, PlatformSide, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError
from platform_probe.tell.support.choosing import Moment
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.rows import utc
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.english import ENGLISH
from tests.helpers.said_advice import CONNECTED, LONG_AGO, OPEN_BEFORE, OPEN_SINCE, OPENED_FOR_THEM
from tests.helpers.stores import BEGIN_S, ReadAnew, put_presence, put_unlocks, unlock

FAILED = 300
"""The unlock that is asked about, of customer-0."""


def beside(number: int, account: str | None = "customer-0", **changes: Any) -> Attempt:
    """Return an unlock of the same car so many seconds after the beginning."""
    side = PlatformSide(status=200, account_id=account)
    return unlock(number, car="car-1", **{"platform": side, "evidence": {}, **changes})


def case_of(directory: Path, *others: Attempt, **wanted: Any) -> tuple[str, dict[str, Any]]:
    """Return what is told of an unlock that failed, with others beside it."""
    failed = beside(FAILED, cause=Cause.BOX_BUSY)
    put_unlocks(directory, [failed, *others])
    asked = UnlockQuery(**(wanted or {"attempt": failed.attempt_id}))
    case = look_up(ReadAnew(directory), asked, BEGIN_S + 2_000.0)
    return text_of(case, ENGLISH), json_of(case, ENGLISH)


def test_another_customer_is_named_as_such_and_not_by_name(tmp_path: Path) -> None:
    """When they asked, and how it ended; the customer who calls is told nothing of it."""
    text, found = case_of(tmp_path, beside(310, "customer-9"), beside(2_000, "customer-9"))
    assert "phone     another customer asks to open it too: it opened after 1.2 s" in text
    assert text.count("another customer") == 1
    assert "customer-9" not in text
    assert OPEN_SINCE not in found["do"]


def test_who_sends_the_same_booking_from_another_account_is_another(tmp_path: Path) -> None:
    """Apps that forget theirs all send one and the same."""
    asked = beside(FAILED, booking_id="undefined", cause=Cause.BOX_BUSY)
    put_unlocks(tmp_path, [asked, beside(310, "customer-9", booking_id="undefined")])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt=asked.attempt_id), BEGIN_S + 2_000.0)
    assert "another customer asks to open it too" in text_of(case, ENGLISH)


@pytest.mark.parametrize(("number", "said"), [(330, OPEN_SINCE), (260, OPEN_BEFORE), (1, None)])
def test_a_car_that_another_unlock_has_opened_is_tried_first(
    tmp_path: Path, number: int, said: str | None
) -> None:
    """By the same customer, since then or just before."""
    _, found = case_of(tmp_path, beside(number))
    assert found["do"].startswith(said or LONG_AGO[1])
    assert (found["say"] == OPENED_FOR_THEM) is (said is not None)


@pytest.mark.parametrize(
    ("cause", "heard", "is_told"),
    [
        (Cause.BOX_OFFLINE, {400: "online"}, True),
        (Cause.BOX_OFFLINE, {200: "online"}, False),
        (Cause.BOX_OFFLINE, {400: "online", 500: "offline"}, False),
        (Cause.VEHICLE_FAILED, {400: "online"}, False),
    ],
)
def test_a_box_that_has_connected_again_is_asked_again(
    tmp_path: Path, cause: Cause, heard: dict[int, str], *, is_told: bool
) -> None:
    """What to say is of now, and not of the moment in which it failed."""
    failed = beside(FAILED, cause=cause)
    put_unlocks(tmp_path, [failed])
    for second, status in heard.items():
        put_presence(tmp_path, second, "car-1", status)
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt=failed.attempt_id), BEGIN_S + 2_000.0)
    found = json_of(case, ENGLISH)
    say, do = CONNECTED
    assert (found["say"] == say) is is_told
    assert found["do"].startswith(do) is is_told


def test_an_unlock_that_failed_or_is_in_doubt_has_opened_nothing(tmp_path: Path) -> None:
    """Two boxes of one identity: the other may have answered."""
    often = {"broker_said": {"taken_over": 4}}
    doubtful, failed = beside(310, evidence=often), beside(320, cause=Cause.BOX_SILENT)
    text, found = case_of(tmp_path, doubtful, failed, beside(330, source=Source.PROBE))
    assert "asks to open it too: it is said to have opened, perhaps by another car" in text
    assert "it is not known to have opened (box_silent)" in text
    assert "monitor   the monitor asks to open it too: it opened" in text
    assert found["do"].startswith(LONG_AGO[1])


@pytest.mark.parametrize("times", [1, 4])
def test_of_two_boxes_with_one_identity_nobody_knows_which_opened_late(
    tmp_path: Path, times: int
) -> None:
    """A late answer may be the other one's."""
    evidence = {"broker_said": {"taken_over": times}}
    failed = beside(FAILED, cause=Cause.EXECUTION_SILENT, evidence=evidence)
    put_unlocks(tmp_path, [failed])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt=failed.attempt_id), BEGIN_S + 2_000.0)
    late = {"is_late_unlock": True, "came_at": utc(BEGIN_S + 400.0)}
    assert replace(case, strays=[late]).opened_late is (times == 1)


def test_a_car_is_found_for_which_another_got_the_command(tmp_path: Path) -> None:
    """Two cars are mixed up: the customer names the one that they have booked."""
    side = PlatformSide(status=200, account_id="customer-5", vehicle_id="car-2")
    text, _ = case_of(tmp_path, beside(310, platform=side), vehicle="car-2")
    assert text.startswith("car-1 opened, and car-2 was asked for: ")


def test_without_a_log_of_the_platform_nobody_knows_whose_it_was(tmp_path: Path) -> None:
    """A command alone was seen, with a booking: no phone, and no customer."""
    put_unlocks(tmp_path, [beside(1, platform=None), beside(40, platform=None)])

    def told(**wanted: Any) -> str:
        return text_of(
            look_up(ReadAnew(tmp_path), UnlockQuery(**wanted), BEGIN_S + 2_000.0), ENGLISH
        )

    text = told(attempt="attempt-40")
    assert "phone     somebody with another booking asks to open it too" in text
    assert "asks to open the car" not in text
    text = told(vehicle="car-1", at=Moment(BEGIN_S + 1_990.0))
    assert "No command to open it reached the broker at that time." in text
    assert "reached the platform" not in text
    with pytest.raises(ConfigError, match=r"No customer 'c-1' .*Ask by the car or the booking"):
        told(customer="c-1")


def test_what_is_asked_since_a_time_is_answered_since_then(tmp_path: Path) -> None:
    """And not of the time of the newest record."""
    put_unlocks(tmp_path, [beside(1), unlock(1_000, car="car-2")])
    asked = UnlockQuery(vehicle="car-1", since_s=BEGIN_S + 60.0)
    text = text_of(look_up(ReadAnew(tmp_path), asked, BEGIN_S + 1_000.0), ENGLISH)
    assert text.startswith("No unlock of car-1 is known since Thu 1 Jan 2026 00:01:00 UTC.\n")
    assert "it opened" not in text
    assert "--attempt attempt-1" in text


def test_nothing_is_said_to_be_unknown_since_before_the_records(tmp_path: Path) -> None:
    """Of that time nobody knows anything: the answer says when they begin."""
    put_unlocks(tmp_path, [unlock(100, car="car-2")])
    put_presence(tmp_path, 130.0, "car-1", "online")
    asked = UnlockQuery(vehicle="car-1", since_s=BEGIN_S + 60.0)
    text = text_of(look_up(ReadAnew(tmp_path), asked, BEGIN_S + 1_000.0), ENGLISH)
    begins = "Thu 1 Jan 2026 00:01:40 UTC"
    assert text.startswith(f"No unlock of car-1 is known in the records, which begin {begins}.\n")
