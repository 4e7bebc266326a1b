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


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([{"is_locked": True}], ["locked"]),
        ([{"voltage_v": 12.55}], ["12.6 V"]),
        ([{}], []),
        (
            [{"is_locked": False, "is_open": True, "voltage_v": 12.0}],
            ["unlocked, door open, 12.0 V"],
        ),
        (
            [{"is_locked": True}, {"voltage_v": 12.5}, {"is_locked": True}, {"voltage_v": 12.5},
             {"is_locked": False}, {"voltage_v": 12.5}, {"is_locked": True}],
            ["locked", "12.5 V", "unlocked", "locked"],
        ),
        ([{"is_open": True}, {"is_open": False}, {"is_open": True}], ["door open", "door open"]),
    ],
)  # fmt: skip
def test_a_state_tells_what_it_says_and_no_more(
    states: list[dict[str, Any]], told: list[str]
) -> None:
    """A fleet may say lock, door and voltage in a message each; nothing is told twice.

    That a door was shut is said in no word: it is told as open again.
    """
    nothing: dict[str, Any] = dict.fromkeys(("is_locked", "is_open", "voltage_v"))
    heard = [
        {"kind": "state", "heard_at": utc(NOON_S + 60 * minute), "is_retained": False}
        | nothing | said
        for minute, said in enumerate(states)
    ]  # fmt: skip
    case = Case(vehicle_id="car-1", attempt=None, at_s=0.0, newest_s=0.0, heard=heard)
    said = [ENGLISH.say(entry.what) for entry in timeline_of(case)]
    assert said == [f"reports: {what}" for what in told]


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
