"""The car around the box: its CAN bus, locks, doors, ignition, position and 12 V battery.

An ordinary parked car has one state for all its doors and costs as much. Unusual conditions are
objects of their own, for the cars that need them. Examples are a door ajar, a stuck lock, the
ignition on, a load on the battery.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import fsum
from typing import Any

from fleet_sim.cars.failpoints import Culprit, undone_by
from fleet_sim.cars.parameters import BoxParameters
from fleet_wire.contract.messages import Reason
from fleet_wire.randomness import RandomStream

CAN_GIVE_UP_S = 3.2
"""A bus that does not wake is given up after 10 tries (OVMS vehicle_renaultzoe_ph2)."""
NEVER_S = -math.inf
"""One object for all cars: three of their own would be a fiftieth of a box."""
POSITION_REFRESH_S = 1800.0
"""A parked box takes a position every 30 minutes (INVERS, standby GNSS refresh)."""


class Door(StrEnum):
    """The doors, by the branch that COVESA VSS v6 has for each."""

    DRIVER = "Vehicle.Cabin.Door.Row1.DriverSide"
    PASSENGER = "Vehicle.Cabin.Door.Row1.PassengerSide"
    REAR_DRIVER = "Vehicle.Cabin.Door.Row2.DriverSide"
    REAR_PASSENGER = "Vehicle.Cabin.Door.Row2.PassengerSide"
    TRUNK = "Vehicle.Body.Trunk.Rear"


class Gear(StrEnum):
    """The lever of an automatic."""

    PARK = "park"
    DRIVE = "drive"


@dataclass(frozen=True, slots=True)
class Cabin:
    """The car's condition as people find it; without arguments, an ordinary parked one."""

    ajar: frozenset[Door] = frozenset()
    """Not shut: when the locks are told to lock, they bounce back (Fiat/Alfa E3040)."""
    astray: frozenset[Door] = frozenset()
    """Locked while the driver's door is not, or the other way round."""
    is_ignition_on: bool = False
    gear: Gear = Gear.PARK
    is_immobilised: bool = True
    is_locked_by_key: bool = False
    """With the physical key: the app does not unlock it (The Mobility Factory's docs)."""
    is_private: bool = False
    """Its owner has switched remote services off (Volvo `NOT_ALLOWED_PRIVACY_ENABLED`)."""

    def objection(self, *, is_unlock: bool) -> str | None:
        """Return why the car takes no command, or no unlock, while it is so; None: it does."""
        if self.is_private:
            return "privacy_mode"
        if self.is_ignition_on:
            return "ignition_on"
        if self.gear is not Gear.PARK:
            return "not_in_park"
        return "locked_by_key" if self.is_locked_by_key and is_unlock else None


PARKED = Cabin()


@dataclass(slots=True, eq=False)
class Condition:
    """Something wrong with a car, for as long as it lasts, and who did it."""

    what: str
    culprit: Culprit
    doors: frozenset[Door] = frozenset()
    cabin: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Cabin` that are so meanwhile."""
    drop_v: float = 0.0
    """Volts by which it lowers the 12 V battery."""


class _Irregular:
    """What is out of the ordinary about one car."""

    __slots__ = ("cabin", "conditions", "left_open_by", "own_cabin", "position_lost_s")

    def __init__(self) -> None:
        self.own_cabin = PARKED
        """The cabin without the conditions' effects."""
        self.cabin = PARKED
        self.conditions: list[Condition] = []
        self.left_open_by: Sequence[Condition] = ()
        """Which doors that are not shut have let the locks bounce back, when they last did."""
        self.position_lost_s: float | None = None

    def settle(self) -> None:
        """Work out the cabin under all conditions."""
        cabin = self.own_cabin
        for condition in self.conditions:
            cabin = replace(cabin, **condition.cabin)
            if condition.what == "ajar":
                cabin = replace(cabin, ajar=cabin.ajar | condition.doors)
        self.cabin = cabin

    def having(self, what: str) -> list[Condition]:
        """Return the conditions of a kind."""
        return [condition for condition in self.conditions if condition.what == what]

    def on_doors(self, what: str, doors: AbstractSet[Door]) -> list[Condition]:
        """Return the conditions of a kind that any of these doors has."""
        return [condition for condition in self.having(what) if condition.doors & doors]


class Vehicle:
    """One car. All times are seconds of simulated time."""

    __slots__ = (
        "_can_awake_until_s",
        "_inhibited_until_s",
        "_irregular",
        "_moved_before_s",
        "_moved_s",
        "_parameters",
        "_phase_s",
        "_rest_v",
        "_stream",
        "is_locked",
        "is_open",
        "last_command_id",
        "movement",
        "voltage_v",
    )

    def __init__(self, parameters: BoxParameters, stream: RandomStream) -> None:
        self._parameters = parameters
        self._stream = stream
        self._can_awake_until_s = NEVER_S
        self._inhibited_until_s = NEVER_S
        self._moved_s = NEVER_S
        self._moved_before_s: tuple[float, ...] = ()
        """The movements before the latest one, where they lie in one window with it."""
        self._phase_s: float | None = None
        """So old is the position at second 0; None until somebody asks."""
        self._irregular: _Irregular | None = None
        self.is_locked = True
        """The driver's door, and the others but for those of `Cabin.astray`."""
        self.is_open = False
        """Whether somebody has opened the driver's door, so that the car does not lock itself.

        The rental is not modelled further: the next command finds the door shut.
        """
        self._rest_v = self.voltage_v = parameters.voltage_v
        self.last_command_id: str | None = None
        self.movement = 0
        """Counts every movement of the lock, so that a timer can tell whether it is the latest."""

    # Actions of the box

    def can_wake_s(self, now_s: float) -> float:
        """Return how long the bus takes to answer, and keep it awake from then on."""
        parameters = self._parameters
        is_awake = now_s < self._can_awake_until_s
        delay = parameters.can_awake if is_awake else parameters.can_wake
        delay_s = delay.sample_s(self._stream)
        self._can_awake_until_s = now_s + delay_s + parameters.can_stays_awake_s
        return delay_s

    def actuation_s(self) -> float:
        """Return how long the lock motors take."""
        return self._parameters.actuation.sample_s(self._stream)

    def door_opens_s(self) -> float | None:
        """Return how long after an unlock somebody opens the driver's door; None: nobody can."""
        opens = self._parameters.door_opens
        if opens is None or self.is_door_locked(Door.DRIVER):
            return None
        return opens.sample_s(self._stream)

    def be_left(self, *, is_locked: bool) -> None:
        """Leave the car as its customer does: shut, and all doors locked or as they are."""
        self.is_open = False
        if is_locked:
            self.is_locked = True
            if self._irregular is not None:
                self.change(astray=frozenset())

    def refusal(self, now_s: float, *, is_unlock: bool) -> Reason | None:
        """Return why the lock or the immobiliser would not move now, or None."""
        if self.voltage_v < self._parameters.actuator_min_v:
            return Reason.LOW_VOLTAGE
        irregular = self._irregular
        if now_s < self._inhibited_until_s or (irregular and irregular.having("hot")):
            return Reason.ACTUATOR_INHIBITED
        if irregular is not None and irregular.cabin.objection(is_unlock=is_unlock):
            return Reason.WRONG_VEHICLE_STATE
        return None

    def behind(self, reason: Reason, now_s: float, *, is_unlock: bool) -> Sequence[Condition]:
        """Return which conditions make the car refuse with a reason that it would not have."""
        irregular, parameters = self._irregular, self._parameters
        if irregular is None:
            return ()
        if reason is Reason.ACTUATOR_INHIBITED and now_s >= self._inhibited_until_s:
            return irregular.having("hot")
        if reason is Reason.LOW_VOLTAGE and self._rest_v >= parameters.actuator_min_v:
            return [each for each in irregular.conditions if each.drop_v > 0]
        own = irregular.own_cabin
        if reason is Reason.WRONG_VEHICLE_STATE and own.objection(is_unlock=is_unlock) is None:
            return [
                each
                for each in irregular.conditions
                if replace(own, **each.cabin).objection(is_unlock=is_unlock)
            ]
        return ()

    def move_lock(
        self, now_s: float, *, to_locked: bool, command_id: str | None = None
    ) -> Sequence[Condition]:
        """Lock or unlock; return the conditions that keep a lock from moving."""
        inhibit_count = self._parameters.inhibit_count
        if inhibit_count is not None:
            self._warm_up(now_s, inhibit_count)
        self.last_command_id = command_id
        self.movement += 1
        if self._irregular is None:
            self.is_locked = to_locked
            return ()
        return self._move_doors(self._irregular, to_locked=to_locked)

    def _warm_up(self, now_s: float, inhibit_count: int) -> None:
        """Notice a movement of the lock, and when there are too many (thermal protection)."""
        parameters = self._parameters
        window_s = parameters.inhibit_window_s
        if now_s - self._moved_s >= window_s:
            self._moved_before_s = ()
        else:
            before_s = (*self._moved_before_s, self._moved_s)
            while now_s - before_s[0] >= window_s:
                before_s = before_s[1:]
            self._moved_before_s = before_s
        self._moved_s = now_s
        if 1 + len(self._moved_before_s) >= inhibit_count:
            self._inhibited_until_s = now_s + parameters.inhibit_s

    def _move_doors(self, irregular: _Irregular, *, to_locked: bool) -> Sequence[Condition]:
        """Move each lock that can; all bounce back where one meets a door that is not shut."""
        due = {door for door in Door if self.is_door_locked(door) != to_locked}
        if to_locked:
            ajar = irregular.cabin.ajar
            irregular.left_open_by = irregular.on_doors("ajar", ajar) if due and ajar else ()
            if ajar:
                return irregular.left_open_by
        in_the_way = irregular.on_doors("stuck", due)
        left = due.intersection(door for each in in_the_way for door in each.doors)
        locked = {door: to_locked is not (door in left) for door in Door}
        self.is_locked = locked[Door.DRIVER]
        astray = frozenset(door for door in Door if locked[door] != self.is_locked)
        irregular.own_cabin = replace(irregular.own_cabin, astray=astray)
        irregular.settle()
        return in_the_way

    def set_immobiliser(self, *, is_on: bool) -> Sequence[Condition]:
        """Keep the engine from starting, or let it; return the conditions that prevent this."""
        irregular = self._make_irregular()
        if irregular.own_cabin.is_immobilised is is_on:
            return ()
        stuck = irregular.having("immobiliser")
        if not stuck:
            self.change(is_immobilised=is_on)
        return stuck

    def keeps_immobilised(self) -> Sequence[Condition]:
        """Return what keeps the immobiliser on while the doors are unlocked."""
        return () if self._irregular is None else self._irregular.having("immobiliser")

    # State

    @property
    def cabin(self) -> Cabin:
        """Return what people find in the car."""
        return PARKED if self._irregular is None else self._irregular.cabin

    def is_door_locked(self, door: Door) -> bool:
        """Return whether one door is locked."""
        if self._irregular is None:
            return self.is_locked
        return self.is_locked != (door in self._irregular.cabin.astray)

    @property
    def left_open_by(self) -> Sequence[Condition]:
        """Return what has let the locks bounce back, if the car is still unlocked for that."""
        return () if self._irregular is None else self._irregular.left_open_by

    @property
    def is_driver_door_open(self) -> bool:
        """Return whether the driver's door stands open, or is not shut."""
        if self._irregular is None:
            return self.is_open
        return self.is_open or Door.DRIVER in self._irregular.cabin.ajar

    def signals(self) -> dict[str, bool | str] | None:
        """Return what is not as in an ordinary car, for the state message.

        The driver's door is not among them: it has fields of its own there.
        """
        if self._irregular is None:  # most cars, with every state
            return None
        cabin = self._irregular.cabin
        signals: dict[str, bool | str] = {
            f"{door.value}.IsLocked": self.is_door_locked(door) for door in sorted(cabin.astray)
        }
        signals |= {f"{door.value}.IsOpen": True for door in sorted(cabin.ajar - {Door.DRIVER})}
        if cabin.is_ignition_on:
            signals["Vehicle.LowVoltageSystemState"] = "ON"
        if cabin.gear is not Gear.PARK:
            signals["Vehicle.Powertrain.Transmission.IsParkLockEngaged"] = False
        if not cabin.is_immobilised:
            signals["is_immobilised"] = False
        elif not self.is_locked and self._irregular.having("immobiliser"):
            signals["is_immobilised"] = True  # an open car's is released, which need not be said
        if cabin.is_private:
            signals["is_private"] = True
        return signals or None

    def position_age_s(self, now_s: float) -> float:
        """Return how old the position is that the box knows; each car takes one at its own time."""
        irregular, phase_s = self._irregular, self._phase_s
        if phase_s is None:
            phase_s = self._phase_s = self._stream.constant() * POSITION_REFRESH_S
        if irregular is None or irregular.position_lost_s is None:
            return (now_s + phase_s) % POSITION_REFRESH_S
        taken_s = irregular.position_lost_s
        return now_s - taken_s + (taken_s + phase_s) % POSITION_REFRESH_S

    # Actions of people and faults

    def change(self, **changes: Any) -> None:
        """Change fields of `Cabin` for good, as a person does who sits in the car."""
        irregular = self._make_irregular()
        irregular.own_cabin = replace(irregular.own_cabin, **changes)
        irregular.settle()

    @contextmanager
    def being(self, *, by: Culprit, **cabin: Any) -> Iterator[None]:
        """Set fields of `Cabin` for a while, such as `is_ignition_on=True`."""
        with self._under(Condition("state", by, cabin=cabin)):
            yield

    @contextmanager
    def ajar(self, *doors: Door, by: Culprit) -> Iterator[None]:
        """Keep doors ajar: an attempt to lock makes all locks bounce back."""
        with self._under(Condition("ajar", by, frozenset(doors))):
            yield

    @contextmanager
    def stuck(self, *doors: Door, by: Culprit) -> Iterator[None]:
        """Jam the locks of these doors: frozen, or a broken motor."""
        with self._under(Condition("stuck", by, frozenset(doors))):
            yield

    @contextmanager
    def hot(self, *, by: Culprit) -> Iterator[None]:
        """Overheat the locks' motors, as after many movements in a row: they do not move."""
        with self._under(Condition("hot", by)):
            yield

    @contextmanager
    def immobiliser_stuck(self, *, by: Culprit) -> Iterator[None]:
        """Jam the immobiliser: it ignores the box."""
        with self._under(Condition("immobiliser", by)):
            yield

    @contextmanager
    def without_position(self, now_s: float, *, by: Culprit) -> Iterator[None]:
        """Freeze the box's position: the one that it knows grows older."""
        irregular = self._make_irregular()
        if irregular.position_lost_s is None:
            irregular.position_lost_s = now_s
        with undone_by(self._look_for_position), self._under(Condition("position", by)):
            yield

    def _look_for_position(self) -> None:
        irregular = self._make_irregular()
        if not irregular.having("position"):
            irregular.position_lost_s = None

    @contextmanager
    def load(self, *, by: Culprit) -> Iterator[Condition]:
        """Put a load on the 12 V battery; give it to `draw`. Afterwards the battery is charged."""
        condition = Condition("load", by)
        with self._under(condition):
            yield condition

    def discharge(self, drop_v: float) -> None:
        """Set how many volts the battery at rest is below a full one."""
        self._rest_v = self._parameters.voltage_v - drop_v
        self._measure()

    def draw(self, load: Condition, drop_v: float) -> None:
        """Set a load on the battery in volts below its rest; loads add up."""
        self._make_irregular()
        load.drop_v = drop_v
        self._measure()

    @contextmanager
    def _under(self, condition: Condition) -> Iterator[None]:
        irregular = self._make_irregular()
        irregular.conditions.append(condition)
        irregular.settle()
        with undone_by(self._remove_condition, condition):
            yield

    def _remove_condition(self, condition: Condition) -> None:
        irregular = self._make_irregular()
        irregular.conditions.remove(condition)
        irregular.settle()
        self._measure()

    def _measure(self) -> None:
        conditions = self._irregular.conditions if self._irregular is not None else ()
        drops_v = fsum(condition.drop_v for condition in conditions)
        self.voltage_v = round(self._rest_v - drops_v, 3)

    def _make_irregular(self) -> _Irregular:
        """Return the changeable irregularities."""
        if self._irregular is None:
            self._irregular = _Irregular()
        return self._irregular
