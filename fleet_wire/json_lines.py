"""Several things as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


def json_lines(encoder: msgspec.json.Encoder, things: Iterable[object]) -> bytes:
    """Return a line of each, with its end.

    The encoder gets a list: msgspec 0.22 leaks any other iterator and what it holds.
    """
    return encoder.encode_lines([*things])
