"""Tests of `fleet_sim.faults.vehicle`, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.vehicle import Door
from fleet_sim.faults.vehicle import (
    ActuatorInhibitOrFrozen,
    AutoRelock,
    DoorAjarRepulsion,
    KeyOverridesApp,
    PartialUnlock,
    WrongVehicleState,
)
from fleet_wire.contract.messages import Action, Phase, Reason, VehicleState
from tests.helpers.fake_link import Bench, bench
from tests.helpers.faulty import answers, inject

DONE = (Phase.EXECUTED, None)
WRONG = (Phase.REFUSED, Reason.WRONG_VEHICLE_STATE)


def press(car: Bench, command_id: str, action: Action = Action.UNLOCK) -> Any:
    """Let the car do something, and return its final answer."""
    car.deliver(car.command(command_id, action=action))
    return answers(car)[-1]


def last_state(car: Bench) -> VehicleState:
    """Return what the car has reported last."""
    return car.link.states()[-1]


@pytest.mark.parametrize(
    ("state", "detail", "signal"),
    [
        ("ignition_on", "ignition_on", "Vehicle.LowVoltageSystemState"),
        ("not_in_park", "not_in_park", "Vehicle.Powertrain.Transmission.IsParkLockEngaged"),
        ("privacy_mode", "privacy_mode", "is_private"),
    ],
)
def test_a_wrong_state_is_reported_and_refuses_while_it_lasts(
    state: str, detail: str, signal: str
) -> None:
    """It begins and ends with a state of the car, and each refusal says why."""
    car = bench()
    inject(WrongVehicleState.model_validate({"state": state, "lasts": 10.0}), car, 100.0)
    car.env.run(until=1)
    assert list(last_state(car).signals or ()) == [signal]
    assert press(car, "c1") == WRONG
    assert car.link.results()[-1].detail == detail
    car.env.run(until=11)
    assert last_state(car).signals is None
    assert press(car, "c2") == DONE


def test_a_frozen_lock_is_not_noticed() -> None:
    """The others move, and the state says so."""
    car = bench()
    inject(ActuatorInhibitOrFrozen(), car, 10.0)
    car.env.run(until=1)
    assert press(car, "c1") == DONE
    assert last_state(car).is_locked
    assert f"{Door.PASSENGER}.IsLocked" in (last_state(car).signals or {})
    car.env.run(until=11)
    assert press(car, "c2") == DONE
    assert not last_state(car).is_locked


@pytest.mark.parametrize(
    ("why", "reason", "over_s"),
    [("hot", Reason.ACTUATOR_INHIBITED, 31.0), ("weak", Reason.LOW_VOLTAGE, 61.0)],
)
def test_hot_or_weak_motors_are_refused(why: str, reason: Reason, over_s: float) -> None:
    """Hot ones cool down within the window; a weak battery is so until its end."""
    car = bench()
    inject(ActuatorInhibitOrFrozen.model_validate({"why": why}), car, 60.0)
    for at_s in (1.0, over_s - 2):
        car.env.run(until=at_s)
        assert press(car, f"c{at_s}") == (Phase.REFUSED, reason)
    car.env.run(until=over_s)
    assert press(car, "cooled") == DONE


def test_a_door_ajar_leaves_the_car_open() -> None:
    """The state flips back, names the door, and tells when it is shut."""
    car = bench()
    inject(DoorAjarRepulsion(door=Door.REAR_DRIVER), car, 10.0)
    car.env.run(until=1)
    assert last_state(car).signals == {f"{Door.REAR_DRIVER}.IsOpen": True}
    press(car, "c1")
    press(car, "c2", Action.LOCK)
    assert last_state(car).is_locked
    car.env.run(until=2)
    assert not last_state(car).is_locked
    assert not car.box.vehicle.is_locked
    car.env.run(until=11)
    assert last_state(car).signals is None
    press(car, "c3", Action.LOCK)
    assert car.box.vehicle.is_locked


@pytest.mark.parametrize(
    ("usual_s", "after_s", "locked_s"), [(None, 5.0, 5.0), (30.0, 5.0, 5.0), (3.0, 5.0, 3.0)]
)
def test_the_car_locks_itself_too_soon(
    usual_s: float | None, after_s: float, locked_s: float
) -> None:
    """Never later than it does of its own; no command is named for it."""
    car = bench(NULL_BOX.model_copy(update={"relock_after_s": usual_s}))
    inject(AutoRelock(after=Uniform(base_s=after_s)), car, 10.0)
    car.env.run(until=1)
    press(car, "c1")
    car.env.run(until=0.9 + locked_s)
    assert not last_state(car).is_locked
    car.env.run(until=1.1 + locked_s)
    assert (last_state(car).is_locked, last_state(car).last_command_id) == (True, None)


@pytest.mark.parametrize(("opens", "open_door"), [("boot", Door.TRUNK), ("driver", Door.DRIVER)])
def test_a_part_of_the_car_opens(opens: str, open_door: Door) -> None:
    """The box reports success, and the state the locks."""
    car = bench()
    inject(PartialUnlock.model_validate({"opens": opens}), car, 10.0)
    car.env.run(until=1)
    assert press(car, "c1") == DONE
    unlocked = {door for door in Door if not car.box.vehicle.is_door_locked(door)}
    assert unlocked == {open_door}


def test_the_doors_open_and_the_engine_is_kept_from_starting() -> None:
    """The state says that the immobiliser is on, which goes without saying in a locked car."""
    car = bench()
    inject(PartialUnlock.model_validate({"opens": "doors"}), car, 10.0)
    car.env.run(until=1)
    car.deliver(car.command("c1"))
    assert not car.box.vehicle.is_locked
    assert car.link.states()[-1].signals == {"is_immobilised": True}
    car.deliver(car.command("c2", action=Action.LOCK))
    assert car.link.states()[-1].signals is None


def test_a_car_that_is_spared_opens_whole() -> None:
    """With a chance of nothing."""
    car = bench()
    inject(PartialUnlock(probability=0.0), car, 10.0)
    car.env.run(until=1)
    press(car, "c1")
    assert not any(car.box.vehicle.is_door_locked(door) for door in Door)


def test_what_the_key_has_locked_the_app_does_not_open() -> None:
    """The state has told of the lock, without a command; afterwards the app opens it again."""
    car = bench()
    press(car, "c0")
    inject(KeyOverridesApp(), car, 10.0)
    car.env.run(until=1)
    assert (last_state(car).is_locked, last_state(car).last_command_id) == (True, None)
    assert press(car, "c1") == WRONG
    assert car.link.results()[-1].detail == "locked_by_key"
    assert press(car, "c2", Action.LOCK) == DONE
    car.env.run(until=11)
    assert press(car, "c3") == DONE
