"""Several things as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


def json_lines(encoder: msgspec.json.Encoder, things: Iterable[object]) -> bytes:
    """Return a line of each, with its end.

    As a list they go to msgspec: of all else 0.22 keeps the iterator for good, and what that holds.
    """
    return encoder.encode_lines([*things])
