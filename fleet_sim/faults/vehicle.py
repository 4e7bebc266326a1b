"""Faults of the car behind the box: its bus, its state, its locks."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.failpoints import CAN_WAKE, RELOCK
from fleet_sim.cars.vehicle import Door, Gear
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.contract.messages import Command
from fleet_wire.quantities import PositiveSeconds, Share, Volts
from fleet_wire.randomness import RandomStream


@register
class CanBusAsleepNoAck(CarFault):
    """The body controller does not wake, or does not acknowledge."""

    name: ClassVar[str] = "can_bus_asleep_no_ack"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"probability": (0.3, 1.0)},
        may_strike_alike=("group", "hardware", "firmware", "some"),
    )

    probability: Share = Field(
        0.3, description="chance for each command (3 of 10 wakes, OVMS renaultzoe_ph2)"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Keep the bus asleep while the window is open."""

        def sleep_on(wake_s: float | None, _command: Command) -> float | None:
            return None if stream.uniform() < self.probability else wake_s

        with box.set_action(CAN_WAKE, sleep_on, by=injection):
            yield injection.whole_window()


@register
class WrongVehicleState(CarFault):
    """The car is in a state in which it takes no command from afar."""

    name: ClassVar[str] = "wrong_vehicle_state"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"lasts": (120, 400)},
        variants=({"state": "ignition_on"}, {"state": "not_in_park"}, {"state": "privacy_mode"}),
        may_strike_alike=("group", "region", "some"),
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
    """The lock of the driver's door is stuck: hot, frozen or too weak."""

    name: ClassVar[str] = "actuator_inhibit_or_frozen"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"inhibit_s": (60, 200), "weak_v": (8.3, 8.9)},
        variants=({"why": "frozen"}, {"why": "hot"}, {"why": "weak"}),
        may_strike_alike=("group", "region", "some"),
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
    """A door is not shut, so the locks bounce back, and the car is left open."""

    name: ClassVar[str] = "door_ajar_repulsion"
    drawing: ClassVar[Drawing] = Drawing(
        variants=({}, {"door": "Vehicle.Cabin.Door.Row1.DriverSide"}),
        may_strike_alike=("group", "region", "some"),
        customers={},
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
    """The car locks itself again before the customer pulls the handle."""

    name: ClassVar[str] = "auto_relock"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"after": (1.5, 5)},
        learned_variants=({}, {}, {"after": {"base_s": 8, "spread_s": 14}}),
        may_strike_alike=("group", "region", "some"),
        customers={},
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
    """Only a part of the car opens."""

    name: ClassVar[str] = "partial_unlock"
    drawing: ClassVar[Drawing] = Drawing(
        variants=({"opens": "boot"}, {"opens": "driver"}, {"opens": "doors"}), customers={}
    )

    opens: Literal["boot", "driver", "doors"] = Field(
        "boot", description="what alone opens; doors: all of them, and the immobiliser stays on"
    )
    probability: Share = Field(
        1.0, description="chance for each car that it is so while the window is open"
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
    """Somebody has locked the car with its key, and the app cannot unlock it."""

    name: ClassVar[str] = "key_overrides_app"

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Lock it with the key, and unlock it so when the window closes."""
        with box.vehicle.being(is_locked_by_key=True, by=injection):
            box.lock_on_the_spot()
            yield injection.whole_window()
