"""The files of a journal: numbered segments, of which the last is being appended to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

OPEN: Final = ".open"
"""After the name of the segment that is being appended to."""
COMPLETE: Final = ".jsonl"
PACKED: Final = ".jsonl.gz"
"""After the name of one that was judged long ago, and compressed."""
WRITER_LOCK: Final = "writer.lock"
_NAME: Final = re.compile(r"journal-(\d{8,})(\.open|\.jsonl|\.jsonl\.gz)")


class Position(NamedTuple):
    """A place between two entries."""

    segment: int
    """The number of the segment."""
    offset: int
    """Bytes from its beginning, as it was before it was compressed."""


class Segment(NamedTuple):
    """One file of the journal."""

    number: int
    path: Path
    suffix: str

    @property
    def is_open(self) -> bool:
        """Whether a writer appends to it, or died while it did."""
        return self.suffix == OPEN


def segment_path(directory: Path, number: int, suffix: str) -> Path:
    """Return where a segment lies."""
    return directory / f"journal-{number:08d}{suffix}"


def segments_in(directory: Path) -> list[Segment]:
    """Return the segments of a journal in order, one for each number."""
    found: dict[int, Segment] = {}
    for path in _segment_paths(directory):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        one = Segment(int(match[1]), path, match[2])
        known = found.get(one.number)
        if known is None or len(one.suffix) < len(known.suffix):
            found[one.number] = one  # the compressed file is whole before the other one goes
    return [found[number] for number in sorted(found)]


def _segment_paths(directory: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from directory.iterdir()
