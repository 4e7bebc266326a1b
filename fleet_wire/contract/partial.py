"""Incomplete messages of a fleet that has its own wire.

A field that such a fleet does not send is None: nothing is known of it, and nothing is wrong.
"""

from __future__ import annotations

import msgspec

from fleet_wire.contract.messages import Action, Result

NO_END_MS = 2**53
"""Until when a command may be executed that does not say so: the contract's latest time."""
UNNAMED = ""
"""Stands for the id of a command where neither it nor its answer carries one."""


class PartialState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of `messages.VehicleState` that one message of a fleet contains."""

    is_locked: bool | None = msgspec.field(
        name="Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", default=None
    )
    is_open: bool | None = msgspec.field(
        name="Vehicle.Cabin.Door.Row1.DriverSide.IsOpen", default=None
    )
    voltage_v: float | None = msgspec.field(
        name="Vehicle.LowVoltageBattery.CurrentVoltage", default=None
    )
    firmware: str | None = None
    hardware: str | None = None
    operator: str | None = None
    region: str | None = None
    last_command_id: str | None = None
    technology: str | None = None
    site: str | None = None


class PartialTelemetry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of `messages.Telemetry` that one message of a fleet contains."""

    signal_dbm: float | None = None
    voltage_v: float | None = None
    position_age_s: float | None = None
    boots: float | None = None
    uptime_s: float | None = None
    data_used_bytes: float | None = None


class ActionResult(msgspec.Struct, frozen=True, gc=False):
    """An answer that names what was asked for, and perhaps no command.

    A box that reports an open lock has answered every command that asked for that, and no other.
    """

    result: Result
    action: Action


class ProvisionalResult(msgspec.Struct, frozen=True, gc=False):
    """A status of a command that another may follow: it ends nothing, and is no word of the box."""

    command_id: str
    status: str
    """The status in the fleet's own words."""
