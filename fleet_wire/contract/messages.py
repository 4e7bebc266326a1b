"""The closed set of messages on the wire, one frozen struct each.

Names follow COVESA VSS v6 where VSS has one. Times on the wire are Unix milliseconds, durations
are seconds on the sender's own monotonic clock. Unknown fields are ignored (see
`fleet_wire.contract.codec.unknown_fields` for the log); a missing or mistyped one is an error.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Text = Annotated[str, msgspec.Meta(max_length=256)]
Millis = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Action(StrEnum):
    """What a command asks of the car."""

    UNLOCK = "unlock"
    LOCK = "lock"
    ENABLE_DRIVING = "enable_driving"
    """Release the immobiliser; names after INVERS OneAPI."""
    DISABLE_DRIVING = "disable_driving"


class Phase(StrEnum):
    """How far the box got with a command."""

    RECEIVED = "received"
    EXECUTED = "executed"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a box refused, in its own words."""

    EXPIRED = "expired"
    REPLAYED = "replayed"
    BAD_SIGNATURE = "bad_signature"
    TTL_TOO_LONG = "ttl_too_long"
    MALFORMED = "malformed"
    BUSY = "busy"
    CAN_BUS_NO_ACK = "can_bus_no_ack"
    ACTUATOR_INHIBITED = "actuator_inhibited"
    LOW_VOLTAGE = "low_voltage"
    WRONG_VEHICLE_STATE = "wrong_vehicle_state"
    FAILED = "failed"
    """It tried, and does not say why that came to nothing."""


class PresenceStatus(StrEnum):
    """Whether a box holds a connection."""

    ONLINE = "online"
    OFFLINE = "offline"


class PresenceReason(StrEnum):
    """Why a box is offline."""

    LAST_WILL = "last_will"
    SLEEP = "sleep"
    SHUTDOWN = "shutdown"


class Command(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Platform to box. `counter` grows with every command to a car; see `signing`."""

    command_id: Name
    action: Action
    issued_at_ms: Millis = msgspec.field(name="issued_at")
    expires_at_ms: Millis = msgspec.field(name="expires_at")
    counter: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    signature: Text
    booking_id: Name | None = None


class Result(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform: how far a command got, with the box's own durations."""

    command_id: Name
    phase: Phase
    reason: Reason | None = None
    can_wake_s: Seconds | None = None
    actuation_s: Seconds | None = None
    since_received_s: Seconds | None = None
    """From the box's receipt of the command to this phase."""
    box_time_ms: int | None = msgspec.field(name="box_time", default=None)
    """The box's wall clock: evidence of drift, never part of a duration."""
    detail: Text | None = None
    """What the box says besides, in its own words."""


class VehicleState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform, retained: what the car is like now."""

    is_locked: bool = msgspec.field(name="Vehicle.Cabin.Door.Row1.DriverSide.IsLocked")
    is_open: bool = msgspec.field(name="Vehicle.Cabin.Door.Row1.DriverSide.IsOpen")
    voltage_v: float = msgspec.field(name="Vehicle.LowVoltageBattery.CurrentVoltage")
    firmware: Name
    hardware: Name
    operator: Name
    region: Name
    last_command_id: Name | None = None
    """The command that last moved the lock (INVERS calls it `central_lock_last_command`)."""
    signals: dict[Name, bool | Name] | None = None
    """What else is not as in an ordinary parked car, by VSS name: other doors, ignition."""


class Presence(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform, retained, and the box's last will."""

    status: PresenceStatus
    session_id: Name
    reason: PresenceReason | None = None


class Telemetry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform at QoS 0: the heartbeat."""

    signal_dbm: float
    voltage_v: float
    position_age_s: Seconds


class WakeRequest(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Platform to the SMS centre: wake this car's box."""

    request_id: Name
    requested_at_ms: Millis = msgspec.field(name="requested_at")


WireMessage = Command | Result | VehicleState | Presence | Telemetry | WakeRequest
