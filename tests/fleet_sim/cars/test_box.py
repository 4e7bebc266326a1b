"""Numbers of a box, over many seeds; `test_stories.py` has what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_wire.contract.messages import Phase
from fleet_wire.randomness import RandomStream
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import EPOCH_S, Bench, bench

SLOW = {"base_s": 20.0, "spread_s": 10.0}


def test_two_in_a_hundred_customers_are_slower_than_the_relock() -> None:
    """Median 6 s, sigma 0.8: 30 s is 2.01 deviations off. One state for each, as ever."""
    opened = 0
    for seed in range(1000):
        parameters = BoxParameters()
        update = {"relock_after_s": 30.0, "door_opens": parameters.door_opens}
        car = bench(NULL_BOX.model_copy(update=update), seed=seed)
        car.deliver(car.command())
        car.env.run(until=1000)
        assert len(car.link.states()) == 3
        opened += car.box.vehicle.is_open
        assert car.box.vehicle.is_locked is not car.box.vehicle.is_open
    assert 965 <= opened <= 990


def test_clocks_are_ahead_and_behind() -> None:
    """By 2 s at most, in either direction about as often."""
    parameters = NULL_BOX.model_copy(update={"clock_error": BoxParameters().clock_error})
    errors_s = []
    for seed in range(300):
        car = bench(parameters, seed=seed)
        car.deliver(car.command())
        errors_s.append((car.link.results()[-1].box_time_ms or 0) / 1000 - EPOCH_S)
    assert -2.001 <= min(errors_s) < -1.9
    assert 1.9 < max(errors_s) < 2.0
    assert 120 < sum(error_s < 0 for error_s in errors_s) < 180


@given(st.binary(max_size=300))
def test_no_payload_can_break_a_box(payload: bytes) -> None:
    """Random bytes are acknowledged and counted, and the next command is executed."""
    car = bench()
    car.deliver(car.message(payload))
    assert car.world.counts.malformed == 1
    car.deliver(car.command())
    assert car.link.results()[-1].phase is Phase.EXECUTED


def test_default_parameters_give_the_composite_latency_of_the_sources() -> None:
    """Awake box, idle radio, sleeping bus: about 2.3 s at the median, about 3.3 s at p95."""
    totals = []
    for seed in range(400):
        car = bench(BoxParameters(), seed=seed)
        car.env.run(until=60)
        sent_s = car.env.now
        car.deliver(car.command())
        while not any(r.phase is Phase.EXECUTED for r in car.link.results()):
            car.env.step()
        totals.append(car.env.now - sent_s)
    totals.sort()
    assert 1.9 < totals[200] < 2.7
    assert 2.5 < totals[380] < 3.5


def test_a_slow_car_wakes_within_minutes() -> None:
    """95 % within 180 s, and none later than 240 s; what is given overrides the default."""
    slow = BoxParameters.model_validate({"slow_wake": True}).modem_resume
    stream = RandomStream.named(1, "x")
    found = sorted(slow.sample_s(stream) for _ in range(2000))
    assert 170 < found[1900] < 190
    assert 20 <= found[0] < found[-1] <= 240
    mine = BoxParameters.model_validate({"slow_wake": True, "modem_resume": 3})
    assert mine.modem_resume == Uniform(base_s=3.0)


def bring_sms(car: Bench) -> None:
    """Send an SMS to a box that sleeps."""
    car.box.send_sms()


def crash(car: Bench) -> None:
    """Let the firmware crash."""
    car.box.power.reboot(by=Suspect())


def lose_coverage(car: Bench) -> None:
    """Be without coverage for as long as ends a connection."""
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        car.env.run(until=100.0)


@pytest.mark.parametrize(
    ("changes", "begin"),
    [
        ({"connect_round_trips": 1, "radio": {"connected_rtt": SLOW}}, lambda _car: None),
        ({"cold_start_share": 1.0, "boot": SLOW}, lambda _car: None),
        ({"asleep_share": 1.0, "sms_loss": 0.0, "sms_wake": SLOW}, bring_sms),
        ({"asleep_share": 1.0, "sms_loss": 0.0, "modem_resume": SLOW}, bring_sms),
        ({"reboot": SLOW}, crash),
        ({"network_stable": SLOW}, lose_coverage),
    ],
)
def test_each_box_takes_its_own_time(
    changes: dict[str, Any], begin: Callable[[Bench], object]
) -> None:
    """A distribution is drawn from, for each box by itself: a fleet does not come back as one."""
    values = NULL_BOX.model_dump() | {"sms_wake": 0, "asleep_share": 0.0} | changes
    values["radio"] = NULL_BOX.radio.model_dump() | changes.get("radio", {})
    took_s = []
    for seed in range(3):
        car = bench(BoxParameters.model_validate(values), seed=seed)
        while changes.get("asleep_share") and car.box.modem.connection.is_up:
            car.env.step()
        begin(car)
        began_s = car.env.now
        while not car.box.modem.connection.is_reachable:
            car.env.step()
        took_s.append(car.env.now - began_s)
    assert len(set(took_s)) == 3
    assert all(20.0 <= each_s < 30.0 for each_s in took_s)
