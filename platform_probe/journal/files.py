"""Files of whole lines that grow at their end, and what keeps them from growing for ever."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet_wire.private_files import open_to_append


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is put aside, as NAME.1, and how many such files are kept.

    A file is put aside before it would exceed `max_bytes`. It is put aside too when its last line
    is from an earlier period of `period_s`. Periods count from 1970, so that 86,400 s is a day in
    UTC.
    """

    max_bytes: int
    period_s: float
    kept: int


class AppendedFile:
    """A file that lines are appended to, each with one unbuffered write.

    Every line goes to where the path leads at that moment: a file that was renamed or removed
    meanwhile is opened anew. A last line that an earlier process left unfinished is ended first.
    """

    def __init__(
        self,
        path: Path,
        rotation: Rotation | None = None,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        """Open the file, and make its directory. Raises `OSError`."""
        self.path = path
        self._name = str(path)
        self._rotation = rotation
        self._unix_s = unix_s
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor, self._is_torn = self._open_file()

    def append(self, line: bytes) -> None:
        """Write a line, or several, with their ends. Raises `OSError`; then nothing is written."""
        self._follow_path(len(line))
        line = b"\n" + line if self._is_torn else line
        written = 0
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            self._take_back(written)
            raise
        self._is_torn = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _open_file(self) -> tuple[int, bool]:
        """Open the path; return the descriptor, and whether the file ends within a line."""
        return open_to_append(self.path), _ends_torn(self.path)

    def _reopen(self) -> None:
        before = self._descriptor
        self._descriptor, self._is_torn = self._open_file()
        os.close(before)

    def _follow_path(self, coming_bytes: int) -> None:
        try:
            there = os.stat(self._name)  # noqa: PTH116 - a path's own takes twice the time
        except FileNotFoundError:
            self._reopen()
            return
        if not os.path.samestat(there, os.fstat(self._descriptor)):
            self._reopen()
        elif self._is_full(there, coming_bytes):
            with suppress(OSError):  # better a file that grows than a line that is lost
                self._put_aside()
                self._reopen()

    def _is_full(self, there: os.stat_result, coming_bytes: int) -> bool:
        rotation = self._rotation
        if rotation is None or not there.st_size:
            return False
        is_old = there.st_mtime // rotation.period_s < self._unix_s() // rotation.period_s
        return is_old or there.st_size + coming_bytes > rotation.max_bytes

    def _put_aside(self) -> None:
        assert self._rotation is not None  # noqa: S101 - only a full file is put aside
        for number in range(self._rotation.kept, 1, -1):
            with suppress(FileNotFoundError):
                Path(f"{self.path}.{number - 1}").replace(f"{self.path}.{number}")
        self.path.replace(f"{self.path}.1")

    def _take_back(self, written: int) -> None:
        """Remove a line that was written in part, so that it does not spoil the next one."""
        if written:
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            os.ftruncate(self._descriptor, end - written)


def _ends_torn(path: Path) -> bool:
    """Return whether the file ends within a line; pipes and devices do not."""
    there = path.stat()
    if not stat.S_ISREG(there.st_mode) or not there.st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
