"""Faults of the box's firmware, in virtual time."""

from __future__ import annotations

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults.firmware import (
    AckWithoutActuation,
    UpdateOrDailyReboot,
)
from fleet_wire.contract.messages import Phase, Reason
from tests.helpers.fake_link import bench
from tests.helpers.faulty import answers, inject

DONE = [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
BUSY = [(Phase.REFUSED, Reason.BUSY)]


def test_an_update_ends_with_the_window_and_does_not_begin_after_it() -> None:
    """The reboot comes at the window's end at the latest."""
    car, later = bench(), bench()
    inject(UpdateOrDailyReboot(begins=Uniform(base_s=5.0)), car, 30.0)
    inject(UpdateOrDailyReboot(begins=Uniform(base_s=30.0)), later, 30.0)
    car.env.run(until=29)
    assert car.power() is Power.AWAKE
    car.env.run(until=31)
    assert car.power() is Power.BOOTING
    later.env.run(until=40)
    assert later.power() is Power.AWAKE


def test_a_box_that_forces_the_state_says_what_was_wanted() -> None:
    """The car is shut, and nothing on the wire says so until the state is told anew."""
    car = bench()
    inject(AckWithoutActuation(probability=1.0, forces_state=True), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == DONE
    assert not car.link.states()[-1].is_locked
    assert car.box.vehicle.is_locked
    car.box.notice()
    assert car.link.states()[-1].is_locked


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
