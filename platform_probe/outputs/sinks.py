"""Where records go. A sink has one method; a failing one is isolated, counted and named."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec

from fleet_wire.contract.attempt import Attempt, Complaint, Record, Source
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.errors import LimitError
from platform_probe.outputs.files import AppendedFile, Rotation

ATTEMPTS_FILE: Final = "attempts.jsonl"
FLOOR_FILE: Final = "floor.jsonl"
STRAYS_FILE: Final = "stray_answers.jsonl"
DIAGNOSES_FILE: Final = "diagnoses.jsonl"
COMPLAINTS_FILE: Final = "complaints.jsonl"
_NO_NEEDS: Final[Mapping[str, str]] = {}


class Sink(Protocol):
    """Takes records, one at a time, in the order in which attempts end."""

    def emit(self, record: Record) -> None:
        """Take one record. Whatever is raised is counted, and stops no other sink."""
        ...


class FanOut:
    """Hands each record to each sink, in order. `on_error` gets the sink's name and its error.

    `needs` maps a sink to one before it: what that one could not take, it does not get either.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        on_error: Callable[[str, Exception], None],
        needs: Mapping[str, str] = _NO_NEEDS,
    ) -> None:
        self._sinks = tuple((name, sink, needs.get(name)) for name, sink in sinks.items())
        self._on_error = on_error

    def emit(self, record: Record) -> None:
        """Hand the record on; never raises for a sink's sake."""
        failed: tuple[str, ...] = ()
        for name, sink, needed in self._sinks:
            if needed in failed:
                continue
            try:
                sink.emit(record)
            except Exception as error:  # noqa: BLE001 - one sink must not starve the others
                failed = (*failed, name)
                self._on_error(name, error)


class JsonlSink:
    """Appends each record as one line to a file of `directory`, with one unbuffered write.

    A line that was written survives the death of the process. Attempts, floor attempts, stray
    answers and complaints have a file each.
    """

    def __init__(self, directory: Path, rotation: Rotation | None = None) -> None:
        """Open the files. Raises `LimitError` where the disk does not allow it."""
        self._encoder = msgspec.json.Encoder()
        try:
            self._attempts = AppendedFile(directory / ATTEMPTS_FILE, rotation)
            self._floor = AppendedFile(directory / FLOOR_FILE, rotation)
            self._strays = AppendedFile(directory / STRAYS_FILE, rotation)
            self._complaints = AppendedFile(directory / COMPLAINTS_FILE, rotation)
        except OSError as error:
            raise disk_error(directory, error) from error

    def emit(self, record: Record) -> None:
        """Write one line. Raises `LimitError` that names the file when it cannot be written."""
        if isinstance(record, Complaint):
            file = self._complaints
        elif not isinstance(record, Attempt):
            file = self._strays
        elif record.source is Source.FLOOR:
            file = self._floor
        else:
            file = self._attempts
        try:
            file.append(self._encoder.encode(record) + b"\n")
        except OSError as error:
            raise disk_error(file.path, error) from error

    def close(self) -> None:
        """Close the files."""
        for file in (self._attempts, self._floor, self._strays, self._complaints):
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DiagnosesFile:
    """Appends each diagnosis as a line to a file of its own, with one unbuffered write.

    `on_error` gets what the disk does not take, as that of `FanOut` does of the records.
    """

    def __init__(
        self,
        directory: Path,
        rotation: Rotation | None = None,
        *,
        on_error: Callable[[str, Exception], None],
    ) -> None:
        """Open the file. Raises `LimitError` where the disk does not allow it."""
        self._encoder = msgspec.json.Encoder()
        self._on_error = on_error
        try:
            self._file = AppendedFile(directory / DIAGNOSES_FILE, rotation)
        except OSError as error:
            raise disk_error(directory, error) from error

    def tell(self, diagnosis: Diagnosis) -> None:
        """Write one line."""
        try:
            self._file.append(self._encoder.encode(diagnosis) + b"\n")
        except OSError as error:
            self._on_error("jsonl", disk_error(self._file.path, error))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def disk_error(path: Path, error: OSError) -> LimitError:
    """Return what to tell of a file or directory that cannot be written."""
    directory = path if path.is_dir() else path.parent
    cure = f"ls -ld {directory}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        cure = f"df -h {directory}"
    return LimitError(f"cannot write {path}: {error.strerror}", f"see {cure}")
