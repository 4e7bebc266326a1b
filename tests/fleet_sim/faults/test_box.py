"""Faults of the box and of the car behind it, in virtual time."""

from __future__ import annotations

from fleet_sim.faults.box import (
    AckLostExecuted,
)
from fleet_wire.contract.messages import Phase
from tests.helpers.fake_link import bench
from tests.helpers.faulty import answers, inject


def test_the_share_of_lost_answers() -> None:
    """About 3 of 10 with a loss of 0.3; each command draws once."""
    car = bench()
    inject(AckLostExecuted(loss=0.3), car, 10.0)
    car.env.run(until=1)
    for number in range(400):
        car.deliver(car.command(f"c{number}"))
    finals = sum(phase is Phase.EXECUTED for phase, _ in answers(car))
    assert 240 < finals < 320
