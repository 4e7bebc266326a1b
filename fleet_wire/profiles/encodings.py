"""How payloads become plain documents and back: one step before the mapping, and one after it.

A plain document holds what JSON can hold, whatever the encoding: keys are text, and bytes are
hexadecimal digits. Keys of digits alone are sent as numbers in encodings that have such keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from fleet_wire.profiles.cbor import cbor_codec
from fleet_wire.profiles.form import MessageForm
from fleet_wire.profiles.protobuf import ProtobufType, is_well_formed

Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes]
_SELF_DESCRIBING: Final[tuple[Literal["json", "msgpack", "cbor"], ...]] = (
    "json",
    "msgpack",
    "cbor",
)
_NUMBER: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)


class UndecodableError(ValueError):
    """A payload is not in its encoding."""


UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""The errors that a decoder raises for a payload that is not in its encoding."""


class Encoding(NamedTuple):
    """One encoding."""

    name: str
    content_type: str
    decode: Decode
    """Returns the plain document of a payload. Raises what is in `UNDECODABLE`."""
    encode: Encode
    objection: Callable[[tuple[str, ...]], str | None] = lambda _tokens: None
    """Returns why a pointer leads nowhere in each of its documents; None where it may."""


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
        case "protobuf":
            return _protobuf_of(form)
        case _:
            return JSON


def document_in(payload: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return the encoding of a payload that says itself what it is, and its document.

    None where it is none, such as text, or Protobuf.
    """
    for name in _SELF_DESCRIBING:
        try:
            document = encoding_of(MessageForm(topic=name, payload=name)).decode(payload)
        except UNDECODABLE:
            continue
        if isinstance(document, dict):
            return name, document
    return None


def looks_like_protobuf(payload: bytes) -> bool:
    """Return whether a payload is no text, and may be Protobuf."""
    text = payload.decode("utf-8", "replace")
    is_binary = any(letter == "\ufffd" or letter < " " for letter in text)
    return is_binary and is_well_formed(payload)


def _protobuf_of(form: MessageForm) -> Encoding:
    if form.type is None:
        raise ValueError("protobuf needs the key type: the name of the message's type")
    if form.descriptors is None:
        raise ValueError("protobuf needs the key descriptors: a file that protoc writes")
    type_ = ProtobufType(Path(form.descriptors), form.type)
    decode = _plainly("Protobuf", type_.decode)
    return Encoding("protobuf", "application/protobuf", decode, type_.encode, type_.objection)
