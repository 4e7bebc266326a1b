"""A call that is too new to be diagnosed, and before which no phone has asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import Cause
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import export_command, text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.english import ENGLISH
from tests.helpers.records import COMPLAINT
from tests.helpers.said_advice import NOT_ASKED
from tests.helpers.stores import BEGIN_S, ReadAnew, put_lines, put_unlocks, unlock

CALLED = 300.0
SINCE = "This customer's phone has not asked to open it since Thu 1 Jan 2026 00:04:10 UTC"
CUSTOMERS = {"booking_id": "b", "account_id": "customer-1", "vehicle_id": "car-1"}


def put_event(directory: Path, second: float, **fields: Any) -> None:
    """Let the platform have logged something of a customer."""
    line = {"at": BEGIN_S + second, "request_id": f"request-{second}", **CUSTOMERS, **fields}
    put_lines(directory, "platform_events", [msgspec.json.encode(line)])


def told(directory: Path, after_s: float = 1.0, **wanted: Any) -> tuple[dict[str, Any], str]:
    """Return what is told so long after the call."""
    asked = UnlockQuery(**wanted or {"customer": "customer-1"})
    case = look_up(ReadAnew(directory), asked, BEGIN_S + CALLED + after_s)
    assert export_command(case, directory) is None
    return json_of(case, ENGLISH), text_of(case, ENGLISH)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store in which somebody has booked, and called."""
    put_event(tmp_path, 250.0, event="answered", operation="book", status=201)
    put_event(tmp_path, CALLED, event="support_called", operation="support_call", shown="Oops.")
    return tmp_path


@pytest.mark.parametrize(
    "wanted", [{"customer": "customer-1"}, {"booking": "b"}, {"vehicle": "car-1"}]
)
def test_who_is_on_the_line_hears_at_once_that_the_phone_has_not_asked(
    store: Path, wanted: dict[str, Any]
) -> None:
    """With since when; by whatever they are looked up."""
    found, text = told(store, **wanted)
    assert text.startswith("A call about car-1, and no unlock that it is about:")
    assert SINCE in text
    assert found["not_asked_since"] == "2026-01-01T00:04:10.000+00:00"
    assert (found["say"], found["do"]) == (NOT_ASKED.say, NOT_ASKED.do)


def test_an_unlock_of_before_is_not_taken_for_what_the_call_is_about(store: Path) -> None:
    """The same customer has opened another car with another booking: that is another ride."""
    side = PlatformSide(status=200, account_id="customer-1")
    put_unlocks(store, [unlock(100, car="car-9", booking_id="before", platform=side)])
    assert SINCE in told(store)[1]


@pytest.mark.parametrize(
    "asked",
    [{}, {"booking_id": "another"}, {"booking_id": None}],
    ids=["with it", "with another", "with none"],
)
def test_a_phone_that_has_asked_is_not_said_not_to_have(store: Path, asked: dict[str, Any]) -> None:
    """How that ends is told as soon as it has ended."""
    put_event(store, 290.0, event="requested", operation="unlock", **asked)
    found, text = told(store)
    assert SINCE not in text
    assert found["not_asked_since"] is None


def test_an_unlock_that_has_ended_is_told_and_not_the_call(store: Path) -> None:
    """Over MQTT too, where the platform's log has no request."""
    failed = unlock(290, car="car-1", booking_id="b", cause=Cause.BOX_SILENT, platform=None)
    put_unlocks(store, [failed])
    assert told(store)[0]["attempt"]["attempt_id"] == "attempt-290"


def test_a_call_that_has_its_record_waits_no_more(store: Path) -> None:
    """Nor does one so old that it will never have one."""
    assert SINCE not in told(store, 130.0)[1]
    made = {**CUSTOMERS, "at": BEGIN_S + CALLED, "complaint_id": f"request-{CALLED}"}
    call = msgspec.structs.replace(COMPLAINT, **made)
    put_lines(store, "complaints", [msgspec.json.encode(call)])
    assert SINCE not in told(store)[1]
