"""Faults of the car behind the box."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.joints import CAN_WAKE
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, Layer, register
from fleet_wire.contract.messages import Command
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
        """Let the bus sleep on while the window is open."""

        def sleep_on(wake_s: float | None, _command: Command) -> float | None:
            return None if stream.uniform() < self.probability else wake_s

        with box.bend(CAN_WAKE, sleep_on, by=injection):
            yield injection.whole_window()
