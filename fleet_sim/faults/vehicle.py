"""Faults of the car behind the box: its bus, its state, its locks."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.failpoints import CAN_WAKE, RELOCK
from fleet_sim.cars.vehicle import Door, Gear
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.contract.messages import Command
from fleet_wire.modes.mode import Layer
from fleet_wire.quantities import PositiveSeconds, Volts
from fleet_wire.randomness import RandomStream


@register
class CanBusAsleepNoAck(CarFault):
    """Catalogue 35: the body controller does not wake, or does not acknowledge."""

    name: ClassVar[str] = "can_bus_asleep_no_ack"
    number: ClassVar[int | None] = 35
    layer: ClassVar[Layer] = Layer.VEHICLE
    summary: ClassVar[str] = "the CAN bus does not wake: the box accepts the command, then fails"
    seen: ClassVar[str] = "vehicle_failed: accepted, then refused after 3.2 s"
    customer: ClassVar[str] = (
        "The app says after a few seconds that the car does not answer; another try may work."
    )
    support: ClassVar[str] = (
        "The box received the command and refused it with `can_bus_no_ack` some 3 s later."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "OVMS vehicle_renaultzoe_ph2: 3 of 10 wakes needed, then `Failed to wake up CAN bus`",
    )

    probability: float = Field(
        0.3, ge=0, le=1, description="chance for each command (3 of 10 wakes, OVMS renaultzoe_ph2)"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Keep the bus asleep while the window is open."""

        def sleep_on(wake_s: float | None, _command: Command) -> float | None:
            return None if stream.uniform() < self.probability else wake_s

        with box.set_action(CAN_WAKE, sleep_on, by=injection):
            yield injection.whole_window()


@register
class WrongVehicleState(CarFault):
    """Catalogue 36: the car is in a state in which it takes no command from afar."""

    name: ClassVar[str] = "wrong_vehicle_state"
    number: ClassVar[int | None] = 36
    layer: ClassVar[Layer] = Layer.VEHICLE
    summary: ClassVar[str] = (
        "the ignition is on, the lever not in park, or remote services off: the car refuses"
    )
    seen: ClassVar[str] = "vehicle_state: refused at once, with the state in its detail"
    customer: ClassVar[str] = "The app says at once that the car refuses, each time."
    support: ClassVar[str] = (
        "The refusal says `wrong_vehicle_state` and why, and so does the state that the car sends."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "hvv switch FAQ: ignition off, lever in P",
        "volkswagencarnet: fail_ignition_on",
        "Volvo invokeStatus: NOT_ALLOWED_PRIVACY_ENABLED, NOT_ALLOWED_WRONG_USAGE_MODE",
    )

    state: Literal["ignition_on", "not_in_park", "privacy_mode"] = Field(
        "ignition_on", description="what keeps the car from taking commands"
    )
    lasts: Delay = Field(
        Uniform(base_s=300.0, spread_s=3300.0),
        description="how long a car is left so, 5 min to 1 h, once in the window [E]",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Leave the car so for a while; the box tells when it begins and when it ends."""
        changes: dict[str, dict[str, Any]] = {
            "ignition_on": {"is_ignition_on": True},
            "not_in_park": {"gear": Gear.DRIVE},
            "privacy_mode": {"is_private": True},
        }
        with box.vehicle.being(by=injection, **changes[self.state]):
            box.notice()
            yield injection.wait(min(self.lasts.sample_s(stream), injection.duration_s))
        box.notice()


@register
class ActuatorInhibitOrFrozen(CarFault):
    """Catalogue 37: the lock of the driver's door is stuck: hot, frozen or too weak."""

    name: ClassVar[str] = "actuator_inhibit_or_frozen"
    number: ClassVar[int | None] = 37
    layer: ClassVar[Layer] = Layer.ACTUATOR
    summary: ClassVar[str] = (
        "the driver's lock does not move: frozen or broken, too hot after many presses, or below"
        " 9 V"
    )
    seen: ClassVar[str] = (
        "door_unconfirmed and one door's lock unlike the others; vehicle_failed where hot or weak"
    )
    customer: ClassVar[str] = (
        "The app says open, there is a click, and the driver's door stays shut; or the car refuses."
    )
    support: ClassVar[str] = (
        "A success, and a state in which only the driver's door is locked; or `actuator_inhibited`"
        " or `low_voltage`."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Fiat/Alfa E3040: 8 movements in 20 s inhibit for 30 s, below 9 V no command",
    )

    why: Literal["frozen", "hot", "weak"] = Field(
        "frozen",
        description="frozen: told to move it stays, and nobody notices; hot: all locks are"
        " inhibited for inhibit_s; weak: below actuator_min_v they are not moved",
    )
    inhibit_s: PositiveSeconds = Field(
        30.0, description="how long hot motors rest, from the opening of the window (E3040)"
    )
    weak_v: Volts = Field(8.8, description="of the 12 V battery where it is weak (E3040: below 9)")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Keep the lock from moving while the window is open, or while the motors are hot."""
        vehicle = box.vehicle
        if self.why == "hot":
            with vehicle.hot(by=injection):
                yield injection.wait(min(self.inhibit_s, injection.duration_s))
        elif self.why == "weak":
            with vehicle.load(by=injection) as load:
                vehicle.draw(load, box.spec.parameters.voltage_v - self.weak_v)
                yield injection.whole_window()
        else:
            with vehicle.stuck(Door.DRIVER, by=injection):
                yield injection.whole_window()


@register
class DoorAjarRepulsion(CarFault):
    """Catalogue 38: a door is not shut, so the locks bounce back, and the car is left open."""

    name: ClassVar[str] = "door_ajar_repulsion"
    number: ClassVar[int | None] = 38
    layer: ClassVar[Layer] = Layer.ACTUATOR
    summary: ClassVar[str] = (
        "a door is not shut: told to lock, all locks bounce back, and the car is left open"
    )
    seen: ClassVar[str] = (
        "ok, but the car was open before: locked and open again within a second, a door open"
    )
    customer: ClassVar[str] = (
        "The app says locked; who comes next finds the car open before pressing anything."
    )
    support: ClassVar[str] = (
        "After a lock command the state flips back within a second, and names the open door."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "Fiat/Alfa E3040: the locks are reversed where a door is ajar",
        "Volvo invokeStatus: UNABLE_TO_LOCK_DOOR_OPEN",
    )

    door: Door = Field(Door.TRUNK, description="which is not shut, by its branch in COVESA VSS")

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Leave the door so while the window is open."""
        with box.vehicle.ajar(self.door, by=injection):
            box.notice()
            yield injection.whole_window()
        box.notice()


@register
class AutoRelock(CarFault):
    """Catalogue 39: the car locks itself again before the customer pulls the handle."""

    name: ClassVar[str] = "auto_relock"
    number: ClassVar[int | None] = 39
    layer: ClassVar[Layer] = Layer.VEHICLE
    summary: ClassVar[str] = (
        "the car opens, and locks itself again before the customer pulls the handle"
    )
    seen: ClassVar[str] = "ok, then locked again by no command, and no door was open between"
    customer: ClassVar[str] = "The car clicks open and, before the hand is at the handle, shut."
    support: ClassVar[str] = (
        "A success, and so many seconds later a locked state without a command and without a door."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "kia_uvo#436: locked again after 30 s without a door (Blue Link)",
        "ha-volvo-cars#129: 120 s",
    )

    after: Delay = Field(
        Uniform(base_s=30.0),
        description="how long after an unlock, if no door was opened, 30 s (Blue Link) to 120 s"
        " (Volvo); one that is set too short shows at once",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Lock again so soon while the window is open; never later than the car does itself."""

        def relock(usual_s: float | None, _command: Command) -> float | None:
            after_s = self.after.sample_s(stream)
            return after_s if usual_s is None else min(after_s, usual_s)

        with box.set_action(RELOCK, relock, by=injection):
            yield injection.whole_window()


@register
class PartialUnlock(CarFault):
    """Catalogue 40: only a part of the car opens."""

    name: ClassVar[str] = "partial_unlock"
    number: ClassVar[int | None] = 40
    layer: ClassVar[Layer] = Layer.VEHICLE
    summary: ClassVar[str] = (
        "a part of the car opens: the boot or the driver's door alone, or all but the engine"
    )
    seen: ClassVar[str] = (
        "door_unconfirmed, and the boot is reported open; or ok, and the other doors locked, or the"
        " immobiliser still on"
    )
    customer: ClassVar[str] = (
        "The boot opens and no door does; the others cannot get in; or the engine does not start."
    )
    support: ClassVar[str] = "A success, and a state in which the locks of some doors have moved."
    evidence: ClassVar[tuple[str, ...]] = (
        "ha-volvo-cars#129: some cars unlock the boot handle alone",
        "WaiveCar accessCar: lock and immobiliser are two commands",
        "Zipcar 2019: doors could open, the engine would not start",
    )

    opens: Literal["boot", "driver", "doors"] = Field(
        "boot", description="what alone opens; doors: all of them, and the immobiliser stays on"
    )
    probability: float = Field(
        1.0, ge=0, le=1, description="chance for each car that it is so while the window is open"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Keep the other locks from moving while the window is open."""
        if stream.uniform() >= self.probability:
            return
        if self.opens == "doors":
            with box.vehicle.immobiliser_stuck(by=injection):
                yield injection.whole_window()
            return
        opens = Door.TRUNK if self.opens == "boot" else Door.DRIVER
        with box.vehicle.stuck(*(door for door in Door if door is not opens), by=injection):
            yield injection.whole_window()


@register
class KeyOverridesApp(CarFault):
    """Catalogue 41: somebody has locked the car with its key, and the app cannot unlock it."""

    name: ClassVar[str] = "key_overrides_app"
    number: ClassVar[int | None] = 41
    layer: ClassVar[Layer] = Layer.VEHICLE
    summary: ClassVar[str] = "the car was locked with its key, and does not unlock by remote"
    seen: ClassVar[str] = "vehicle_state, after a lock that no command has moved"
    customer: ClassVar[str] = "The app says at once that the car refuses, and so it does for all."
    support: ClassVar[str] = (
        "The refusal says `locked_by_key`; before it the lock has moved without a command."
    )
    evidence: ClassVar[tuple[str, ...]] = (
        "The Mobility Factory's docs: a car locked with the key is not unlocked by the app",
        "Karshare help: the same",
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Lock it with the key, and unlock it so when the window closes."""
        with box.vehicle.being(is_locked_by_key=True, by=injection):
            box.lock_on_the_spot()
            yield injection.whole_window()
