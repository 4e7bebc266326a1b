"""Faults of the box's firmware, in virtual time."""

from __future__ import annotations

from fleet_sim.faults.firmware import AckWithoutActuation
from tests.helpers.fake_link import bench
from tests.helpers.faulty import inject


def test_few_commands_go_nowhere() -> None:
    """About one in four with a chance of a quarter."""
    car = bench()
    inject(AckWithoutActuation(probability=0.25), car, 1000.0)
    stayed = 0
    for number in range(1, 201):
        car.env.run(until=number)
        car.box.vehicle.be_left(is_locked=True)
        car.deliver(car.command(f"c{number}"))
        stayed += car.box.vehicle.is_locked
    assert 30 < stayed < 70
