"""A file that is read anew when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

ContentT = TypeVar("ContentT")


class WatchedFile(Generic[ContentT]):
    """What `parse` makes of a file, which raises `ConfigError` where it cannot be used.

    Writers replace the whole file (a rename), else we may read half of it.
    """

    def __init__(self, path: Path, parse: Callable[[Path], ContentT]) -> None:
        """Read the file. Raises `ConfigError`."""
        self._path = path
        self._parse = parse
        self._stamp: tuple[int, ...] = ()
        self._content = self._read_anew()

    def read(self) -> ContentT:
        """Return what it says now. Raises `ConfigError` each time that it cannot be used."""
        if not self._stamp or _stamp_of(self._path) != self._stamp:
            self._content = self._read_anew()
        return self._content

    def _read_anew(self) -> ContentT:
        self._stamp = ()
        stamp = _stamp_of(self._path)  # first: what changes meanwhile is read the next time
        content = self._parse(self._path)
        self._stamp = stamp
        return content


def _stamp_of(path: Path) -> tuple[int, ...]:
    """Return what changes with a file's content; () where there is no file."""
    try:
        there = path.stat()
    except (OSError, ValueError):
        return ()
    return there.st_mtime_ns, there.st_size, there.st_ino
