"""Faults of frost: what ice keeps from moving."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.failpoints import ACTUATION
from fleet_sim.faults.drawing import Drawing
from fleet_sim.faults.registry import CarFault, FaultProcess, Injection, register
from fleet_wire.contract.messages import Command
from fleet_wire.randomness import RandomStream


@register
class DoorFrozen(CarFault):
    """The lock is frozen: its motor runs, and nothing moves."""

    name: ClassVar[str] = "door_frozen"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"probability": (0.5, 1.0)}, strikes_alike=("region",)
    )

    probability: float = Field(
        0.5, ge=0, le=1, description="chance for each command that the ice holds"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Hold the lock while the window is open."""

        def hold(moves: bool, _command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
            does_ice_hold = stream.uniform() < self.probability
            return moves and not does_ice_hold

        with box.set_action(ACTUATION, hold, by=injection):
            yield injection.whole_window()
