"""Tests of `fleet_sim.faults.bookings`."""

from __future__ import annotations

import pytest

from fleet_sim.platform.operations import Operation
from fleet_wire.contract import problems
from fleet_wire.contract.refusals import refused_because
from tests.helpers.platform_bench import CAR
from tests.helpers.struck_platform import StruckPlatform


def test_a_booking_that_has_not_come_to_the_copy_is_unknown() -> None:
    """Until it has; then the car opens."""
    struck = StruckPlatform("booking_window_race", lag=20.0)
    assert struck.unlock().problem is problems.BOOKING_UNKNOWN
    struck.bench.let_pass(20)
    assert struck.unlock().status == 200
    (hit,) = struck.hits
    assert (hit.what, hit.vehicle_id, hit.command_id) == ("sync", CAR, None)


def test_a_box_refuses_a_booking_that_has_not_come_to_it() -> None:
    """The platform knows it, the box does not; once it has come the box opens."""
    struck = StruckPlatform("booking_window_race", lag=20.0, checked_by="box")
    assert struck.unlock().problem == refused_because("no_reservation")
    struck.bench.let_pass(20)
    assert struck.unlock().status == 200
    ((what, command_id),) = struck.of_commands()
    assert what == "objection"
    assert command_id is not None


def test_within_the_gap_a_car_is_booked_twice() -> None:
    """Both may open it, and both unlocks are hit."""
    struck = StruckPlatform("double_booking_race", gap=1.0)
    second = struck.bench.book(customer="bert")
    assert struck.unlock().status == 200
    assert struck.bench.unlock(second, customer="bert").status == 200
    assert [what for what, _ in struck.of_commands()] == ["taken", "taken"]


def test_after_the_gap_it_is_taken() -> None:
    """As it is when the window has closed."""
    struck = StruckPlatform("double_booking_race", gap=0.05)
    bench = struck.bench
    late = bench.answer(Operation.BOOK, customer="bert", vehicle_id=CAR, ends_at=bench.now + 9)
    assert late.problem is problems.VEHICLE_TAKEN
    assert not struck.hits


@pytest.mark.parametrize(("share", "swapped"), [(0.0, 2), (0.5, 2), (1.0, 4)])
def test_pairs_of_cars_have_each_others_box(share: float, swapped: int) -> None:
    """At least one pair; the car that opens is the other of the pair, and gets the first's."""
    struck = StruckPlatform("wrong_vin_mapping", struck=4, cars=5, share=share)
    bench = struck.bench
    opened: dict[str, str] = {}
    for number in range(5):
        vehicle_id = f"car-{number}"
        booking_id = bench.book(vehicle_id=vehicle_id) if number else struck.booking_id
        before = {box.vehicle_id for box in bench.fleet.boxes.values() if box.vehicle.is_locked}
        assert bench.unlock(booking_id, vehicle_id=vehicle_id).status == 200
        after = {box.vehicle_id for box in bench.fleet.boxes.values() if box.vehicle.is_locked}
        (opened[vehicle_id],) = before - after
    wrong = {car: other for car, other in opened.items() if car != other}
    assert len(wrong) == swapped
    assert all(wrong[other] == car for car, other in wrong.items())
    assert {hit.vehicle_id for hit in struck.hits} == wrong.keys()


def test_a_single_car_has_no_other_box() -> None:
    """Nothing happens."""
    struck = StruckPlatform("wrong_vin_mapping", share=1.0)
    assert struck.unlock().status == 200
    assert not struck.bench.box().vehicle.is_locked
