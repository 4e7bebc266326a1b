"""Faults of the car behind the box."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fleet_sim.cars.troubles import Chance, in_force
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, register
from fleet_wire.randomness import RandomStream

if TYPE_CHECKING:  # see registry
    from fleet_sim.cars.box import Box


@register
class CanBusAsleepNoAck(Fault):
    """Catalogue 35: the body controller does not wake, or does not acknowledge."""

    name: ClassVar[str] = "can_bus_asleep_no_ack"
    summary: ClassVar[str] = "the CAN bus does not wake: the box accepts the command, then fails"

    probability: float = Field(
        0.3, ge=0, le=1, description="chance for each command (3 of 10 wakes, OVMS renaultzoe_ph2)"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Let the bus sleep on while the window is open."""

        def stay_asleep(box: Box, stream: RandomStream) -> FaultProcess:
            with in_force(box.troubles.can_bus_dead, Chance(self.probability, stream)):
                yield injection.env.timeout(injection.duration_s)

        return injection.each_box(stay_asleep)
