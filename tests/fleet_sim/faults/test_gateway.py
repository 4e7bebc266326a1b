"""Tests of `fleet_sim.faults.gateway`."""

from __future__ import annotations

import pytest

from fleet_sim.faults.gateway import ASKED_AGAIN_S, BELIEVED_S
from fleet_sim.platform.operations import Operation
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import PlatformStep
from tests.helpers.platform_bench import CAR
from tests.helpers.struck_platform import WINDOW_S, StruckPlatform


def test_silent_success_says_yes_and_makes_no_command() -> None:
    """The log has a request and its 200, and nothing else; the car stays as it is."""
    struck = StruckPlatform("silent_success", probability=1.0)
    struck.bench.log.clear()
    answer = struck.unlock()
    assert (answer.status, answer.body["state"], answer.is_ok) == (200, "executed", True)
    assert "command_id" not in answer.body
    steps = [(event.event, event.status, event.command_id) for event in struck.bench.log]
    assert steps == [(PlatformStep.REQUESTED, None, None), (PlatformStep.ANSWERED, 200, None)]
    assert struck.bench.box().vehicle.is_locked
    assert {hit.what for hit in struck.hits} == {"admission", "answer"}
    lasting = [hit for hit in struck.hits if (hit.until_s or 0) - hit.at_s > 1]
    assert [(hit.until_s or 0) - hit.at_s for hit in lasting] == [pytest.approx(BELIEVED_S)]


def test_silent_success_tells_the_truth_where_no_check_fails() -> None:
    """Of other operations, without a chance, and when the window is over."""
    struck = StruckPlatform("silent_success", probability=1.0)
    assert struck.bench.book(vehicle_id="car-1")
    stranger = StruckPlatform("silent_success", probability=0.0)
    assert stranger.unlock(customer="bert").problem is problems.BOOKING_OF_ANOTHER
    assert stranger.unlock().status == 200
    assert not stranger.hits
    struck.close_window()
    assert struck.unlock().body["command_id"]


def test_ok_at_enqueue_answers_before_the_car_can_have_opened() -> None:
    """It opens all the same, unless the row is forgotten."""
    struck = StruckPlatform("ok_at_enqueue", unsent=0.0)
    (answer,) = struck.bench.ask(
        Operation.UNLOCK, booking_id=struck.booking_id, vehicle_id=CAR, wait_s=60
    )
    assert (answer.status, answer.body["state"], answer.body["is_final"]) == (200, "executed", True)
    assert struck.bench.box().vehicle.is_locked
    struck.bench.let_pass(1)
    assert not struck.bench.box().vehicle.is_locked
    assert struck.of_commands() == [
        ("patience", answer.body["command_id"]),
        ("answer", answer.body["command_id"]),
    ]


def test_ok_at_enqueue_forgets_some() -> None:
    """They are in no log as published, and end as expired; errors stay errors."""
    struck = StruckPlatform("ok_at_enqueue", unsent=1.0)
    assert struck.unlock(customer="bert").problem is problems.BOOKING_OF_ANOTHER
    assert struck.unlock().status == 200
    struck.bench.let_pass(60)
    steps = [event.event for event in struck.bench.log]
    assert PlatformStep.PUBLISHED not in steps
    assert struck.bench.log[-1].outcome == "expired"
    assert not struck.bench.published


def test_a_gateway_that_knows_nobody() -> None:
    """Good tokens are not accepted; until it does again."""
    struck = StruckPlatform("app_gateway_outage")
    assert struck.unlock().problem is problems.UNAUTHENTICATED
    struck.close_window()
    assert struck.unlock().status == 200
    assert [hit.what for hit in struck.hits] == ["token"]


def test_a_gateway_that_is_not_reached() -> None:
    """No answer and no line; the app may ask again later, and that is hit too."""
    struck = StruckPlatform("app_gateway_outage", login_failures=0.0, unreached=1.0)
    struck.bench.log.clear()
    asked = struck.bench.ask(
        Operation.UNLOCK, booking_id=struck.booking_id, vehicle_id=CAR, wait_s=10
    )
    struck.bench.let_pass(30)
    assert (asked, struck.bench.log) == ([], [])
    longest_s = max((hit.until_s or 0) - hit.at_s for hit in struck.hits)
    assert longest_s == pytest.approx(ASKED_AGAIN_S)


@pytest.mark.parametrize("only_commands", [False, True])
def test_maintenance_turns_away_what_changes_something(*, only_commands: bool) -> None:
    """With a type of its own; what only asks is answered."""
    struck = StruckPlatform("planned_maintenance_window", struck=2, only_commands=only_commands)
    bench = struck.bench
    refused = struck.unlock()
    assert refused.problem is problems.MAINTENANCE
    assert refused.retry_after_s is not None
    assert 0 < refused.retry_after_s < WINDOW_S
    booked = bench.answer(Operation.BOOK, vehicle_id="car-1", ends_at=bench.now + 100)
    assert booked.problem is (None if only_commands else problems.MAINTENANCE)
    assert bench.answer(Operation.VEHICLE_STATE, vehicle_id=CAR).status == 200
    struck.close_window()
    assert struck.unlock().status == 200
