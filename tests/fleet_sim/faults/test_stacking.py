"""Two faults on one car: when one ends, the other still holds."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.failpoints import ACCEPTANCE, CAN_WAKE, CLOCK, RESULT, SMS, Failpoint
from fleet_sim.faults import Fault
from fleet_sim.faults.box import (
    AckLostExecuted,
    BadFirmwareCohort,
    ExpiredBySkewedBoxClock,
)
from fleet_sim.faults.network import (
    HalfOpenTcpNat,
    NoCoverageGarage,
    SmsWakeLost,
)
from fleet_sim.faults.vehicle import CanBusAsleepNoAck
from fleet_wire.contract.messages import Phase
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import inject, inject_at


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
