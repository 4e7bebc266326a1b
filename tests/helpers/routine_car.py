"""A box that may send its heartbeats by routine."""

from __future__ import annotations

from fleet_sim.heartbeats import Routine
from fleet_wire.contract.messages import Telemetry


class Car:
    """A box whose heartbeats say the second at which they were sent, and a voltage."""

    def __init__(self, vehicle_id: str) -> None:
        self.vehicle_id = vehicle_id
        self.voltage_v = 12.6
        self.events: list[str] = []

    def telemetry_at(self, at_s: float) -> Telemetry:
        """Return what is said then."""
        return Telemetry(signal_dbm=-85.0, voltage_v=self.voltage_v, position_age_s=at_s)

    def joined(self, routine: Routine) -> None:
        """Note it, and how many rounds there had been."""
        self.events.append(f"joined after {len(routine.sent)}")

    def left(self) -> None:
        """Note it."""
        self.events.append("left")

    def catch_up(self) -> None:
        """Note it."""
        self.events.append("caught up")
