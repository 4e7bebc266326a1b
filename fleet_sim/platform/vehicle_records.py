"""The platform's knowledge of each car, from its messages."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, VehicleState
from fleet_wire.contract.partial import PartialState


class VehicleRecord(msgspec.Struct, gc=False):
    """The messages of one car, in short. Times are Unix seconds on the platform's clock."""

    presence: str = "unknown"
    """`online`, `offline`, `asleep` or `unknown`."""
    is_locked: bool | None = None
    is_open: bool | None = None
    voltage_v: float | None = None
    state_at: float | None = None
    """When its state came; None also for one that the broker had kept."""

    def set_presence(self, presence: Presence) -> None:
        """Note whether its box holds a connection."""
        is_asleep = presence.reason is PresenceReason.SLEEP
        is_offline = presence.status is PresenceStatus.OFFLINE
        self.presence = "asleep" if is_offline and is_asleep else presence.status.value

    def set_state(self, state: VehicleState | PartialState, at: float | None) -> None:
        """Update the state with the fields of a message."""
        if state.is_locked is not None:
            self.is_locked = state.is_locked
        if state.is_open is not None:
            self.is_open = state.is_open
        if state.voltage_v is not None:
            self.voltage_v = state.voltage_v
        self.state_at = at

    def body(self, vehicle_id: str) -> dict[str, Any]:
        """Return the car's form in the API."""
        return {"vehicle_id": vehicle_id, **msgspec.to_builtins(self)}
