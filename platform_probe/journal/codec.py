"""How entries stand in the journal's files: a letter, journal time and JSON, one line each. No I/O.

A command's signature is not kept: it would be worth something to somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

import msgspec

from fleet_wire.contract.attempt import Attempt, Complaint, Record, StrayAnswer
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.incident import IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.contract.messages import (
    Action,
    CarEvent,
    Command,
    Presence,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry, ProvisionalResult
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import (
    BrokerLine,
    CarMessage,
    CarRemoved,
    ConnectionChanged,
    Entry,
    LogPosition,
    MonitorStarted,
    MonitorStopped,
    PersonActed,
    PlatformLine,
    RecordWritten,
    Tick,
    UnlockLabelled,
    UnlockUnanswered,
)


class UnreadableLineError(ValueError):
    """A line is none of the journal: it is torn, or of a later release."""


_MessageT = TypeVar("_MessageT")


class UnsignedCommand(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A command to a car, as the journal keeps it."""

    command_id: str
    action: Action
    issued_at: int
    expires_at: int
    counter: int
    booking_id: str | None = None


class _CarMessage(msgspec.Struct, Generic[_MessageT], frozen=True, gc=False, omit_defaults=True):
    """A message of a car, as it stands in a line."""

    vehicle_id: str
    message: _MessageT
    is_retained: bool = False


_KIND: Final = TopicKind
_MESSAGES: Final[dict[type, tuple[bytes, TopicKind]]] = {
    Presence: (b"p", _KIND.PRESENCE),
    VehicleState: (b"s", _KIND.STATE),
    PartialState: (b"q", _KIND.STATE),
    Telemetry: (b"t", _KIND.TELEMETRY),
    PartialTelemetry: (b"u", _KIND.TELEMETRY),
    Result: (b"r", _KIND.RESULT),
    ProvisionalResult: (b"v", _KIND.RESULT),
    CarEvent: (b"e", _KIND.EVENT),
    UnsignedCommand: (b"c", _KIND.COMMAND),
}
_RECORDS: Final[dict[type, bytes]] = {Attempt: b"A", StrayAnswer: b"S", Complaint: b"C"}
_REST: Final[dict[type, tuple[bytes, str, type]]] = {
    PlatformLine: (b"P", "event", PlatformEvent),
    BrokerLine: (b"B", "event", BrokerEvent),
    UnlockUnanswered: (b"U", "record", Attempt),
    ConnectionChanged: (b"N", "is_there", bool),
    CarRemoved: (b"X", "vehicle_id", str),
    PersonActed: (b"K", "action", IncidentAction),
    UnlockLabelled: (b"W", "label", Label),
    Tick: (b"T", "unix_s", float),
    MonitorStarted: (b"M", "unix_s", float),
    LogPosition: (b"L", "position", msgspec.Raw),
}
"""The letter of an entry's type, and its one field besides `at`."""
_STOPPED: Final = b"E"
_encode: Final = msgspec.json.Encoder().encode
_decode_at: Final = msgspec.json.Decoder(float).decode
"""Python's own `repr` and `float` of a time take three times as long, for each entry."""


def json_line(record: Record) -> bytes:
    """Return a record as a line of JSON, with its end, as it stands in its entry's line."""
    return _encode(record) + b"\n"


def line_of(entry: Entry) -> bytes:
    """Return the line of an entry, with its end."""
    at = _encode(entry.at)
    if type(entry) is CarMessage:
        message: Any = entry.message
        if type(message) is Command:
            message = unsigned(message)
        said = _CarMessage(entry.vehicle_id, message, entry.is_retained)
        return _MESSAGES[type(message)][0] + at + b" " + _encode(said) + b"\n"
    if type(entry) is RecordWritten:
        record = entry.record
        return _RECORDS[type(record)] + at + b" " + json_line(record)
    if type(entry) is MonitorStopped:
        return _STOPPED + at + b" {}\n"
    letter, name, _ = _REST[type(entry)]
    return letter + at + b" " + _encode(getattr(entry, name)) + b"\n"


def entry_of(line: bytes) -> Entry:
    """Return the entry of a line, without its end. Raises `UnreadableLineError`."""
    try:
        at_end = line.index(b" ", 1)
        return _READERS[line[0]](_decode_at(line[1:at_end]), line[at_end + 1 :])
    except (ValueError, LookupError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableLineError(f"{line[:80]!r}: {error}") from None


def letters_of(kinds: Iterable[type]) -> bytes:
    """Return the letters with which lines of entries begin, by their kind or their message's."""
    return b"".join(_MESSAGES[kind][0] if kind in _MESSAGES else _REST[kind][0] for kind in kinds)


def unsigned(command: Command) -> UnsignedCommand:
    """Return a command without its signature."""
    return UnsignedCommand(
        command.command_id, command.action, command.issued_at_ms, command.expires_at_ms,
        command.counter, command.booking_id,
    )  # fmt: skip


_Reader = Callable[[float, bytes], Entry]


def _message_reader(kind: TopicKind, form: type[Any]) -> _Reader:
    decode = msgspec.json.Decoder(_CarMessage[form]).decode  # type: ignore[valid-type]

    def read(at: float, text: bytes) -> Entry:
        said = decode(text)
        return CarMessage(at, kind, said.vehicle_id, said.message, said.is_retained)

    return read


def _record_reader(form: type[Any]) -> _Reader:
    decode = msgspec.json.Decoder(form).decode
    return lambda at, text: RecordWritten(at, decode(text))


def _rest_reader(entry: type[Any], form: type[Any]) -> _Reader:
    decode = msgspec.json.Decoder(form).decode
    return lambda at, text: entry(at, decode(text))


_READERS: Final[dict[int, _Reader]] = {
    **{letter[0]: _message_reader(kind, form) for form, (letter, kind) in _MESSAGES.items()},
    **{letter[0]: _record_reader(form) for form, letter in _RECORDS.items()},
    **{letter[0]: _rest_reader(entry, form) for entry, (letter, _, form) in _REST.items()},
    _STOPPED[0]: lambda at, _: MonitorStopped(at),
}
