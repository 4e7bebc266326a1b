"""How payloads become plain documents and back: one step before the mapping, and one after it.

A plain document holds what JSON can hold, whatever the encoding: keys are text, and bytes are
hexadecimal digits. Where keys can be numbers, those of digits alone are sent as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.profiles.cbor import cbor_codec
from fleet_wire.profiles.form import MessageForm

Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes]
_NUMBER: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)


class UndecodableError(ValueError):
    """A payload is not in its encoding."""


UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a decoder raises for a payload that is not in its encoding."""


class Encoding(NamedTuple):
    """One encoding."""

    name: str
    content_type: str
    decode: Decode
    """Returns the plain document of a payload. Raises what is in `UNDECODABLE`."""
    encode: Encode


def _plainly(name: str, decode: Decode) -> Decode:
    def decode_plainly(payload: bytes) -> Any:
        try:
            return _plain(decode(payload))
        except Exception as error:  # noqa: BLE001 - a library may raise anything for any bytes
            raise UndecodableError(f"not {name}: {error}") from None

    return decode_plainly


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; None for what has no likeness there."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else None


def _numbering(encode: Encode) -> Encode:
    return lambda document: encode(_with_numbers(document))


def _with_numbers(value: Any) -> Any:
    """Return a document in which keys of digits are numbers."""
    if isinstance(value, dict):
        return {
            int(key) if _NUMBER.fullmatch(key) else key: _with_numbers(inner)
            for key, inner in value.items()
        }
    return [_with_numbers(inner) for inner in value] if isinstance(value, list) else value


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return key.hex() if isinstance(key, bytes) else str(key)


JSON: Final = Encoding(
    "json", "application/json", msgspec.json.Decoder().decode, msgspec.json.encode
)
MESSAGE_PACK: Final = Encoding(
    "msgpack",
    "application/vnd.msgpack",
    _plainly("MessagePack", msgspec.msgpack.Decoder().decode),
    _numbering(msgspec.msgpack.encode),
)


def encoding_of(form: MessageForm) -> Encoding:
    """Return how a topic's payloads are written; for text it is of no matter.

    Raises `ValueError` that says what is missing for it.
    """
    match form.payload:
        case "cbor":
            decode, encode = cbor_codec()
            return Encoding(
                "cbor", "application/cbor", _plainly("CBOR", decode), _numbering(encode)
            )
        case "msgpack":
            return MESSAGE_PACK
        case _:
            return JSON
