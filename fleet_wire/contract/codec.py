"""JSON on the wire, strict both ways, compiled by msgspec.

`decode` accepts exactly the fields of the message at that topic, with their types and bounds. It
ignores unknown fields; `unknown_fields` lists them for the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fleet_wire.contract.messages import (
    CarEvent,
    Command,
    Presence,
    Result,
    Telemetry,
    VehicleState,
    WakeRequest,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError

MAX_PAYLOAD_BYTES = 16_384
"""No message of the contract comes near this; a longer payload is refused unread."""

TYPES: Final[Mapping[TopicKind, type[WireMessage]]] = {
    TopicKind.COMMAND: Command,
    TopicKind.RESULT: Result,
    TopicKind.STATE: VehicleState,
    TopicKind.PRESENCE: Presence,
    TopicKind.TELEMETRY: Telemetry,
    TopicKind.EVENT: CarEvent,
    TopicKind.WAKE: WakeRequest,
}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in TYPES.items()}
_ENCODER = msgspec.json.Encoder()

encode = _ENCODER.encode
"""Return the JSON bytes of a message."""


def decode(kind: TopicKind, payload: bytes) -> WireMessage:
    """Return the message of `kind` in `payload`.

    Raises `RemoteProtocolError` for anything that is not exactly that: too long, not JSON, a field
    missing, of another type or out of bounds.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise RemoteProtocolError(
            f"{kind.value}: payload of {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} allowed"
        )
    try:
        message: WireMessage = _DECODERS[kind].decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"{kind.value}: {error}") from None
    return message


def unknown_fields(kind: TopicKind, payload: bytes) -> dict[str, Any]:
    """Return the fields of a well-formed `payload` that the contract does not know.

    None of them where one has a value that nobody could read, such as 1e999: `decode` skips it.
    """
    known = TYPES[kind].__struct_encode_fields__
    try:
        fields: dict[str, Any] = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: value for name, value in fields.items() if name not in known}
