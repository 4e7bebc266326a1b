"""Two faults on one car: when one ends, the other still holds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import ACCEPTANCE, CAN_WAKE, CLOCK, RESULT, SMS, Failpoint
from fleet_sim.faults import Fault
from fleet_sim.faults.battery import UndervoltageCutout
from fleet_sim.faults.box import (
    RETURN_S,
    AckLostExecuted,
    BadFirmwareCohort,
    DeepSleepModemOff,
    ExpiredBySkewedBoxClock,
    LateDeliveryPersistentSession,
)
from fleet_sim.faults.network import (
    HalfOpenTcpNat,
    NoCoverageGarage,
    OneWayDownlink,
    RegionalCarrierOutage,
    SmsWakeLost,
)
from fleet_sim.faults.vehicle import CanBusAsleepNoAck
from fleet_wire.contract.messages import Phase, Reason
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import answers, inject, inject_at


def overlapping(first: Fault, second: Fault | None = None) -> Bench:
    """Return a car with a window from 0 to 10 s and one from 5 to 20 s."""
    car = bench()
    inject(first, car, 10.0)
    inject_at(5.0, second or first, car, 15.0, name="second")
    return car


@pytest.mark.parametrize(
    ("fault", "failpoint"),
    [
        (AckLostExecuted(loss=1.0), RESULT),
        (CanBusAsleepNoAck(probability=1.0), CAN_WAKE),
        (BadFirmwareCohort(), ACCEPTANCE),
        (SmsWakeLost(), SMS),
        (ExpiredBySkewedBoxClock(), CLOCK),
    ],
    ids=lambda value: value.name,
)
def test_the_end_of_one_leaves_the_other(fault: Fault, failpoint: Failpoint[Any, Any]) -> None:
    """One, two, one, none."""
    car = overlapping(fault)
    in_force = []
    for second in (4, 7, 12, 21):
        car.env.run(until=second)
        assert car.box.failpoints is not None
        in_force.append(len(car.box.failpoints.at_work_on(failpoint)))
    assert in_force == [1, 2, 1, 0]


def test_a_later_loss_of_answers_outlives_the_first() -> None:
    """The action changes what the box does."""
    car = overlapping(AckLostExecuted(loss=1.0))
    car.env.run(until=12)
    car.deliver(car.command("c1"))
    assert answers(car) == [(Phase.RECEIVED, None)]


def test_skews_add_up_and_leave_nothing_behind() -> None:
    """20 s and 15 s: together more than a command's 30 s; afterwards exactly none."""
    car = overlapping(
        ExpiredBySkewedBoxClock(skew=Uniform(base_s=20.0)),
        ExpiredBySkewedBoxClock(skew=Uniform(base_s=15.0)),
    )
    for second, answer in ((4, Phase.EXECUTED), (7, Phase.REFUSED), (12, Phase.EXECUTED)):
        car.env.run(until=second)
        car.deliver(car.command(f"c{second}"))
        assert answers(car)[-1][0] is answer
    car.env.run(until=21)
    car.deliver(car.command("c21"))
    assert car.link.results()[-1].box_time_ms == (car.world.epoch_unix_s + 21) * 1000


@pytest.mark.parametrize("first", [NoCoverageGarage(), LateDeliveryPersistentSession()])
def test_coverage_returns_with_the_last_one(first: Fault) -> None:
    """A garage in a region whose network is down."""
    car = overlapping(first, RegionalCarrierOutage())
    for second, has_coverage in ((4, False), (12, False), (21, True)):
        car.env.run(until=second)
        assert car.box.modem.connection.has_coverage is has_coverage


def test_the_way_down_opens_with_the_last_one() -> None:
    """Two cuts, one reattach."""
    car = overlapping(OneWayDownlink())
    car.env.run(until=12)
    assert not car.box.modem.connection.is_reachable
    assert car.link.calls == ["connect"]
    car.env.run(until=40)
    assert car.box.modem.connection.is_reachable


def test_age_is_ignored_until_the_last_one_is_over() -> None:
    """Two absences in a row: the first's end does not make the firmware good."""
    car = overlapping(LateDeliveryPersistentSession())
    stale_ms = int(car.world.epoch_unix_s * 1000)
    car.env.run(until=15 + RETURN_S)
    car.deliver(car.command("c1", expires_at_ms=stale_ms))
    assert answers(car)[-1] == (Phase.EXECUTED, None)
    car.env.run(until=21 + RETURN_S)
    car.deliver(car.command("c2", expires_at_ms=stale_ms))
    assert answers(car)[-1] == (Phase.REFUSED, Reason.EXPIRED)


def test_a_fault_draws_whatever_the_others_do() -> None:
    """For an answer that is lost already too: so its draws are its own, alone or not."""
    sometimes, always = AckLostExecuted(loss=0.5), AckLostExecuted(loss=1.0)
    left: list[list[str]] = []
    for company in ([], [always]):
        car = bench()
        for fault in company:
            inject(fault, car, 10.0, name="always")
        inject(sometimes, car, 20.0, name="sometimes")
        for number in range(40):
            car.env.run(until=number / 2 + 0.25)
            car.deliver(car.command(f"c{number}"))
        finals = [each.command_id for each in car.link.results() if each.phase is Phase.EXECUTED]
        left.append([each for each in finals if int(each[1:]) >= 20])
    assert left[0] == left[1]
    assert 0 < len(left[0]) < 20


def test_a_crash_without_coverage_is_not_heard() -> None:
    """The broker cannot be told: the socket stays open on its side until keepalive."""
    car = bench()
    inject(NoCoverageGarage(), car, 200.0)
    car.env.run(until=1)
    car.box.power.reboot(by=Suspect())
    assert "abort" not in car.link.calls
    car.env.run(until=100)
    assert car.link.calls == ["connect", "leave_behind"]
    car.env.run(until=201)
    assert car.link.calls == ["connect", "leave_behind", "connect"]
    assert car.box.modem.connection.is_reachable


def test_a_goodbye_without_coverage_is_not_heard() -> None:
    """Deep sleep in a garage: silence, not a clean disconnect."""
    car = bench()
    inject(NoCoverageGarage(), car, 200.0)
    inject_at(5.0, DeepSleepModemOff(), car, 50.0)
    car.env.run(until=60)
    assert car.link.calls == ["connect", "leave_behind"]
    car.env.run(until=201)
    assert car.link.calls == ["connect", "leave_behind", "connect"]


def test_a_battery_that_dies_in_deep_sleep_wins() -> None:
    """The timer of a box without power wakes nobody."""
    car = bench()
    inject(DeepSleepModemOff(sleep=Uniform(base_s=30.0)), car, 100.0)
    inject_at(1.0, UndervoltageCutout(drain_v_per_min=6.0, hold_s=0.0), car, 60.0)
    car.env.run(until=20)
    assert car.power() is Power.OFF
    car.env.run(until=60)
    assert car.power() is Power.OFF
    car.env.run(until=63)
    assert car.power() is Power.AWAKE


def test_a_reboot_ends_a_half_open_connection_once() -> None:
    """The notice that was due for the old connection does nothing to the new one."""
    car = bench(seed=3)
    inject(HalfOpenTcpNat(ping_timeout_s=100.0), car, 500.0)
    car.env.run(until=1)
    car.box.power.reboot(by=Suspect())
    car.env.run(until=80)
    assert car.link.calls == ["connect", "leave_behind", "connect"]
    car.env.run(until=500)
    assert car.link.calls == ["connect", "leave_behind", "connect"]
    assert car.box.modem.connection.is_reachable
