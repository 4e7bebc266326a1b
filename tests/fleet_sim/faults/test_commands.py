"""Tests of `fleet_sim.faults.commands`."""

from __future__ import annotations

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import PlatformStep
from tests.helpers.culprit import Suspect
from tests.helpers.struck_platform import StruckPlatform

SLEEPERS = NULL_BOX.model_copy(
    update={"asleep_share": 1.0, "sms_loss": 0.0, "sms_wake": Uniform(base_s=2.0)}
)


def test_a_cached_online_wakes_nobody_until_the_next_poll() -> None:
    """Each retry ends alike; whatever else comes for the car waits behind it."""
    struck = StruckPlatform("stale_online_cache", box=SLEEPERS, settles_s=5.0, poll_s=1e6)
    assert struck.unlock().problem is problems.VEHICLE_SILENT
    assert struck.unlock().problem is problems.VEHICLE_SILENT
    assert PlatformStep.WOKEN not in [event.event for event in struck.bench.log]
    assert [hit.command_id is None for hit in struck.hits] == [True, False] * 2
    struck.close_window()
    assert struck.unlock().status == 200
    assert PlatformStep.WOKEN in [event.event for event in struck.bench.log]


def test_after_the_poll_the_platform_knows_better() -> None:
    """And a car that is awake is not concerned."""
    asleep = StruckPlatform("stale_online_cache", box=SLEEPERS, settles_s=5.0, poll_s=1e-3)
    assert asleep.unlock().status == 200
    awake = StruckPlatform("stale_online_cache", poll_s=1e6)
    assert awake.unlock().status == 200
    assert asleep.hits == awake.hits == []


def test_a_retained_command_is_executed_at_every_connect() -> None:
    """Long after its life; the last one wins."""
    struck = StruckPlatform("retained_command")
    assert struck.unlock().status == 200
    assert struck.lock().status == 200
    box = struck.bench.box()
    for movements in (3, 4):
        struck.bench.let_pass(40)
        box.modem.dialler.drop_connection(by=Suspect())
        struck.bench.let_pass(5)
        assert box.vehicle.movement == movements
    assert box.vehicle.is_locked
    _, locked = (command.command_id for command in struck.bench.published)
    whats = {what for what, command_id in struck.of_commands() if command_id == locked}
    assert whats == {"retain", "deduplication", "objection"}


def test_a_box_that_looks_at_ids_is_told_and_does_nothing() -> None:
    """It is the platform's mistake alone, and shows as answers that come again."""
    struck = StruckPlatform("retained_command", executes_again=False)
    struck.unlock()
    struck.bench.box().modem.dialler.drop_connection(by=Suspect())
    struck.bench.let_pass(5)
    assert struck.bench.box().vehicle.movement == 1
    assert {what for what, _ in struck.of_commands()} == {"retain"}


def test_asked_anew_the_car_does_it_twice() -> None:
    """Once more and no oftener, by a second command of the same trace."""
    struck = StruckPlatform("retry_double_execution", loss=1.0, retry_after_s=6.0)
    assert struck.unlock().problem is problems.VEHICLE_SILENT
    first, second = struck.bench.published
    assert struck.bench.box().vehicle.movement == 2
    published = [event for event in struck.bench.log if event.event is PlatformStep.PUBLISHED]
    assert [event.command_id for event in published] == [first.command_id, second.command_id]
    assert published[1].at - published[0].at == pytest.approx(6)
    assert len({event.trace_id for event in published}) == 1
    assert {command_id for what, command_id in struck.of_commands() if what == "same"} == {
        first.command_id,
        second.command_id,
    }


def test_where_no_answer_is_lost_nothing_is_sent_anew() -> None:
    """With a loss of nothing."""
    struck = StruckPlatform("retry_double_execution", loss=0.0)
    assert struck.unlock().status == 200
    struck.bench.let_pass(30)
    assert len(struck.bench.published) == 1
    assert not struck.hits


def test_stuck_in_progress_blocks_the_car_until_somebody_looks() -> None:
    """The door has opened; no other command is published, and the window's end is the end of it."""
    struck = StruckPlatform("stuck_in_progress", loss=1.0)
    assert struck.unlock(wait_s=1).status == 202
    assert not struck.bench.box().vehicle.is_locked
    assert struck.lock().problem is problems.VEHICLE_BUSY
    assert len({command.command_id for command in struck.bench.published}) == 1
    struck.close_window()
    assert struck.lock().status == 200
    lasting = [hit for hit in struck.hits if hit.until_s is not None]
    assert [hit.what for hit in lasting] == ["hearing"]
    assert lasting[0].until_s == pytest.approx(101.0, abs=0.2)


def test_what_is_heard_is_not_stuck() -> None:
    """With a loss of nothing."""
    struck = StruckPlatform("stuck_in_progress", loss=0.0)
    assert struck.unlock().status == 200
    assert struck.lock().status == 200
    assert not struck.hits
