"""Faults of the box and of the car behind it, in virtual time."""

from __future__ import annotations

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.vehicle import CAN_GIVE_UP_S
from fleet_sim.faults.box import (
    RETURN_S,
    AckLostExecuted,
    BadFirmwareCohort,
    DeepSleepModemOff,
    ExpiredBySkewedBoxClock,
    LateDeliveryPersistentSession,
    SlowWakeClientTimeout,
)
from fleet_sim.faults.vehicle import CanBusAsleepNoAck
from fleet_wire.contract.messages import Phase, Reason
from tests.helpers.fake_link import bench
from tests.helpers.faulty import Street, answers, inject

DONE = [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]


def test_deep_sleep_leaves_without_a_word() -> None:
    """A clean goodbye: no will, and presence still says online; an SMS does not wake the box."""
    car = bench(NULL_BOX.model_copy(update={"sms_loss": 0.0, "sms_wake": Uniform(base_s=1.0)}))
    said = len(car.link.presences())
    inject(DeepSleepModemOff(), car, 100.0)
    car.env.run(until=1)
    assert car.power() is Power.DEEP_ASLEEP
    assert car.link.calls == ["connect", "disconnect"]
    assert len(car.link.presences()) == said
    car.box.send_sms()
    car.env.run(until=50)
    assert car.power() is Power.DEEP_ASLEEP


def test_deep_sleep_and_waking_alternate_until_the_window_closes() -> None:
    """20 s off, 5 s on; the last sleep ends with the window."""
    car = bench()
    inject(DeepSleepModemOff(sleep=Uniform(base_s=20.0), awake_s=5.0), car, 40.0)
    awake_at = []
    for second in range(60):
        car.env.run(until=second + 0.5)
        if car.power() is Power.AWAKE:
            awake_at.append(second)
    assert awake_at == [20, 21, 22, 23, 24, *range(40, 60)]


def test_a_busy_box_does_not_fall_deeply_asleep() -> None:
    """It finishes its command first."""
    car = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=2.0)}))
    car.deliver(car.command("c1"))
    inject(DeepSleepModemOff(), car, 100.0)
    car.env.run(until=3)
    assert answers(car) == DONE
    assert car.power() is Power.AWAKE
    car.env.run(until=6)
    assert car.power() is Power.DEEP_ASLEEP


SLEEPER = NULL_BOX.model_copy(
    update={"asleep_share": 1.0, "sms_loss": 0.0, "sms_wake": Uniform(base_s=1.0)}
)
"""Asleep once it is known; an SMS takes 1 s, and the modem is back at once."""


def test_a_slow_modem_wakes_later_than_usual() -> None:
    """25 s after an SMS of 1 s; a modem that takes longer anyway is not hurried."""
    car = bench(SLEEPER)
    inject(SlowWakeClientTimeout(wake=Uniform(base_s=25.0)), car, 60.0)
    car.env.run(until=5)
    car.box.send_sms()
    car.env.run(until=30.9)
    assert car.power() is Power.WAKING
    car.env.run(until=31.1)
    assert car.box.modem.connection.is_reachable
    slower = bench(SLEEPER.model_copy(update={"modem_resume": Uniform(base_s=40.0)}))
    inject(SlowWakeClientTimeout(wake=Uniform(base_s=25.0)), slower, 60.0)
    slower.env.run(until=5)
    slower.box.send_sms()
    slower.env.run(until=45.9)
    assert slower.power() is Power.WAKING


def test_late_delivery_opens_on_return() -> None:
    """The broker kept the command; the car opens long after the customer left."""
    street = Street()
    street.inject(LateDeliveryPersistentSession(offline=Uniform(base_s=600.0)), 900.0)
    street.pass_s(1.0)
    street.unlock("c1", ttl_s=3600)
    street.pass_s(598.9)
    assert street.platform.acks == [0]
    assert street.executed() == []
    street.pass_s(5.0)
    assert street.executed() == ["c1"]


def test_late_delivery_needs_commands_that_live_long() -> None:
    """An expired command is dropped by the broker: the cure works."""
    street = Street()
    street.inject(LateDeliveryPersistentSession(offline=Uniform(base_s=60.0)), 60.0)
    street.pass_s(50.0)
    street.unlock("dead", ttl_s=5)
    street.unlock("alive", ttl_s=20)
    street.pass_s(20.0)
    assert street.executed() == ["alive"]


def test_late_delivery_ignores_age_until_all_is_taken() -> None:
    """A box back at the window's end still executes what waited; later age counts again."""
    car = bench()
    inject(LateDeliveryPersistentSession(offline=Uniform(base_s=30.0)), car, 30.0)
    car.env.run(until=31)
    stale_ms = int((car.world.epoch_unix_s + 1) * 1000)
    car.deliver(car.command("c1", expires_at_ms=stale_ms))
    assert answers(car) == DONE
    car.env.run(until=31 + RETURN_S)
    car.deliver(car.command("c2", expires_at_ms=stale_ms))
    assert answers(car)[2:] == [(Phase.REFUSED, Reason.EXPIRED)]


def test_a_skewed_clock_refuses_good_commands() -> None:
    """60 to 180 s ahead, a command of 30 s is expired; afterwards the clock is right."""
    car = bench()
    inject(ExpiredBySkewedBoxClock(), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == [(Phase.REFUSED, Reason.EXPIRED)]
    ahead_ms = (car.link.results()[-1].box_time_ms or 0) - (car.world.epoch_unix_s + 1) * 1000
    assert 60_000 <= ahead_ms <= 180_000
    car.env.run(until=11)
    car.deliver(car.command("c2"))
    assert answers(car)[1:] == DONE


def test_a_small_skew_does_no_harm() -> None:
    """Less than the command's life."""
    car = bench()
    inject(ExpiredBySkewedBoxClock(skew=Uniform(base_s=20.0)), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == DONE


def test_a_lost_answer_leaves_an_open_car() -> None:
    """`received` and the state go out, the final answer does not, until the window closes."""
    car = bench()
    inject(AckLostExecuted(loss=1.0), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == [(Phase.RECEIVED, None)]
    state = car.link.states()[-1]
    assert (state.is_locked, state.last_command_id) == (False, "c1")
    car.env.run(until=11)
    car.deliver(car.command("c2"))
    assert answers(car)[1:] == DONE


def test_the_share_of_lost_answers() -> None:
    """About 3 of 10 with a loss of 0.3; each command draws once."""
    car = bench()
    inject(AckLostExecuted(loss=0.3), car, 10.0)
    car.env.run(until=1)
    for number in range(400):
        car.deliver(car.command(f"c{number}"))
    finals = sum(phase is Phase.EXECUTED for phase, _ in answers(car))
    assert 240 < finals < 320


def test_bad_firmware_crashes_instead_of_answering() -> None:
    """The socket is lost, the box boots for 20 to 60 s, and commands fail until it is mended."""
    car = bench()
    inject(BadFirmwareCohort(), car, 100.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == []
    assert car.power() is Power.BOOTING
    assert car.link.calls == ["connect", "abort"]
    car.env.run(until=20.9)
    assert car.power() is Power.BOOTING
    car.env.run(until=61.1)
    assert car.power() is Power.AWAKE
    assert car.link.calls == ["connect", "abort", "connect"]
    assert car.box.vehicle.is_locked
    car.env.run(until=101)
    car.deliver(car.command("c2"))
    assert answers(car) == DONE


def test_bad_firmware_tells_the_world_by_its_will() -> None:
    """A crash closes the socket: presence says offline, and online after the reboot."""
    street = Street()
    said = len(street.platform.presences)
    street.inject(BadFirmwareCohort(), 10.0)
    street.pass_s(1.0)
    street.unlock("c1")
    street.pass_s(70.0)
    statuses = [status.value for _, status in street.platform.presences[said:]]
    assert statuses == ["offline", "online"]
    assert street.executed() == []


def test_firmware_that_crashes_sometimes() -> None:
    """With probability 0 it is as good as another."""
    car = bench()
    inject(BadFirmwareCohort(probability=0.0), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == DONE


def test_a_sleepy_can_bus_is_given_up() -> None:
    """Accepted first, refused when the tries are over; the lock has not moved."""
    car = bench()
    inject(CanBusAsleepNoAck(probability=1.0), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert answers(car) == [(Phase.RECEIVED, None)]
    car.env.run(until=1 + CAN_GIVE_UP_S - 0.1)
    assert len(answers(car)) == 1
    car.env.run(until=1 + CAN_GIVE_UP_S + 0.1)
    assert answers(car)[1:] == [(Phase.REFUSED, Reason.CAN_BUS_NO_ACK)]
    assert car.box.vehicle.is_locked
    car.env.run(until=11)
    car.deliver(car.command("c2"))
    assert answers(car)[2:] == DONE
