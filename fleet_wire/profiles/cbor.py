"""CBOR (RFC 8949) to and from Python's values: the one module that knows cbor2.

No tag is obeyed: the value behind it counts. Shared references could make endless documents, and
big decimals endless work.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

_MAX_DEPTH: Final = 32
_TAGS: Final = (*range(6), 25, 28, 29, 30, 35, 36, 37, 43, 52, 54)
_LATER_TAGS: Final = (100, 256, 258, 260, 261, 1004, 43_000, 55_799)
"""The tags for which cbor2 has decoders of its own."""


def cbor_codec() -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    """Return what decodes and what encodes. Raises `ValueError` without the package."""
    try:
        import cbor2  # noqa: PLC0415 - not everybody has it
    except ModuleNotFoundError:
        raise ValueError("cbor needs the package cbor2: pip install 'unlockpath[cbor]'") from None
    decoders: Any = dict.fromkeys((*_TAGS, *_LATER_TAGS), _untagged)

    def decode(payload: bytes) -> Any:
        stream = io.BytesIO(payload)
        decoder = cbor2.CBORDecoder(
            stream, max_depth=_MAX_DEPTH, semantic_decoders=decoders, tag_hook=_value_of_tag
        )
        value = decoder.decode()
        if stream.tell() < len(payload):
            raise ValueError(f"{len(payload) - stream.tell()} bytes follow the document")
        return None if value is cbor2.undefined else value

    return decode, cbor2.dumps


def _untagged(value: Any, is_immutable: bool) -> Any:  # noqa: ARG001, FBT001 - cbor2's form
    return value


def _value_of_tag(tag: Any, is_immutable: bool) -> Any:  # noqa: ARG001, FBT001 - cbor2's form
    return tag.value
