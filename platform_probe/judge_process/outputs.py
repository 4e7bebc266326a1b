"""Files of the judge, each line exactly once whatever ends the process.

All that follows from some entries is written before their position in the journal is committed. A
process that starts cuts its files back to what was committed, and judges the rest anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from fleet_wire.private_files import FOR_OWNER, write_whole
from platform_probe.journal.files import AppendedFile, Rotation
from platform_probe.journal.segments import Position
from platform_probe.store.writer import TableEnd

COMMIT_FILE: Final = "judge_position.json"
_MOST_ROTATED: Final = 1_001


class FileEnd(msgspec.Struct, frozen=True):
    """The end of a file at some moment."""

    inode: int
    size: int


class Commit(msgspec.Struct, frozen=True):
    """Up to where the journal was judged, and what had been written by then."""

    segment: int
    offset: int
    at: float
    """Journal time of the last entry."""
    offset_s: float
    """The offset from journal time to the wall clock at that time."""
    files: dict[str, FileEnd]
    tables: dict[str, TableEnd]
    """The ends of the store's tables."""

    @property
    def position(self) -> Position:
        """The position in the journal."""
        return Position(self.segment, self.offset)


def read_commit(directory: Path) -> Commit | None:
    """Return what an earlier process committed last; None: nothing can be read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((directory / COMMIT_FILE).read_bytes(), type=Commit)
    return None


def write_commit(directory: Path, commit: Commit) -> None:
    """Replace the commit. Raises `OSError`; then the one before stands."""
    write_whole(directory / COMMIT_FILE, msgspec.json.encode(commit), FOR_OWNER)


class CommittedFile:
    """A file of lines that is cut back to its committed end when a process starts."""

    def __init__(self, path: Path, rotation: Rotation | None, end: FileEnd | None) -> None:
        """Open the file, and cut it back to `end` where there is one. Raises `OSError`."""
        if end is not None:
            _cut_back(path, end)
        self._file = AppendedFile(path, rotation)
        self._path = path
        self._waiting: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Add a line with its end, for the next `write`."""
        self._waiting.append(line)

    def write(self) -> None:
        """Append what was taken. Raises `OSError`; then all of it waits for the next try."""
        if self._waiting:
            self._file.append(b"".join(self._waiting))
            self._waiting.clear()

    def current_end(self) -> FileEnd:
        """Return where the file ends now. Raises `OSError`."""
        there = self._path.stat()
        return FileEnd(there.st_ino, there.st_size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _cut_back(path: Path, end: FileEnd) -> None:
    """Remove what was written after a moment, also to files that were begun anew since then."""
    newer: list[Path] = []
    for number in range(_MOST_ROTATED):
        one = path if number == 0 else Path(f"{path}.{number}")
        try:
            there = one.stat()
        except FileNotFoundError:
            return  # somebody has removed the file: what stands in the others is not ours to cut
        if there.st_ino == end.inode:
            if there.st_size > end.size:
                os.truncate(one, end.size)
            for each in newer:
                os.truncate(each, 0)
            return
        newer.append(one)


def ends_of(files: Mapping[str, CommittedFile]) -> dict[str, FileEnd]:
    """Return the ends of files by name. Raises `OSError`."""
    return {name: file.current_end() for name, file in files.items()}
