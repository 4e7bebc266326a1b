"""Actions at failpoints: what a run cuts short, and what is remembered of commands."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from fleet_sim.cars.failpoints import (
    ACTUATION,
    CLOCK,
    COMMANDS_REMEMBERED,
)
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import bench


def to(value: object) -> Callable[[Any, Any], Any]:
    """Return an action that returns one value."""
    return lambda _usual, _context: value


def test_what_a_run_does_not_get_to_the_end_of_is_left_as_it_is() -> None:
    """Its processes are thrown away with the world: their ends must not happen then."""
    car, suspect = bench(), Suspect()

    def act() -> Generator[None, None, None]:
        with (
            car.box.set_action(CLOCK, to(0.0), by=suspect),
            car.box.modem.bearer.attenuated(99.0, by=suspect),
            car.box.modem.downlink.cut(by=suspect),
            car.box.vehicle.being(by=suspect, is_ignition_on=True),
        ):
            yield

    process = act()
    next(process)
    process.close()
    assert car.box.failpoints is not None
    assert car.box.failpoints.at_work_on(CLOCK) == [suspect]
    assert (car.box.modem.connection.has_coverage, car.link.calls) == (False, ["connect"])
    assert car.box.vehicle.cabin.is_ignition_on


def test_no_more_is_remembered_of_commands_than_is_needed() -> None:
    """A car may be hit for as long as a run lasts."""
    car, suspect = bench(), Suspect()
    with car.box.set_action(ACTUATION, to(value=False), by=suspect):
        for number in range(100):
            car.deliver(car.command(f"c{number}"))
    assert len(suspect.hits) == 100
    assert car.box.failpoints is not None
    assert len(car.box.failpoints._hit_by) == COMMANDS_REMEMBERED
