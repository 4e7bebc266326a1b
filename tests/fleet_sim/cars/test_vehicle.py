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
