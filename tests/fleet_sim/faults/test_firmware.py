"""Faults of the box's firmware, in virtual time."""

from __future__ import annotations

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults.firmware import (
    AckWithoutActuation,
    BoxBusyDuplicate,
    TtlTooLongRejected,
    UpdateOrDailyReboot,
)
from fleet_wire.contract.messages import CarEvent, EventName, Phase, Reason
from tests.helpers.fake_link import EPOCH_S, Bench, bench
from tests.helpers.faulty import answers, inject

DONE = [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
BUSY = [(Phase.REFUSED, Reason.BUSY)]


def living_for(car: Bench, command_id: str, life_s: float) -> None:
    """Send a command that lives for so long."""
    until_ms = int((EPOCH_S + car.env.now + life_s) * 1000)
    car.deliver(car.command(command_id, expires_at_ms=until_ms))


def test_a_command_that_lives_too_long_is_refused() -> None:
    """31 s with a limit of 30 s; at the limit, and after the window, it is executed."""
    car = bench()
    inject(TtlTooLongRejected(), car, 10.0)
    car.env.run(until=1)
    living_for(car, "c1", 31.0)
    assert answers(car) == [(Phase.REFUSED, Reason.TTL_TOO_LONG)]
    living_for(car, "c2", 30.0)
    assert answers(car)[1:] == DONE
    car.env.run(until=11)
    living_for(car, "c3", 31.0)
    assert answers(car)[3:] == DONE


def test_an_old_command_is_refused_as_old() -> None:
    """The box has its own reason already."""
    car = bench()
    inject(TtlTooLongRejected(max_ttl_s=1.0), car, 10.0)
    car.env.run(until=1)
    living_for(car, "c1", -5.0)
    assert answers(car) == [(Phase.REFUSED, Reason.EXPIRED)]


def test_an_update_is_told_of_and_takes_no_commands_until_the_box_has_booted() -> None:
    """Busy from 5 to 25 s, away until 40 s, and then another version."""
    car = bench()
    fault = UpdateOrDailyReboot(
        begins=Uniform(base_s=5.0),
        busy=Uniform(base_s=20.0),
        reboot=Uniform(base_s=15.0),
        version="2.0.0",
    )
    inject(fault, car, 60.0)
    car.env.run(until=4)
    car.deliver(car.command("c1"))
    car.env.run(until=24)
    car.deliver(car.command("c2"))
    assert answers(car) == DONE + BUSY
    car.env.run(until=26)
    assert car.power() is Power.BOOTING
    car.env.run(until=41)
    assert car.link.states()[-1].firmware == "2.0.0"
    told = [message for _, message in car.link.sent if isinstance(message, CarEvent)]
    assert told == [
        CarEvent(EventName.UPDATE, firmware="2.0.0"),
        CarEvent(EventName.BOOT, boots=1, firmware="2.0.0"),
    ]
    car.deliver(car.command("c3"))
    assert answers(car)[3:] == DONE


def test_a_daily_reboot_is_no_update() -> None:
    """The box goes without having been busy, and comes back as it was."""
    car = bench()
    fault = UpdateOrDailyReboot(begins=Uniform(base_s=5.0), busy=Uniform(base_s=0.0))
    inject(fault, car, 60.0)
    car.env.run(until=6)
    assert car.power() is Power.BOOTING
    car.env.run(until=66)
    told = [message for _, message in car.link.sent if isinstance(message, CarEvent)]
    assert told == [CarEvent(EventName.BOOT, boots=1, firmware="1.0.0")]


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


def test_a_request_stays_pending_after_its_answer() -> None:
    """40 s from the command on that was taken; a refusal does not make it longer."""
    car = bench()
    inject(BoxBusyDuplicate(pending=Uniform(base_s=40.0)), car, 100.0)
    for second, command_id in ((1, "c1"), (20, "c2"), (39, "c3"), (42, "c4")):
        car.env.run(until=second)
        car.deliver(car.command(command_id))
    assert answers(car) == DONE + BUSY + BUSY + DONE
    car.env.run(until=101)
    car.deliver(car.command("c5"))
    car.deliver(car.command("c6"))
    assert answers(car)[6:] == DONE + DONE


def test_success_is_what_was_sent_to_the_car() -> None:
    """The lock has not moved, and the state says so."""
    car = bench()
    inject(AckWithoutActuation(probability=1.0), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == DONE
    assert car.link.states()[-1].is_locked
    car.env.run(until=11)
    car.deliver(car.command("c2"))
    assert not car.link.states()[-1].is_locked


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
