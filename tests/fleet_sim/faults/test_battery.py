"""Faults of the 12 V battery, in virtual time."""

from __future__ import annotations

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults.battery import ModemSearchDrain, UndervoltageCutout
from fleet_wire.contract.messages import CarEvent, EventName, Telemetry
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import inject

QUICKLY = {"start_v": 12.25, "drain_v_per_min": 0.6, "hold_s": 5.0}
"""Below 12.2 V after 10 s, as it is looked at every 5 s, and off after 15 s."""


def events(car: Bench) -> list[str]:
    """Return the names of the events that the box has told of."""
    return [message.event for _, message in car.link.sent if isinstance(message, CarEvent)]


def voltages(car: Bench) -> list[float]:
    """Return the voltages that the box has reported in telemetry."""
    return [message.voltage_v for _, message in car.link.sent if isinstance(message, Telemetry)]


def test_undervoltage_falls_then_cuts_then_recovers() -> None:
    """12.6 V falls by 0.06 V in 5 s; below 12.5 V for longer than 10 s the box goes off."""
    car = bench()
    fault = UndervoltageCutout(drain_v_per_min=0.72, cut_v=12.5, hold_s=10.0)
    inject(fault, car, 60.0)
    for second in range(24):
        car.env.run(until=second + 0.5)
        car.box.heartbeat()
    reported = voltages(car)
    assert reported[0] == 12.6
    assert reported == sorted(reported, reverse=True)
    assert reported[-1] < 12.5
    assert car.power() is Power.OFF  # 12.48 V at 10 s, and three looks until 20 s
    assert car.link.calls == ["connect", "leave_behind"]
    car.env.run(until=59)
    assert car.power() is Power.OFF
    car.env.run(until=61)
    assert car.power() is Power.AWAKE
    car.box.heartbeat()
    assert voltages(car)[-1] == 12.6


def test_undervoltage_that_ends_in_time_switches_nothing_off() -> None:
    """With the defaults the cut comes after 24 minutes: a shorter window only drains."""
    car = bench()
    inject(UndervoltageCutout(), car, 600.0)
    car.env.run(until=599)
    assert car.box.vehicle.voltage_v < 12.5
    car.env.run(until=601)
    assert car.power() is Power.AWAKE
    assert car.link.calls == ["connect"]
    assert car.box.vehicle.voltage_v == 12.6


def test_a_low_battery_is_told_of_once() -> None:
    """While there is still power to tell it."""
    car = bench()
    inject(UndervoltageCutout(**QUICKLY), car, 60.0)
    car.env.run(until=9)
    assert events(car) == []
    car.env.run(until=14)
    assert events(car) == [EventName.LOW_VOLTAGE]


def test_a_search_that_ends_in_time_is_a_loss_of_coverage() -> None:
    """The battery lasts for days, as it does with the defaults."""
    car = bench()
    inject(ModemSearchDrain(episode=Uniform(base_s=20.0)), car, 60.0)
    car.env.run(until=10)
    assert not car.box.modem.connection.has_coverage
    assert car.box.vehicle.voltage_v == 12.4
    car.env.run(until=21)
    assert car.box.modem.connection.is_reachable
    assert car.link.calls == ["connect"]
