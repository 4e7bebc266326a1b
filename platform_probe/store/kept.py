"""How much stands in the write-ahead files at some moment, and what came later.

Whoever can hand on again what it handed on lately, as a log that is a file can, learns by that what
is there already. No file with a line of later is complete before the moment is noted, see `writer`:
so all of them are still files of lines.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from platform_probe.store.layout import all_segments


class End(msgspec.Struct, frozen=True):
    """The end of the lines of a table."""

    segment: int
    """The number of the write-ahead file that is appended to, or will be next."""
    bytes: int
    """In it."""


class Kept(msgspec.Struct, frozen=True):
    """How much there is of all that may be handed on again."""

    ends: dict[str, End]
    """By table."""
    is_full: bool = False
    """Whether a file is complete after this, and no longer lines soon: it is to be noted now."""


def kept_since(directory: Path, table: str, end: End) -> set[bytes]:
    """Return the lines of a table after a moment, without their ends. Raises `OSError`."""
    found: set[bytes] = set()
    for segment in all_segments(directory, table):
        if segment.number >= end.segment:
            # What an earlier keeper is packing just now has no later line.
            with suppress(FileNotFoundError), segment.path.open("rb") as file:
                file.seek(end.bytes if segment.number == end.segment else 0)
                found.update(file.read().splitlines())
    return found
