"""Faults between the box and the broker, in virtual time."""

from __future__ import annotations

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.radio_parameters import Technology
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.faults.network import NetworkSunset, SimSuspendedDatacap
from fleet_wire.contract.messages import Telemetry
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import inject


def heartbeats(car: Bench) -> int:
    """Return how many heartbeats the box has sent."""
    return sum(isinstance(message, Telemetry) for _, message in car.link.sent)


def gsm_or_lte(technology: Technology) -> Bench:
    """Return a car whose modem speaks that."""
    car = bench()
    traits = Traits(group="test", technology=technology.value)
    car.box.spec = CarSpec(car.box.vehicle_id, traits, NULL_BOX)
    return car


def test_a_network_that_is_switched_off_never_comes_back() -> None:
    """For the modems that speak nothing else, and after the end of the window too."""
    old, new = gsm_or_lte(Technology.GSM), gsm_or_lte(Technology.LTE)
    for car in (old, new):
        inject(NetworkSunset(), car, 10.0)
        car.env.run(until=1000)
    assert not old.box.modem.connection.has_coverage
    assert new.box.modem.connection.has_coverage


def test_a_sim_is_suspended_at_its_cap_until_the_window_closes() -> None:
    """Heartbeats of about 200 bytes each: after some fifty the cap of 10 kB is reached."""
    car = bench()
    inject(SimSuspendedDatacap(cap_bytes=10_000), car, 200.0)
    for second in range(1, 150):
        car.env.run(until=second)
        car.box.heartbeat()
    assert not car.box.modem.connection.has_coverage
    used = [each.data_used_bytes or 0 for _, each in car.link.sent if isinstance(each, Telemetry)]
    before_cap = [bytes_ for bytes_ in used if bytes_ < 10_000]
    assert used == sorted(used)
    assert 35 < len(before_cap) < 70
    car.env.run(until=201)
    assert car.box.modem.connection.has_coverage
    car.box.heartbeat()
    (*_, last) = [each for _, each in car.link.sent if isinstance(each, Telemetry)]
    assert last.data_used_bytes is None
