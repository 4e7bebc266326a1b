"""Tests of `fleet_sim.faults.broker_word`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.faults import Hit, Injection
from fleet_sim.faults.broker_word import (
    AclDeniedSilent,
    LwtGhostOffline,
    SharedSubStuckConsumer,
)
from fleet_sim.platform.operations import Operation
from fleet_sim.platform.parameters import NULL_PLATFORM
from fleet_wire.contract import problems
from fleet_wire.links.link import NOT_AUTHORIZED, SUCCESS
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.faulty import Street
from tests.helpers.platform_bench import CAR, PlatformBench

QUICK = NULL_BOX.model_copy(
    update={"reconnect": ReconnectPolicy(full_jitter=False, base_s=1.0, jitter_s=0.0, cap_s=1.0)}
)


def test_a_denied_box_gets_nothing_and_nobody_is_told() -> None:
    """PUBACK says success; a new connection is no better; when the rule is mended it is."""
    street = Street(count=2, parameters=QUICK)
    struck, other = street.boxes
    street.inject(AclDeniedSilent(), 20.0, [struck])
    street.pass_s(1.0)
    street.unlock("c1")
    street.unlock("c2", car=1)
    street.pass_s(2.0)
    assert (street.executed(), street.platform.acks) == (["c2"], [SUCCESS, SUCCESS])
    struck.modem.connection.crash()
    struck.modem.dialler.connect()
    street.pass_s(3.0)
    street.unlock("c3")
    street.pass_s(20.0)
    assert street.executed() == ["c2"]
    street.unlock("c4")
    street.pass_s(1.0)
    assert street.executed() == ["c2", "c4"]
    assert {hit.what for hit in street.hits if hit.until_s} == {"access"}
    assert other.modem.connection.is_reachable


def test_who_publishes_is_denied_and_told() -> None:
    """MQTT 5 says so in PUBACK; the box is subscribed, and gets nothing until it is mended."""
    street = Street(count=2, parameters=QUICK)
    street.inject(AclDeniedSilent(denies="publisher"), 20.0, [street.boxes[0]])
    street.pass_s(1.0)
    street.unlock("c1")
    street.unlock("c2", car=1)
    street.pass_s(2.0)
    assert (street.executed(), street.platform.acks) == (["c2"], [NOT_AUTHORIZED, SUCCESS])
    street.pass_s(20.0)
    street.unlock("c3")
    street.pass_s(1.0)
    assert street.executed() == ["c2", "c3"]
    assert {hit.what for hit in street.hits if hit.until_s} == {"access"}


def test_a_ghost_of_a_box_that_is_away_waits_for_it() -> None:
    """Where it does not come before the window closes, nothing happens."""
    street = Street(parameters=QUICK)
    with street.boxes[0].power.without_power(by=_Nobody()):
        street.inject(LwtGhostOffline(), 5.0)
        street.pass_s(10.0)
    assert not [hit for hit in street.hits if hit.what == "presence"]


class _Nobody:
    def hit(self, vehicle_id: str, what: str, **_: Any) -> None:
        """Take no notice."""


def test_a_platform_that_goes_by_presence_asks_no_car_that_is_offline() -> None:
    """It says so at once, and sends nothing."""
    bench = PlatformBench(parameters=NULL_PLATFORM.model_copy(update={"refuses_offline": True}))
    booking_id = bench.book()
    bench.box().modem.connection.crash()
    bench.let_pass(1.0)
    assert bench.unlock(booking_id).problem is problems.VEHICLE_UNREACHABLE
    assert not bench.published


@pytest.mark.parametrize(("learns", "ends"), [(False, "expired"), (True, "executed")])
def test_a_member_that_hangs_takes_its_part_of_the_answers(learns: bool, ends: str) -> None:  # noqa: FBT001
    """The car opens; a platform that goes by answers alone does not learn that."""
    changes = {"shared_group": "g", "learns_from_state": learns, "retry_after_s": None}
    bench = PlatformBench(parameters=NULL_PLATFORM.model_copy(update=changes))
    hits: list[Hit] = []
    injection = Injection(
        world=bench.world,
        boxes=[bench.box()],
        vehicle_ids=frozenset({CAR}),
        duration_s=500.0,
        stream_of=bench.world.stream,
        record=hits.append,
        platform=bench.platform,
    )
    bench.env.process(SharedSubStuckConsumer(stuck=16).process(injection))
    bench.let_pass(1.0)
    booking_id = bench.book()
    answers = bench.ask(Operation.UNLOCK, booking_id=booking_id, wait_s=100.0)
    bench.let_pass(60.0)
    assert not bench.box().vehicle.is_locked
    (command,) = bench.published
    assert {hit.command_id for hit in hits} == {command.command_id, None}
    assert [event.outcome for event in bench.log if event.outcome] == [ends]
    assert answers[0].is_ok is learns
