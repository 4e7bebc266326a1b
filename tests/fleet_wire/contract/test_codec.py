"""JSON on the wire: strict both ways."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Command,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError

MISSING = object()


def values_of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind
    """Return what a type of the contract allows, within the bounds that its fields name."""
    letters = st.characters(exclude_categories=["Cs"])
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{one.name: values_of(one.type) for one in fields})
        case inspect.UnionType(types=types):
            return st.one_of(*map(values_of, types))
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values_of(key), values_of(value), max_size=3)
        case inspect.EnumType(cls=cls):
            return st.sampled_from(cls)
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(letters, min_size=least or 0, max_size=most)
        case inspect.IntType(ge=least, le=most):
            return st.integers(-(2**53) if least is None else least, most or 2**53)
        case inspect.FloatType(ge=least):
            return st.floats(least, allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case _:
            return st.none()


KINDS_AND_MESSAGES = st.sampled_from(TopicKind).flatmap(
    lambda kind: st.tuples(st.just(kind), values_of(inspect.type_info(codec.TYPES[kind])))
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


@pytest.mark.parametrize(
    "change",
    [
        *({key: MISSING} for key in COMMAND),
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
def test_missing_and_mistyped_fields_are_refused(change: dict[str, Any]) -> None:
    """Another type, or out of bounds, is malformed. The error names the field."""
    changed = {**COMMAND, **change}.items()
    fields = {key: value for key, value in changed if value is not MISSING}
    with pytest.raises(RemoteProtocolError, match=next(iter(change))):
        codec.decode(TopicKind.COMMAND, msgspec.json.encode(fields))


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"null", b"[]", b"{", b"{}{}", b'"unlock"', b"NaN", b"\xff\xfe", b" " * 16_384),
        *(b'{"command_id": "\xff"}', b'{"command_id": "\\ud800"}', b"[" * 16_000),
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
