"""JSON on the wire: strict both ways."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Action,
    CarEvent,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
    Result,
    Telemetry,
    VehicleState,
    WakeRequest,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)
MILLIS = st.integers(0, 2**53)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.none() | st.floats(0, 1e9)
MESSAGES: dict[TopicKind, st.SearchStrategy[WireMessage]] = {
    TopicKind.COMMAND: st.builds(
        Command,
        command_id=NAMES,
        action=st.sampled_from(Action),
        issued_at_ms=MILLIS,
        expires_at_ms=MILLIS,
        counter=MILLIS,
        signature=st.text(st.characters(exclude_categories=["Cs"]), max_size=256),
        booking_id=st.none() | NAMES,
    ),
    TopicKind.RESULT: st.builds(
        Result,
        command_id=NAMES,
        phase=st.sampled_from(Phase),
        reason=st.none() | st.sampled_from(Reason),
        can_wake_s=SECONDS,
        actuation_s=SECONDS,
        since_received_s=SECONDS,
        box_time_ms=st.none() | st.integers(-(2**53), 2**53),
    ),
    TopicKind.STATE: st.builds(
        VehicleState,
        is_locked=st.booleans(),
        is_open=st.booleans(),
        voltage_v=FLOATS,
        firmware=NAMES,
        hardware=NAMES,
        operator=NAMES,
        region=NAMES,
        last_command_id=st.none() | NAMES,
        technology=st.none() | NAMES,
        site=st.none() | NAMES,
    ),
    TopicKind.PRESENCE: st.builds(
        Presence,
        status=st.sampled_from(PresenceStatus),
        session_id=NAMES,
        reason=st.none() | st.sampled_from(PresenceReason),
    ),
    TopicKind.TELEMETRY: st.builds(
        Telemetry,
        signal_dbm=FLOATS,
        voltage_v=FLOATS,
        position_age_s=st.floats(0, 1e9),
        boots=st.none() | st.integers(0, 2**53),
        uptime_s=st.none() | st.floats(0, 1e9),
        data_used_bytes=st.none() | st.integers(0, 2**53),
    ),
    TopicKind.EVENT: st.builds(
        CarEvent,
        event=NAMES,
        boots=st.none() | st.integers(0, 2**53),
        firmware=st.none() | NAMES,
    ),
    TopicKind.WAKE: st.builds(WakeRequest, request_id=NAMES, requested_at_ms=MILLIS),
}
KINDS_AND_MESSAGES = st.sampled_from(TopicKind).flatmap(
    lambda kind: st.tuples(st.just(kind), MESSAGES[kind])
)
COMMAND = {
    "command_id": "c1",
    "action": "unlock",
    "issued_at": 1_700_000_000_000,
    "expires_at": 1_700_000_030_000,
    "counter": 1,
    "signature": "00",
}


@given(KINDS_AND_MESSAGES)
def test_round_trip(kind_and_message: tuple[TopicKind, WireMessage]) -> None:
    """An encoded message decodes to itself, as its kind alone, and is far below the limit."""
    kind, message = kind_and_message
    payload = codec.encode(message)
    assert codec.decode(kind, payload) == message
    assert codec.unknown_fields(kind, payload) == {}
    assert len(payload) <= codec.MAX_PAYLOAD_BYTES
    for other in {*TopicKind} - {kind}:
        with pytest.raises(RemoteProtocolError):
            codec.decode(other, payload)


def test_field_names_on_the_wire() -> None:
    """The names are the contract's, and what is not known is left out."""
    message = codec.decode(TopicKind.COMMAND, msgspec.json.encode(COMMAND))
    assert msgspec.json.decode(codec.encode(message)) == COMMAND
    state = VehicleState(
        is_locked=True,
        is_open=False,
        voltage_v=12.6,
        firmware="1",
        hardware="2",
        operator="3",
        region="4",
    )
    assert msgspec.json.decode(codec.encode(state)) == {
        "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked": True,
        "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": False,
        "Vehicle.LowVoltageBattery.CurrentVoltage": 12.6,
        "firmware": "1",
        "hardware": "2",
        "operator": "3",
        "region": "4",
    }


@pytest.mark.parametrize("key", list(COMMAND))
def test_every_field_is_needed(key: str) -> None:
    """A command without one of its fields is malformed, and the error names the field."""
    fields = {name: value for name, value in COMMAND.items() if name != key}
    with pytest.raises(RemoteProtocolError, match=key):
        codec.decode(TopicKind.COMMAND, msgspec.json.encode(fields))


@pytest.mark.parametrize(
    "change",
    [
        {"command_id": ""},
        {"command_id": "x" * 129},
        {"command_id": 1},
        {"action": "open"},
        {"action": None},
        {"issued_at": "1700000000000"},
        {"issued_at": 1.5},
        {"issued_at": -1},
        {"expires_at": 2**53 + 1},
        {"counter": -1},
        {"counter": True},
        {"signature": "x" * 257},
        {"booking_id": ""},
    ],
)
def test_mistyped_fields_are_refused(change: dict[str, Any]) -> None:
    """Another type, or out of bounds, is malformed: nothing is converted."""
    with pytest.raises(RemoteProtocolError, match="command"):
        codec.decode(TopicKind.COMMAND, msgspec.json.encode({**COMMAND, **change}))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}{}",
        b'"unlock"',
        b"\xff\xfe",
        b'{"command_id": "\xff"}',
        b'{"command_id": "\\ud800"}',
        b"[" * 16_000,
        b'{"x":' * 3_000,
        b"NaN",
        b" " * 16_384,
    ],
)
def test_what_is_no_message(payload: bytes) -> None:
    """Whatever comes is refused as the remote side's error."""
    for kind in TopicKind:
        with pytest.raises(RemoteProtocolError):
            codec.decode(kind, payload)


@given(st.sampled_from(TopicKind), st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(kind: TopicKind, payload: bytes) -> None:
    """No bytes do anything else, and what is decoded can be sent on unchanged."""
    try:
        message = codec.decode(kind, payload)
    except RemoteProtocolError:
        return
    assert codec.decode(kind, codec.encode(message)) == message


def test_too_long_is_refused_unread() -> None:
    """A payload above the limit is not even parsed, though it would be well-formed."""
    payload = msgspec.json.encode({**COMMAND, "padding": "x" * codec.MAX_PAYLOAD_BYTES})
    with pytest.raises(RemoteProtocolError, match="16384 allowed"):
        codec.decode(TopicKind.COMMAND, payload)


def test_unknown_fields_do_no_harm() -> None:
    """They are ignored, and can be read back for the log."""
    payload = msgspec.json.encode({**COMMAND, "colour": "red", "depth": {"a": [1]}})
    message = codec.decode(TopicKind.COMMAND, payload)
    assert isinstance(message, Command)
    assert codec.unknown_fields(TopicKind.COMMAND, payload) == {
        "colour": "red",
        "depth": {"a": [1]},
    }
