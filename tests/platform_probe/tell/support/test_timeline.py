"""What the lines of the platform's log are in words."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.rows import utc
from platform_probe.tell.support.timeline import _event, timeline_of
from tests.helpers.english import ENGLISH

NOON_S = 1_767_268_800.0


@pytest.mark.parametrize("step", PlatformStep)
def test_each_step_has_words_of_its_own(step: PlatformStep) -> None:
    """None is told by its name."""
    event = {"event": step, "operation": "unlock", "reason": None, "status": None, "problem": None}
    _, what = _event({**event, "outcome": "executed", "shown": None, "app_version": None}, None)
    assert not ENGLISH.say(what).startswith(f"{step}:")


def state(minute: int, **said: Any) -> dict[str, Any]:
    """Return what a car said of itself in a minute; of the rest nothing."""
    nothing: dict[str, Any] = dict.fromkeys(("is_locked", "is_open", "voltage_v"))
    return {
        "kind": "state",
        "heard_at": utc(NOON_S + 60 * minute),
        "is_retained": False,
        **nothing,
        **said,
    }


def told(*states: dict[str, Any]) -> list[str]:
    """Return what is told of the states of a car."""
    case = Case(vehicle_id="car-1", attempt=None, at_s=0.0, newest_s=0.0, heard=states)
    return [ENGLISH.say(entry.what) for entry in timeline_of(case)]


def test_a_state_tells_what_it_says_and_no_more() -> None:
    """A fleet that says lock, door and voltage in a message each has locked cars too."""
    assert told(state(0, is_locked=True)) == ["reports: locked"]
    assert told(state(0, voltage_v=12.55)) == ["reports: 12.6 V"]
    assert told(state(0)) == []
    assert told(state(0, is_locked=False, is_open=True, voltage_v=12.0)) == [
        "reports: unlocked, door open, 12.0 V"
    ]


def test_a_state_that_says_nothing_new_is_not_told_again() -> None:
    """Also where each message says one thing, in turn."""
    locked, volts = ("is_locked", True), ("voltage_v", 12.5)
    minutes = [locked, volts, locked, volts, ("is_locked", False), volts, locked]
    said = (state(minute, **{name: value}) for minute, (name, value) in enumerate(minutes))
    assert told(*said) == [
        "reports: locked",
        "reports: 12.5 V",
        "reports: unlocked",
        "reports: locked",
    ]


def test_a_door_that_was_shut_meanwhile_is_told_as_open_again() -> None:
    """That it was shut is said in no word."""
    doors = (state(minute, is_open=is_open) for minute, is_open in enumerate((True, False, True)))
    assert told(*doors) == ["reports: door open"] * 2


def test_a_request_is_told_once_where_the_platforms_clock_is_ahead() -> None:
    """Its line names neither trace nor command: the command's own line has its request."""
    nothing = dict.fromkeys((*UNLOCK_COLUMNS, *EVENT_COLUMNS))
    unlock = {
        **nothing, "source": "customer", "command_id": "c1", "trace_id": "t1",
        "clock_ahead_s": 0.8, "requested_s": 0.0, "published_s": 0.1, "total_s": 2.0,
        "requests": 1, "outcome": "ok", "started_at": utc(NOON_S),
    }  # fmt: skip
    line = {**nothing, "operation": "unlock", "request_id": "r1"}
    events = [
        {**line, "event": "requested", "logged_at": utc(NOON_S + 0.8)},
        {**line, "event": "published", "command_id": "c1", "logged_at": utc(NOON_S + 0.9)},
        {**line, "event": "ended", "outcome": "executed", "logged_at": utc(NOON_S + 2.3)},
    ]
    case = Case(vehicle_id="car", attempt=unlock, at_s=NOON_S, newest_s=0.0, events=events)
    entries = [(round(one.at_s - NOON_S, 3), ENGLISH.say(one.what)) for one in timeline_of(case)]
    assert [what for _, what in entries if what.startswith("asks")] == ["asks to open the car"]
    assert (1.5, "records unlock as executed") in entries


UNLOCK_COLUMNS = (
    "evidence", "platform_outcome", "woken_s",
    "broker_accepted_s", "box_received_s", "box_executed_s", "result_received_s",
    "state_changed_s", "api_answered_s", "reason", "cause", "account_id", "booking_id",
    "endpoint", "intended_s",
)  # fmt: skip
EVENT_COLUMNS = (
    "trace_id", "command_id", "status", "problem", "reason", "outcome", "shown", "app_version",
    "account_id", "booking_id",
)  # fmt: skip
