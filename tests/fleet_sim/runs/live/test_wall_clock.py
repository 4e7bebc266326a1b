"""A wall clock that is set while boxes run, as after the suspension of a virtual machine."""

from __future__ import annotations

import asyncio
import time

import pytest

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.live.fleet import FleetOptions, LiveFleet
from fleet_sim.runs.live.wall_clock import STEP_S, WallClockFollower
from fleet_wire.links.brokers import Brokers
from tests.helpers.fake_link import bench
from tests.helpers.waiting import eventually

HOUR_S = 3_600.0


class WallClock:
    """The machine's clock, in the hands of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        true = time.time
        monkeypatch.setattr(time, "time", lambda: true() + self.ahead_s)


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    """Return the clock, at its true time."""
    return WallClock(monkeypatch)


async def test_steps_are_noticed_and_told(wall_clock: WallClock) -> None:
    """Forwards and back, each once; what is no step is left alone."""
    driver = LiveDriver(asyncio.get_running_loop())
    world = bench(NULL_BOX).world
    world.clock_step.by_s = time.time() - world.epoch_unix_s - driver.now_s()
    began_s = world.clock_step.by_s
    notes: list[str] = []
    follower = WallClockFollower(world, driver, notes.append)
    for ahead_s in (0.0, HOUR_S, HOUR_S + STEP_S / 2, 0.0):
        wall_clock.ahead_s = ahead_s
        follower.check()
    assert [note.partition(";")[0] for note in notes] == [
        "the wall clock was set by +3600.0 s",
        "the wall clock was set by -3600.0 s",
    ]
    assert world.clock_step.by_s == pytest.approx(began_s, abs=STEP_S)
    driver.stop()


@pytest.mark.parametrize("is_after", [False, True])
async def test_a_process_that_has_to_wait_takes_no_clock_for_set(
    monkeypatch: pytest.MonkeyPatch, *, is_after: bool
) -> None:
    """Before the wall clock is read, or after it: among fifty processes on two cores it happens."""
    driver = LiveDriver(asyncio.get_running_loop())
    world = bench(NULL_BOX).world
    world.clock_step.by_s = time.time() - world.epoch_unix_s - driver.now_s()
    true_time, waited_s = time.time, 0.0
    true_now = driver.now_s

    def wall_s() -> float:
        nonlocal waited_s
        waited_s += 3 * STEP_S
        return true_time() + (0.0 if is_after else waited_s)

    monkeypatch.setattr(time, "time", wall_s)
    monkeypatch.setattr(driver, "now_s", lambda: true_now() + waited_s)
    notes: list[str] = []
    WallClockFollower(world, driver, notes.append).check()
    assert waited_s
    assert not notes
    driver.stop()


async def test_a_live_fleet_follows_while_it_runs(wall_clock: WallClock) -> None:
    """Also boxes that no broker knows: the null box, and clones, share the world's clock."""
    brokers = Brokers.parse("mqtt://127.0.0.1:1")
    fleet = LiveFleet(
        [CarSpec("car-1", Traits(group="test"), NULL_BOX)],
        FleetOptions(brokers=brokers, seed=1),
        print,
    )
    wall_clock.ahead_s = HOUR_S
    await eventually(lambda: fleet.fleet.world.clock_step.by_s)
    assert {round(box.world.clock_step.by_s) for box in fleet.fleet.boxes.values()} == {HOUR_S}
    await fleet.close()
