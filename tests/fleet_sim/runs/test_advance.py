"""A run whose simulated time no longer advances ends, and says which process holds it up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest
import simpy

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.world import ModelEnvironment
from fleet_sim.runs import advance
from fleet_sim.runs.advance import StalledTimeError
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.virtual.time import VirtualEnvironment
from tests.helpers.waiting import eventually

BEGINS_S = 5_000.0
"""Late enough that a wait of `TOO_SHORT_S` is rounded away."""
TOO_SHORT_S = 4.5e-13
Hold = Callable[[simpy.Environment], object]


def waits_in_a_process(env: ModelEnvironment) -> None:
    """Wait for no time again and again, as the process of a fault."""

    def strike(box: SimpleNamespace) -> Generator[simpy.Event, Any, None]:
        assert box.vehicle_id
        yield env.timeout(BEGINS_S)
        while True:
            yield env.timeout(0.0)

    env.process(strike(SimpleNamespace(vehicle_id="car-7")))


class Modem:
    """Looks at itself again and again after next to no time."""

    vehicle_id = "car-7"

    def __init__(self, env: ModelEnvironment) -> None:
        self.env = env
        env.call_later(BEGINS_S, self.look)

    def look(self) -> None:
        """Look again soon."""
        self.env.call_later(TOO_SHORT_S, self.look)


def fails_each_time(env: ModelEnvironment) -> None:
    """Wait for no time again and again, and raise."""

    def fail() -> None:
        env.call_later(0.0, fail)
        raise ValueError("a defect")

    env.call_later(BEGINS_S, fail)


@pytest.mark.parametrize(
    ("hold", "name"),
    [
        (waits_in_a_process, r"process waits_in_a_process\.<locals>\.strike \(.*:\d+\) of car-7"),
        (Modem, r"\S*Modem\.look of car-7"),
        (fails_each_time, r"\S*fails_each_time\.<locals>\.fail"),
    ],
)
async def test_whoever_waits_for_no_time_is_named_and_ends_the_run(hold: Hold, name: str) -> None:
    """In virtual and in live time; live the driver stops, and asks for the end of the run."""
    said = rf"simulated time stands still at second 5000\.000: {name} waits for no time"
    env = VirtualEnvironment()
    hold(env)
    with pytest.raises(StalledTimeError, match=said):
        env.run_to(2 * BEGINS_S, Defects())
    driver, why = LiveDriver(asyncio.get_running_loop()), list[str]()
    driver.on_stall = why.append
    hold(driver)
    driver.advance_to(2 * BEGINS_S)
    await eventually(lambda: why != [])
    assert driver.now == BEGINS_S
    assert re.match(said, why[0])
    assert driver.defects.count >= 1


def test_many_cars_at_one_instant_are_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them does a few things at once, one caused by the other."""
    monkeypatch.setattr(advance, "DEEPEST", 1_000)
    env, done = VirtualEnvironment(), list[int]()

    def act(left: int) -> None:
        done.append(left)
        if left:
            env.call_later(0.0, act, left - 1)

    cars, steps = 3_000, 20
    for _ in range(cars):
        env.call_later(1.0, act, steps)
    env.run_to(2.0, Defects())
    assert len(done) == cars * (steps + 1)
    assert cars * steps > 2 * (advance.LOOK_EVERY + advance.DEEPEST)
