"""Faults of frost, in virtual time."""

from __future__ import annotations

from fleet_sim.faults.frost import DoorFrozen
from fleet_wire.contract.messages import Phase
from tests.helpers.fake_link import bench
from tests.helpers.faulty import inject

DONE = [Phase.RECEIVED, Phase.EXECUTED]


def test_a_frozen_lock_stays_shut_and_the_box_reports_success() -> None:
    """While the window is open; afterwards the lock moves."""
    car = bench()
    inject(DoorFrozen(probability=1.0), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert [said.phase for said in car.link.results()] == DONE
    assert car.box.vehicle.is_locked
    car.env.run(until=11)
    car.deliver(car.command("c2"))
    assert [said.phase for said in car.link.results()] == DONE * 2
    assert not car.box.vehicle.is_locked


def test_ice_that_never_holds_does_no_harm() -> None:
    """With probability 0 the lock moves as ever."""
    car = bench()
    inject(DoorFrozen(probability=0.0), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert not car.box.vehicle.is_locked
