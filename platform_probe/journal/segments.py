"""Numbered files of lines, such as those of the journal: the last is being appended to."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from platform_probe.journal.files import AppendedFile

OPEN: Final = ".open"
"""After the name of the segment that is being appended to."""
COMPLETE: Final = ".jsonl"
SEGMENT_BYTES: Final = 16 * 2**20
"""The size of a complete segment: readers go through it line by line."""
SEGMENT_S: Final = 300.0
"""A segment is complete after so long, where another line comes."""
WRITER_LOCK: Final = "writer.lock"
JOURNAL: Final = "journal"
"""How the names of the journal's segments begin."""
_NAME: Final = re.compile(r"([a-z_]+)-(\d{8,})(?:\.open|\.jsonl)")


class Position(NamedTuple):
    """A place between two entries."""

    segment: int
    """The number of the segment."""
    offset: int
    """Bytes from its beginning."""


class Segment(NamedTuple):
    """One file of several."""

    number: int
    path: Path

    @property
    def is_open(self) -> bool:
        """Whether a writer appends to it, or died while it did."""
        return self.path.suffix == OPEN


def segment_path(directory: Path, number: int, suffix: str, name: str = JOURNAL) -> Path:
    """Return where a segment lies."""
    return directory / f"{name}-{number:08d}{suffix}"


def segments_in(directory: Path, name: str = JOURNAL) -> list[Segment]:
    """Return the segments of a name in order; none where there is no such directory."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in directory.iterdir():
            match = _NAME.fullmatch(path.name)
            if match is not None and match[1] == name:
                found.append(Segment(int(match[2]), path))
    return sorted(found)


class SegmentWriter:
    """Appends lines to the newest segment of a name. Nobody else appends to any of them."""

    def __init__(self, directory: Path, name: str = JOURNAL, *, least_number: int = 1) -> None:
        """Complete what a dead writer left. Raises `OSError`."""
        self._directory = directory
        self._name = name
        self._file: AppendedFile | None = None
        self._since_s = 0.0
        self.size = 0
        """Bytes of the segment that is appended to."""
        left = segments_in(directory, name)
        for segment in left:
            if segment.is_open:
                _complete(segment.path)
        self.number = max([least_number, *(segment.number + 1 for segment in left)])
        """The number of the segment that is appended to, or will be next."""

    def append(self, lines: bytes) -> None:
        """Append lines with their ends. Raises `OSError`; then nothing is written."""
        if self._file is None:
            self._file = AppendedFile(segment_path(self._directory, self.number, OPEN, self._name))
            self._since_s = time.monotonic()
        self._file.append(lines)
        self.size += len(lines)

    def is_full(self, most_bytes: int) -> bool:
        """Return whether the segment should be completed."""
        is_old = time.monotonic() - self._since_s >= SEGMENT_S
        return self._file is not None and (self.size >= most_bytes or is_old)

    def complete(self) -> bool:
        """Append no more to the segment; return whether there was one. Raises `OSError`."""
        if self._file is None:
            return False
        path = self._file.path
        self._file.close()
        self._file, self.size, self.number = None, 0, self.number + 1
        _complete(path)
        return True


def _complete(path: Path) -> None:
    if path.stat().st_size:
        os.rename(path, path.with_suffix(COMPLETE))  # noqa: PTH104 - must fail where it exists
    else:
        path.unlink()
