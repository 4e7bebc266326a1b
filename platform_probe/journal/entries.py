"""The entries of the journal: a closed set of frozen structs. No I/O.

`at` is journal time: seconds that never go back, see `feed.JournalTime`. Entries stand in the order
in which the measuring process met them, so a judge that folds them sees what that process saw.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.contract.attempt import Attempt, Record
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.incident import IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import TopicKind


class MonitorStarted(msgspec.Struct, frozen=True, gc=False):
    """A measuring process began to write."""

    at: float
    unix_s: float
    """The wall clock at that moment, Unix seconds."""


class MonitorStopped(msgspec.Struct, frozen=True, gc=False):
    """It ended in good order: every unlock that was under way has a record."""

    at: float


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A second has passed. What is due in the judge happens although nothing else comes."""

    at: float
    unix_s: float
    """The wall clock at that moment, Unix seconds."""


class CarMessage(msgspec.Struct, frozen=True, gc=False):
    """A message of a car, or a command to it, that keeps the contract."""

    at: float
    kind: TopicKind
    vehicle_id: str
    message: Any
    """One of `fleet_wire.contract.messages` or `partial`, decoded."""
    is_retained: bool = False


class CarRemoved(msgspec.Struct, frozen=True, gc=False):
    """A car was taken out of service: its retained messages were cleared."""

    at: float
    vehicle_id: str


class RecordWritten(msgspec.Struct, frozen=True, gc=False):
    """A record: an unlock, a stray answer or a call to support."""

    at: float
    record: Record


class UnlockUnanswered(msgspec.Struct, frozen=True, gc=False):
    """A connected car says nothing to a command; the record as it would be if it ended now."""

    at: float
    record: Attempt


class PlatformLine(msgspec.Struct, frozen=True, gc=False):
    """A new line of the platform's log."""

    at: float
    event: PlatformEvent


class BrokerLine(msgspec.Struct, frozen=True, gc=False):
    """A line of the broker's own log that names a client or a handshake."""

    at: float
    event: BrokerEvent


class ConnectionChanged(msgspec.Struct, frozen=True, gc=False):
    """The monitor has a connection with the broker, or lost it."""

    at: float
    is_there: bool


class PersonActed(msgspec.Struct, frozen=True, gc=False):
    """A person acknowledged, muted or closed an incident."""

    at: float
    action: IncidentAction


class UnlockLabelled(msgspec.Struct, frozen=True, gc=False):
    """A person said why an unlock failed, or withdrew that."""

    at: float
    label: Label


class LogPosition(msgspec.Struct, frozen=True, gc=False):
    """How far the platform's log was read: all lines before it stand in the journal."""

    at: float
    position: msgspec.Raw
    """The position as its reader writes it, JSON."""


Entry = (
    CarMessage
    | RecordWritten
    | PlatformLine
    | Tick
    | BrokerLine
    | UnlockUnanswered
    | ConnectionChanged
    | CarRemoved
    | PersonActed
    | UnlockLabelled
    | MonitorStarted
    | MonitorStopped
    | LogPosition
)
