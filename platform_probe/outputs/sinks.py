"""Where records go. A sink has one method; a failing one is isolated, counted and named."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec

from fleet_wire.contract.attempt import Attempt, Record, Source
from fleet_wire.errors import LimitError

ATTEMPTS_FILE: Final = "attempts.jsonl"
FLOOR_FILE: Final = "floor.jsonl"
STRAYS_FILE: Final = "stray_answers.jsonl"


class Sink(Protocol):
    """Takes records, one at a time, in the order in which attempts end."""

    def emit(self, record: Record) -> None:
        """Take one record. Whatever is raised is counted, and stops no other sink."""
        ...


class FanOut:
    """Hands each record to each sink, in order. `on_error` gets the sink's name and its error."""

    def __init__(
        self, sinks: Mapping[str, Sink], *, on_error: Callable[[str, Exception], None]
    ) -> None:
        self._sinks = tuple(sinks.items())
        self._on_error = on_error

    def emit(self, record: Record) -> None:
        """Hand the record on; never raises for a sink's sake."""
        for name, sink in self._sinks:
            try:
                sink.emit(record)
            except Exception as error:  # noqa: BLE001 - one sink must not starve the others
                self._on_error(name, error)


class JsonlSink:
    """Appends each record as one line to a file of `directory`, with one unbuffered write.

    A line that was written survives the death of the process. Attempts, floor attempts and stray
    answers have a file each.
    """

    def __init__(self, directory: Path) -> None:
        """Open the files. Raises `LimitError` where the disk does not allow it."""
        self._encoder = msgspec.json.Encoder()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._attempts = _AppendedFile(directory / ATTEMPTS_FILE)
            self._floor = _AppendedFile(directory / FLOOR_FILE)
            self._strays = _AppendedFile(directory / STRAYS_FILE)
        except OSError as error:
            raise _disk_error(directory, error) from error

    def emit(self, record: Record) -> None:
        """Write one line. Raises `LimitError` that names the file when it cannot be written."""
        if not isinstance(record, Attempt):
            file = self._strays
        elif record.source is Source.FLOOR:
            file = self._floor
        else:
            file = self._attempts
        file.append(self._encoder.encode(record) + b"\n")

    def close(self) -> None:
        """Close the files."""
        for file in (self._attempts, self._floor, self._strays):
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AppendedFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o644)

    def append(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError as error:
            self._take_back(written)
            raise _disk_error(self._path, error) from error

    def close(self) -> None:
        os.close(self._descriptor)

    def _take_back(self, written: int) -> None:
        """Remove a line that was written in part, so that it does not spoil the next one."""
        if written:
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            os.ftruncate(self._descriptor, end - written)


def _disk_error(path: Path, error: OSError) -> LimitError:
    directory = path if path.is_dir() else path.parent
    cure = f"ls -ld {directory}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        cure = f"df -h {directory}"
    return LimitError(f"cannot write {path}: {error.strerror}", f"see {cure}")
