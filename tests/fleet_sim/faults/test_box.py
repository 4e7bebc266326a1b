"""Faults of the box and of the car behind it, in virtual time."""

from __future__ import annotations

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults.box import (
    RETURN_S,
    AckLostExecuted,
    DeepSleepModemOff,
    ExpiredBySkewedBoxClock,
    LateDeliveryPersistentSession,
)
from fleet_wire.contract.messages import Phase, Reason
from tests.helpers.fake_link import bench
from tests.helpers.faulty import answers, inject

DONE = [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]


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


def test_the_share_of_lost_answers() -> None:
    """About 3 of 10 with a loss of 0.3; each command draws once."""
    car = bench()
    inject(AckLostExecuted(loss=0.3), car, 10.0)
    car.env.run(until=1)
    for number in range(400):
        car.deliver(car.command(f"c{number}"))
    finals = sum(phase is Phase.EXECUTED for phase, _ in answers(car))
    assert 240 < finals < 320
