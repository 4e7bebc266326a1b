"""The car behind the box: doors, locks, ignition, immobiliser, battery and position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.vehicle import POSITION_REFRESH_S, Door, Vehicle
from fleet_wire.randomness import RandomStream
from tests.helpers.culprit import Suspect

DOORS = st.frozensets(st.sampled_from(Door), max_size=3)


@given(st.lists(st.tuples(st.booleans(), DOORS, DOORS), max_size=12))
def test_any_doors_stuck_or_ajar_do_what_each_does_alone(
    steps: list[tuple[bool, frozenset[Door], frozenset[Door]]],
) -> None:
    """A car of five locks that know nothing of each other says what the state must come to."""
    vehicle, suspect = Vehicle(NULL_BOX, RandomStream.named(1, "vehicle")), Suspect()
    expected = dict.fromkeys(Door, True)
    for to_locked, stuck, ajar in steps:
        with vehicle.stuck(*stuck, by=suspect), vehicle.ajar(*ajar, by=suspect):
            in_the_way = vehicle.move_lock(0.0, to_locked=to_locked)
        due = {door for door in Door if expected[door] is not to_locked}
        held = due if to_locked and ajar else due & stuck
        expected.update(dict.fromkeys(due - held, to_locked))
        assert {door: vehicle.is_door_locked(door) for door in Door} == expected
        assert vehicle.is_locked is expected[Door.DRIVER]
        assert bool(in_the_way) is bool(held)
    astray = {door for door in Door if expected[door] is not expected[Door.DRIVER]}
    names = {f"{door}.IsLocked": expected[door] for door in astray}
    assert (vehicle.signals() or {}) == names


def test_a_lock_without_thermal_protection_remembers_no_movement() -> None:
    """It moves as often as asked, and a box of the floor holds no more after a long load."""
    vehicle = Vehicle(NULL_BOX, RandomStream.named(1, "car-1/vehicle"))
    empty = set(_held(vehicle))
    for number in range(50):
        assert vehicle.refusal(number / 100, is_unlock=True) is None
        vehicle.move_lock(number / 100, to_locked=bool(number % 2))
    assert set(_held(vehicle)) == empty


def _held(vehicle: Vehicle) -> list[str]:
    """Return the names of what the car holds several of."""
    values = ((name, getattr(vehicle, name)) for name in Vehicle.__slots__)
    return [name for name, value in values if isinstance(value, list | tuple | dict) and value]


def car_number(number: int) -> Vehicle:
    """Return one of some cars."""
    return Vehicle(NULL_BOX, RandomStream.named(1, f"car-{number}/vehicle"))


def test_each_car_takes_its_position_at_its_own_time() -> None:
    """Every 30 minutes; the same seed gives the same times."""
    ages = [car_number(number).position_age_s(5000.0) for number in range(50)]
    assert ages == [car_number(number).position_age_s(5000.0) for number in range(50)]
    assert len(set(ages)) == 50
    assert all(0 <= age < POSITION_REFRESH_S for age in ages)
    car = car_number(0)
    assert car.position_age_s(5001.0) == pytest.approx(car.position_age_s(5000.0) + 1)
    assert car.position_age_s(5000.0 + POSITION_REFRESH_S) == pytest.approx(ages[0])


def test_a_position_that_cannot_be_taken_grows_older() -> None:
    """From before the first loss until the end of the last one, however that comes."""
    car, suspect = car_number(0), Suspect()
    began_s = car.position_age_s(5000.0)
    first, last = (car.without_position(at_s, by=suspect) for at_s in (5000.0, 6000.0))
    first.__enter__()
    last.__enter__()
    first.__exit__(None, None, None)
    assert car.position_age_s(15_000.0) == pytest.approx(began_s + 10_000)
    last.__exit__(KeyError, KeyError(), None)
    assert car.position_age_s(15_000.0) == car_number(0).position_age_s(15_000.0)
    assert suspect.hits == []
