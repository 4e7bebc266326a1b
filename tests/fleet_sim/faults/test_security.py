"""Tests of `fleet_sim.faults.security`, and of `ghost_gps`."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.faults import FAULTS, Hit, Injection
from fleet_sim.platform.operations import Operation
from fleet_sim.platform.parameters import NULL_PLATFORM
from fleet_wire.contract import problems
from fleet_wire.distance import distance_km
from tests.helpers.platform_bench import CAR, PlatformBench


class Abused:
    """A platform with two cars, and a fault that strikes the first."""

    def __init__(
        self, name: str, *, duration_s: float = 60.0, platform: Any = None, **parameters: Any
    ) -> None:
        limits = {"operators": ("support",), **(platform or {})}
        self.bench = PlatformBench(parameters=NULL_PLATFORM.model_copy(update=limits))
        self.hits: list[Hit] = []
        world = self.bench.world
        injection = Injection(
            world=world,
            boxes=[self.bench.box()],
            cars=[self.bench.box().spec],
            vehicle_ids=frozenset({CAR}),
            duration_s=duration_s,
            stream_of=world.stream,
            record=self.hits.append,
            platform=self.bench.platform,
        )
        self.bench.env.process(FAULTS[name](**parameters).process(injection))
        self.bench.let_pass(0.01)

    def answered(self) -> list[tuple[str | None, str | None, int | None]]:
        """Return account, booking and status of each answer to a request to unlock."""
        return [
            (each.account_id, each.booking_id, each.status)
            for each in self.bench.log
            if each.event == "answered" and each.operation == "unlock"
        ]


def test_an_account_without_bookings_is_refused_each_car() -> None:
    """And in the end for asking too often, where there is a limit."""
    rate = {"customer_rate": {"per_minute": 6, "burst": 2}}
    limits = type(NULL_PLATFORM).model_validate(rate)
    abused = Abused(
        "attack_bruteforce_vehicle_ids",
        platform={"customer_rate": limits.customer_rate},
        cars_per_h=3600.0,
        duration_s=5.0,
    )
    abused.bench.let_pass(10.0)
    assert {account for account, _, _ in abused.answered()} == {"attacker"}
    assert {status for _, _, status in abused.answered()} == {404, 429}
    assert len(abused.answered()) == len(abused.hits) == 5
    assert abused.bench.box().vehicle.is_locked


def test_support_opens_any_car_without_a_booking() -> None:
    """The command names none, and the log has the account."""
    abused = Abused("insider_or_support_unlock", every=Uniform(base_s=50.0))
    abused.bench.let_pass(5.0)
    assert abused.answered() == [("support", None, 200)]
    (command,) = abused.bench.published
    assert command.booking_id is None
    assert not abused.bench.box().vehicle.is_locked


def test_an_account_that_is_none_of_supports_is_refused() -> None:
    """As any that has no booking."""
    abused = Abused("insider_or_support_unlock", operator="mallory")
    abused.bench.let_pass(1.0)
    assert abused.answered() == [("mallory", None, 404)]


def test_a_thief_opens_another_car_with_the_account_of_a_customer() -> None:
    """Who opens a car of the fault's own is not robbed; nobody is robbed twice."""
    abused = Abused("impossible_travel", share=1.0, gap=Uniform(base_s=10.0))
    bench = abused.bench
    booking_id = bench.book(vehicle_id="car-1")
    for _ in range(2):
        assert bench.unlock(booking_id, vehicle_id="car-1", position=(48.1, 11.6)).is_ok
    bench.let_pass(30.0)
    assert not bench.box().vehicle.is_locked
    of_anna = [
        (each.vehicle_id, each.position) for each in bench.log if each.event == "requested"
        and each.operation == "unlock" and each.position is not None
    ]  # fmt: skip
    assert [vehicle_id for vehicle_id, _ in of_anna] == ["car-1", "car-1", CAR]
    here, there = of_anna[0][1], of_anna[-1][1]
    assert here is not None
    assert there is not None
    assert distance_km(here, there) > 500
    assert {hit.vehicle_id for hit in abused.hits} == {CAR}


@pytest.mark.parametrize(("distance_m", "status"), [(5.0, 403), (None, 200)])
def test_a_ghost_is_far_away_for_who_says_where_it_is(
    distance_m: float | None, status: int
) -> None:
    """And the position that the car reports is as old as was said."""
    abused = Abused("ghost_gps", platform={"max_distance_m": 50.0}, stale_s=7200.0)
    bench = abused.bench
    booking_id = bench.book()
    assert bench.unlock(booking_id, vehicle_id=CAR, distance_m=distance_m).status == status
    assert bench.box().vehicle.position_age_s(bench.env.now) >= 7200.0
    (answer,) = [
        each for each in bench.log if each.event == "answered" and each.operation == "unlock"
    ]
    assert answer.distance_m == (None if distance_m is None else 405.0)
    other = bench.book(vehicle_id="car-1", customer="bert")
    assert bench.unlock(other, vehicle_id="car-1", customer="bert", distance_m=5.0).is_ok


def test_who_is_really_far_from_the_car_is_told_so() -> None:
    """Without any fault; a platform that does not look opens for anybody."""
    for most_m, status in ((50.0, 403), (None, 200)):
        bench = PlatformBench(
            parameters=NULL_PLATFORM.model_copy(update={"max_distance_m": most_m})
        )
        answer = bench.unlock(bench.book(), vehicle_id=CAR, distance_m=600.0)
        assert answer.status == status
        assert (answer.problem is problems.VEHICLE_TOO_FAR) == (status == 403)


def test_an_operation_of_support_is_an_unlock_as_any() -> None:
    """Its car may be unknown, and it has to say which one it is about."""
    bench = PlatformBench()
    for vehicle_id, problem in (
        ("car-9", problems.VEHICLE_UNKNOWN),
        (None, problems.BOOKING_UNKNOWN),
    ):
        answer = bench.answer(Operation.UNLOCK, customer="support", vehicle_id=vehicle_id)
        assert answer.problem is problem
