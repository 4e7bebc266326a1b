"""The car behind the box: doors, locks, ignition, immobiliser, battery and position."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.vehicle import POSITION_REFRESH_S, Door, Gear, Vehicle
from fleet_wire.contract.messages import Action, Phase, Reason, VehicleState
from fleet_wire.randomness import RandomStream
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import answers

DONE = (Phase.EXECUTED, None)
WRONG = (Phase.REFUSED, Reason.WRONG_VEHICLE_STATE)
HOT = (Phase.REFUSED, Reason.ACTUATOR_INHIBITED)
PARK_LOCK = "Vehicle.Powertrain.Transmission.IsParkLockEngaged"
LOW = (Phase.REFUSED, Reason.LOW_VOLTAGE)


def send(car: Bench, action: Action, command_id: str = "c1") -> tuple[Phase, Reason | None]:
    """Let the car do something, and return its final answer."""
    car.deliver(car.command(command_id, action=action))
    return answers(car)[-1]


def unlocked(car: Bench) -> set[Door]:
    """Return the doors that are not locked."""
    return {door for door in Door if not car.box.vehicle.is_door_locked(door)}


def last_state(car: Bench) -> VehicleState:
    """Return the state that the car has reported last: it has been through the codec."""
    return car.link.states()[-1]


def test_the_locks_of_an_ordinary_car_move_together() -> None:
    """Its state needs no more than the driver's door."""
    car = bench()
    assert send(car, Action.UNLOCK) == DONE
    assert unlocked(car) == set(Door)
    assert last_state(car).signals is None
    assert send(car, Action.LOCK, "c2") == DONE
    assert unlocked(car) == set()


@pytest.mark.parametrize("door", Door)
def test_a_stuck_lock_stays_as_it_is(door: Door) -> None:
    """The others move, the box reports success, and the state says which door is not as the rest.

    Where nothing has to move nothing is hit, and the lock moves again when it is no longer stuck.
    """
    car, suspect = bench(), Suspect()
    with car.box.vehicle.stuck(door, by=suspect):
        assert send(car, Action.LOCK, "c0") == DONE
        assert suspect.hits == []
        assert send(car, Action.UNLOCK, "c1") == DONE
        assert unlocked(car) == set(Door) - {door}
        state = last_state(car)
        assert state.is_locked is (door is Door.DRIVER)
        astray = set(Door) - {door} if door is Door.DRIVER else {door}
        is_astray_locked = door is not Door.DRIVER
        assert state.signals == {f"{each}.IsLocked": is_astray_locked for each in astray}
        assert send(car, Action.LOCK, "c2") == DONE
        assert last_state(car).signals is None
    assert send(car, Action.UNLOCK, "c3") == DONE
    assert unlocked(car) == set(Door)
    assert suspect.hits == [Seen("stuck", "c1")]


@pytest.mark.parametrize("door", Door)
def test_a_door_that_is_ajar_lets_all_locks_bounce_back(door: Door) -> None:
    """The car can be unlocked but not locked, by command or by itself, while the door is so."""
    car, suspect = bench(NULL_BOX.model_copy(update={"relock_after_s": 30.0})), Suspect()
    with car.box.vehicle.ajar(door, by=suspect):
        assert send(car, Action.LOCK, "c0") == DONE
        assert send(car, Action.UNLOCK, "c1") == DONE
        assert suspect.hits == []
        car.env.run(until=40)
        assert unlocked(car) == set(Door)
        assert send(car, Action.LOCK, "c2") == DONE
        assert unlocked(car) == set(Door)
        state = last_state(car)
        assert state.is_open is (door is Door.DRIVER)
        assert state.signals == (None if state.is_open else {f"{door}.IsOpen": True})
    assert send(car, Action.LOCK, "c3") == DONE
    assert unlocked(car) == set()
    assert (last_state(car).is_open, last_state(car).signals) == (False, None)
    assert suspect.hits == [Seen("ajar", "c2")]


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


@pytest.mark.parametrize(
    ("state", "unlocks", "locks", "signals"),
    [
        ({"is_ignition_on": True}, WRONG, WRONG, {"Vehicle.LowVoltageSystemState": "ON"}),
        ({"gear": Gear.DRIVE}, WRONG, WRONG, {PARK_LOCK: False}),
        ({"is_private": True}, WRONG, WRONG, {"is_private": True}),
        ({"is_locked_by_key": True}, WRONG, DONE, None),
        ({"is_immobilised": False}, DONE, DONE, {"is_immobilised": False}),
    ],
)
def test_a_car_in_use_or_locked_by_its_key_refuses(
    state: dict[str, Any],
    unlocks: tuple[Phase, Reason | None],
    locks: tuple[Phase, Reason | None],
    signals: dict[str, bool | str] | None,
) -> None:
    """Who has made it so is told of the refusals, and nobody else."""
    car, suspect, other = bench(), Suspect(), Suspect()
    vehicle = car.box.vehicle
    with vehicle.being(by=suspect, **state), vehicle.being(by=other, is_immobilised=False):
        assert send(car, Action.UNLOCK, "c1") == unlocks
        assert send(car, Action.LOCK, "c2") == locks
    with vehicle.being(by=suspect, **state):
        car.box.came_online()
        assert last_state(car).signals == signals
    assert send(car, Action.UNLOCK, "c3") == DONE
    refused = [name for name, answer in (("c1", unlocks), ("c2", locks)) if answer is WRONG]
    assert suspect.hits == [Seen("wrong_vehicle_state", name) for name in refused]
    assert other.hits == []


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        ({"is_ignition_on": True}, "ignition_on"),
        ({"gear": Gear.DRIVE}, "not_in_park"),
        ({"is_private": True, "is_ignition_on": True}, "privacy_mode"),
        ({"is_locked_by_key": True}, "locked_by_key"),
    ],
)
def test_a_refusal_says_which_state_the_car_is_in(state: dict[str, Any], detail: str) -> None:
    """Beside the reason; a refusal for another reason says no more than that."""
    car = bench()
    with car.box.vehicle.being(by=Suspect(), **state):
        assert send(car, Action.UNLOCK) == WRONG
    assert car.link.results()[-1].detail == detail
    with car.box.vehicle.hot(by=Suspect()):
        assert send(car, Action.UNLOCK, "c2") == HOT
    assert car.link.results()[-1].detail is None


def test_hot_motors_move_no_lock() -> None:
    """Who has heated them is told, but not of what the car would have refused in any case."""
    limits = {"inhibit_count": 1, "inhibit_window_s": 20.0, "inhibit_s": 30.0}
    car, suspect = bench(NULL_BOX.model_copy(update=limits)), Suspect()
    with car.box.vehicle.hot(by=suspect):
        assert send(car, Action.UNLOCK, "c1") == HOT
    assert send(car, Action.UNLOCK, "c2") == DONE
    with car.box.vehicle.hot(by=suspect):
        assert send(car, Action.LOCK, "c3") == HOT
    assert suspect.hits == [Seen("actuator_inhibited", "c1")]


def test_locks_that_bounce_back_are_reported_twice() -> None:
    """Locked and, half a second later, open; who unlocks the car then has found it open."""
    car, suspect = bench(), Suspect()
    assert send(car, Action.UNLOCK, "c1") == DONE
    with car.box.vehicle.ajar(Door.TRUNK, by=suspect):
        assert send(car, Action.LOCK, "c2") == DONE
    state = last_state(car)
    assert (state.is_locked, state.last_command_id) == (True, "c2")
    car.env.run(until=1)
    state = last_state(car)
    assert (state.is_locked, state.last_command_id) == (False, "c2")
    assert send(car, Action.UNLOCK, "c3") == DONE
    assert send(car, Action.LOCK, "c4") == DONE
    assert send(car, Action.UNLOCK, "c5") == DONE
    assert suspect.hits == [Seen("ajar", "c2"), Seen("ajar", "c3")]


def test_who_locks_on_the_spot_is_no_command() -> None:
    """The state says that the lock has moved, and names none."""
    car = bench()
    assert send(car, Action.UNLOCK, "c1") == DONE
    car.box.lock_on_the_spot()
    state = last_state(car)
    assert (state.is_locked, state.last_command_id) == (True, None)


def test_what_people_do_to_a_car_stays_and_is_nobodys_fault() -> None:
    """It would have refused in any case."""
    car, suspect = bench(), Suspect()
    car.box.vehicle.change(is_ignition_on=True)
    with car.box.vehicle.being(by=suspect, gear=Gear.DRIVE):
        assert send(car, Action.UNLOCK, "c1") == WRONG
    assert send(car, Action.UNLOCK, "c2") == WRONG
    car.box.vehicle.change(is_ignition_on=False)
    assert send(car, Action.UNLOCK, "c3") == DONE
    assert suspect.hits == []


def test_the_immobiliser_does_as_it_is_told_and_moves_no_lock() -> None:
    """Driving is enabled and disabled; the state says where it is not as in a parked car."""
    car = bench()
    for action, signals in (
        (Action.ENABLE_DRIVING, {"is_immobilised": False}),
        (Action.DISABLE_DRIVING, None),
    ):
        assert send(car, action, action) == DONE
        assert last_state(car).signals == signals
    assert (unlocked(car), car.box.vehicle.movement) == (set(), 0)


def test_a_stuck_immobiliser_stays_as_it_is() -> None:
    """The box reports success; a command that would change nothing is not hit."""
    car, suspect = bench(), Suspect()
    with car.box.vehicle.immobiliser_stuck(by=suspect):
        assert send(car, Action.DISABLE_DRIVING, "c1") == DONE
        assert send(car, Action.ENABLE_DRIVING, "c2") == DONE
        assert car.box.vehicle.cabin.is_immobilised
    assert send(car, Action.ENABLE_DRIVING, "c3") == DONE
    assert not car.box.vehicle.cabin.is_immobilised
    assert suspect.hits == [Seen("immobiliser", "c2")]


def test_loads_on_the_battery_add_up_and_end() -> None:
    """12.6 V at rest and 9 V needed: 2 V and 2 V are too much together, and both are named."""
    car, first, second, idle = bench(), Suspect(), Suspect(), Suspect()
    vehicle = car.box.vehicle
    with vehicle.load(by=first) as one, vehicle.load(by=idle):
        vehicle.draw(one, 2.0)
        assert (vehicle.voltage_v, send(car, Action.UNLOCK, "c1")) == (10.6, DONE)
        with vehicle.load(by=second) as other:
            vehicle.draw(other, 1.0)
            vehicle.draw(other, 2.0)
            assert (vehicle.voltage_v, send(car, Action.UNLOCK, "c2")) == (8.6, LOW)
        assert vehicle.voltage_v == 10.6
    assert (vehicle.voltage_v, send(car, Action.UNLOCK, "c3")) == (12.6, DONE)
    vehicle.draw(other, 5.0)
    assert vehicle.voltage_v == 12.6
    for suspect, hits in ((first, ["c2"]), (second, ["c2"]), (idle, [])):
        assert suspect.hits == [Seen("low_voltage", name) for name in hits]


def test_a_days_use_does_not_heat_the_motors() -> None:
    """Many movements with pauses between them are no abuse, and eight at once are just possible."""
    limits = {"inhibit_count": 8, "inhibit_window_s": 20.0, "inhibit_s": 30.0}
    car = bench(NULL_BOX.model_copy(update=limits))
    for number in range(12):
        car.env.run(until=60.0 * (number + 1))
        assert send(car, Action.UNLOCK, f"day-{number}") == DONE
    car.env.run(until=1_000)
    for number in range(8):
        assert send(car, Action.UNLOCK, f"evening-{number}") == DONE
    assert send(car, Action.UNLOCK, "one too many") == (Phase.REFUSED, Reason.ACTUATOR_INHIBITED)


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


def test_a_battery_that_is_just_good_enough_is_the_loads_fault_when_it_is_not() -> None:
    """At the least voltage itself the lock moves."""
    least_v = NULL_BOX.actuator_min_v
    car, suspect = bench(NULL_BOX.model_copy(update={"voltage_v": least_v})), Suspect()
    with car.box.vehicle.load(by=suspect) as load:
        assert send(car, Action.UNLOCK, "c1") == DONE
        car.box.vehicle.draw(load, 0.1)
        assert send(car, Action.UNLOCK, "c2") == LOW
    assert suspect.hits == [Seen("low_voltage", "c2")]


def test_a_car_that_would_refuse_anyway_is_nobodys_fault() -> None:
    """Its owner has locked it with the key; that somebody switched the ignition on adds nothing."""
    car, suspect = bench(), Suspect()
    car.box.vehicle.change(is_locked_by_key=True)
    with car.box.vehicle.being(is_ignition_on=True, by=suspect):
        assert send(car, Action.UNLOCK) == WRONG
        assert suspect.hits == []
        assert send(car, Action.LOCK, "c2") == WRONG
    assert suspect.hits == [Seen("wrong_vehicle_state", "c2")]


def test_a_battery_that_is_low_anyway_is_nobodys_fault() -> None:
    """A load makes it lower still."""
    car, suspect = bench(NULL_BOX.model_copy(update={"voltage_v": 8.5})), Suspect()
    with car.box.vehicle.load(by=suspect) as load:
        car.box.vehicle.draw(load, 1.0)
        assert send(car, Action.UNLOCK) == LOW
    assert suspect.hits == []


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
