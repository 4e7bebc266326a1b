"""The charge of a 12 V battery: what uses it, and a box whose battery is flat."""

from __future__ import annotations

import pytest

from fleet_sim.cars.battery import HOUR_S, Battery, BatteryParameters
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.randomness import RandomStream
from tests.helpers.fake_link import Bench, bench


def battery(**keys: object) -> Battery:
    """Return a full battery; the radio stays connected for 10 s after a message."""
    parameters = BatteryParameters.model_validate(keys)
    return Battery(parameters, RandomStream.named(1, "x"), tail_s=10.0)


def car_with(asleep_share: float = 0.0, **keys: object) -> Bench:
    """Return a car whose battery is counted, and whose SMS and modem take no time."""
    update = {
        "battery": BatteryParameters.model_validate(keys),
        "asleep_share": asleep_share,
        "sms_loss": 0.0,
        "sms_wake": Uniform(base_s=0.0),
        "boot": Uniform(base_s=10.0),
        "voltage_v": 12.6,
    }
    return bench(NULL_BOX.model_copy(update=update))


def used_ah(car: Bench) -> float:
    """Return the charge that the car's battery has given so far."""
    its = car.box.power.battery
    assert its is not None
    return its.used_ah(car.env.now)


def test_a_box_draws_the_current_of_its_state() -> None:
    """80 mA parked, 6.5 mA asleep, nothing switched off, for ten hours each."""
    one = battery()
    one.stay_awake(0.0)
    assert one.used_ah(10 * HOUR_S) == pytest.approx(0.8)
    one.sleep(10 * HOUR_S)
    one.switch_off(20 * HOUR_S)
    assert one.used_ah(20 * HOUR_S) == one.used_ah(99 * HOUR_S) == pytest.approx(0.865)


def test_messages_that_follow_each_other_use_the_radio_once() -> None:
    """50 mA more than parked, from the first one to 10 s after the last."""
    one = battery()
    one.send(100.0)
    one.send(104.0)
    one.send(200.0)
    assert one.used_ah(300.0) == pytest.approx(0.05 * (14 + 10) / HOUR_S)


def test_the_voltage_falls_with_the_charge_and_no_further_than_empty() -> None:
    """0.9 V from full to empty."""
    one = battery(nominal_capacity_ah=1.0, parked_a=0.1)
    one.stay_awake(0.0)
    assert one.drop_v(5 * HOUR_S) == pytest.approx(0.45)
    assert one.drop_v(99 * HOUR_S) == pytest.approx(0.9)
    one.charge(99 * HOUR_S)
    assert one.drop_v(99 * HOUR_S) == 0.0


def test_a_command_uses_the_radio_and_the_motors() -> None:
    """An unlock costs the motors' charge and that of its answers, beside the parked current."""
    car = car_with(movement_a=3.6, movement_s=1.0)
    car.env.run(until=100)
    before_ah = used_ah(car)
    car.deliver(car.command("c1"))
    radio_ah = 0.05 * NULL_BOX.radio.idle_after_s / HOUR_S
    assert used_ah(car) - before_ah == pytest.approx(0.001 + radio_ah)
