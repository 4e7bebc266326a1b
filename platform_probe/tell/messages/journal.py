"""The delivery state on disk: it outlives the process.

A line for each change, written at once, so that `kill -9` loses nothing. Now and then, and at each
start, the file is written anew with what still holds, and takes the old one's place in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.private_files import FOR_GROUP, write_whole
from platform_probe.journal.files import AppendedFile

WRITE_ANEW_AFTER: Final = 5_000
"""Lines more than there are things to remember [E]: some megabytes."""


class _Line(msgspec.Struct, array_like=True):
    """A line of the file: the current state of a thing of a kind, or null when it is gone."""

    kind: str
    key: str
    value: msgspec.Raw


Key = tuple[str, str]
"""Kind and name of a thing."""


class Journal:
    """Remembers the latest value of each thing. Values are anything that msgspec encodes.

    `on_error` is called if a change cannot be written: messages go out all the same.
    """

    def __init__(self, path: Path, on_error: Callable[[OSError], None]) -> None:
        """Read what an earlier process left. Raises `OSError`."""
        self._path = path
        self._on_error = on_error
        self._encode = msgspec.json.Encoder().encode
        self._lines: dict[Key, bytes] = {}
        self.unreadable = 0
        """Lines that could not be read: they are left out."""
        self._read()
        self._extra = 0
        self._write_anew()
        self._file = AppendedFile(self._path)

    def values(self, kind: str, as_type: Any) -> dict[str, Any]:
        """Return all things of a kind, by key, the oldest first; those of another form are left."""
        found = {}
        for (its_kind, key), line in self._lines.items():
            if its_kind == kind:
                try:
                    value = msgspec.json.decode(line, type=_Line).value
                    found[key] = msgspec.json.decode(value, type=as_type)
                except msgspec.MsgspecError:
                    self.unreadable += 1
        return found

    def write_entry(self, kind: str, key: str, value: Any) -> None:
        """Remember a thing as it is now; None: forget it."""
        line = self._encode((kind, key, value)) + b"\n"
        if value is not None:
            self._lines[kind, key] = line
        elif self._lines.pop((kind, key), None) is None:
            return
        self._append(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: bytes) -> None:
        self._extra += 1
        try:
            self._file.append(line)
            if self._extra > WRITE_ANEW_AFTER + len(self._lines):
                self._write_anew()  # the file that is open follows its path
                self._extra = 0
        except OSError as error:
            self._on_error(error)

    def _read(self) -> None:
        if not self._path.exists():
            return
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                read = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            if bytes(read.value) == b"null":
                self._lines.pop((read.kind, read.key), None)
            else:
                self._lines[read.kind, read.key] = line.rstrip(b"\n") + b"\n"

    def _write_anew(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, b"".join(self._lines.values()), FOR_GROUP, is_synced=True)
