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
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Action(StrEnum):
    """The action that a command asks of the car."""

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
    """The command's `expires_at` was over, by the box's clock."""
    REPLAYED = "replayed"
    """Its `counter` is no higher than that of an earlier command, so this is a replay."""
    BAD_SIGNATURE = "bad_signature"
    """It is signed with another key than the car's: does the sender have the fleet's secret?"""
    TTL_TOO_LONG = "ttl_too_long"
    """Its life is longer than the box allows."""
    MALFORMED = "malformed"
    """The box could not read it."""
    BUSY = "busy"
    """It was at work on an earlier command, or an update."""
    CAN_BUS_NO_ACK = "can_bus_no_ack"
    """The car's own network did not wake, or did not answer."""
    ACTUATOR_INHIBITED = "actuator_inhibited"
    """The locks were moved so often that they protect themselves from heat, for some seconds."""
    LOW_VOLTAGE = "low_voltage"
    """The 12 V battery is too low to move the locks."""
    WRONG_VEHICLE_STATE = "wrong_vehicle_state"
    """The car does not unlock by remote now: the ignition is on, say, or it was locked by key."""
    WRONG_PIN = "wrong_pin"
    """The PIN of remote access was wrong; `tries_left` says how often it may be."""
    PIN_LOCKED = "pin_locked"
    """The PIN was wrong too often: the car takes no remote command until that is set back."""
    NO_RESERVATION = "no_reservation"
    """It checks bookings itself, and its copy of them does not have the one that was named."""
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
    """Seconds from the box's receipt of the command to this phase."""
    box_time_ms: int | None = msgspec.field(name="box_time", default=None)
    """The box's wall clock: evidence of drift, never part of a duration."""
    detail: Text | None = None
    """More detail, in the box's own words."""
    tries_left: Count | None = None
    """Remaining attempts to enter the PIN, for `wrong_pin` and `pin_locked`."""


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
    """Signals that differ from those of a parked car, by VSS name: other doors, ignition."""
    technology: Name | None = None
    """The modem's radio technology: lte, lte_m, nb_iot, umts or gsm."""
    site: Name | None = None
    """The car's site within the region, such as a garage or a station, by name."""


class Presence(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform, retained, and the box's last will."""

    status: PresenceStatus
    session_id: Name
    reason: PresenceReason | None = None

    @property
    def is_last_will(self) -> bool:
        """Return whether the broker said it in place of a box whose connection was lost.

        An offline message without a reason may also be a box's orderly goodbye. It is no sign of
        life.
        """
        is_offline = self.status is PresenceStatus.OFFLINE
        return is_offline and self.reason in (None, PresenceReason.LAST_WILL)


class Telemetry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform at QoS 0: the heartbeat."""

    signal_dbm: float
    voltage_v: float
    position_age_s: Seconds
    boots: Count | None = None
    """How often the box has booted, by the counter in its flash; None: it does not say."""
    uptime_s: Seconds | None = None
    """Since it booted last."""
    data_used_bytes: Count | None = None
    """Bytes that the modem has sent and received, by its own counter."""


class EventName(StrEnum):
    """The events that simulated boxes tell of; other firmware has names of its own."""

    BOOT = "boot"
    """The box has booted, and is connected for the first time since."""
    UPDATE = "update"
    """It begins to install new firmware, and takes no commands meanwhile."""
    LOW_VOLTAGE = "low_voltage"
    """The 12 V battery is so low that the box will switch itself off."""
    KEY_FOB = "key_fob"
    """The key was put into its holder in the car, or taken out of it."""
    BLE_UNLOCK = "ble_unlock"
    """A phone beside the car has opened it by Bluetooth, without the platform."""
    BLE_KEY_EXPIRED = "ble_key_expired"
    """A phone beside the car has tried to, with a key that is no longer good."""


class CarEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Box to platform at QoS 0: something has happened to the car or its box."""

    event: Name
    """`EventName`, or a name of the firmware's own."""
    boots: Count | None = None
    """Number of boots for a boot event, this one included."""
    firmware: Name | None = None
    """The firmware that runs since a boot event. For an update event, the firmware being
    installed."""


class WakeRequest(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Platform to the SMS centre: wake this car's box."""

    request_id: Name
    requested_at_ms: Millis = msgspec.field(name="requested_at")


WireMessage = Command | Result | VehicleState | Presence | Telemetry | CarEvent | WakeRequest
