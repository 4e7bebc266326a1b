"""Sinks of records. A sink has one method; a failing one is isolated, counted and named."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol, Self, runtime_checkable

from fleet_wire.contract.attempt import Attempt, Complaint, Record, Source
from fleet_wire.errors import LimitError
from platform_probe.journal.codec import json_line
from platform_probe.journal.files import AppendedFile, Rotation

ATTEMPTS_FILE: Final = "attempts.jsonl"
FLOOR_FILE: Final = "floor.jsonl"
STRAYS_FILE: Final = "stray_answers.jsonl"
DIAGNOSES_FILE: Final = "diagnoses.jsonl"
INCIDENTS_FILE: Final = "incidents.jsonl"
COMPLAINTS_FILE: Final = "complaints.jsonl"
_NO_NEEDS: Final[Mapping[str, str]] = {}


class Sink(Protocol):
    """Takes records, one at a time, in the order in which attempts end."""

    def emit(self, record: Record) -> None:
        """Handle one record. Any exception is counted, and stops no other sink."""
        ...


@runtime_checkable
class SinkOfSeveral(Sink, Protocol):
    """A sink that can take several records at once."""

    def emit_together(self, records: Sequence[Record]) -> None:
        """Handle records. If it raises, all of them count as failed."""
        ...


class FanOut:
    """Hands each record to each sink, in order. `on_error` gets the sink's name and its error.

    `needs` maps a sink to one before it: what that one could not take, it does not get either.

    `soon` calls its argument before the event loop waits again. With it the records of one turn of
    the loop go out together, to sinks of several at once (see `SinkOfSeveral`). A caller that needs
    them out now calls `flush`.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        on_error: Callable[[str, Exception], None],
        needs: Mapping[str, str] = _NO_NEEDS,
        soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._sinks = sinks
        self._together: dict[str, Callable[[Sequence[Record]], None]] = {
            name: sink.emit_together
            for name, sink in sinks.items()
            if isinstance(sink, SinkOfSeveral)
        }
        self._needs = needs
        self._on_error = on_error
        self._soon = soon
        self._gathered: list[Record] = []

    def emit(self, record: Record) -> None:
        """Hand the record on, now or soon; never raises for a sink's sake."""
        self._gathered.append(record)
        if self._soon is None:
            self.flush()
        elif len(self._gathered) == 1:
            self._soon(self.flush)

    def flush(self) -> None:
        """Hand on what has gathered; never raises for a sink's sake."""
        records, self._gathered = self._gathered, []
        taken: dict[str, Sequence[Record]] = {}
        for name, sink in self._sinks.items():
            needed = self._needs.get(name)
            taken[name] = self._taken(name, sink, records if needed is None else taken[needed])

    def _taken(self, name: str, sink: Sink, records: Sequence[Record]) -> Sequence[Record]:
        """Hand records to a sink; return those that it has taken."""
        together = self._together.get(name)
        if together is not None and len(records) > 1:
            try:
                together(records)
            except Exception as error:  # noqa: BLE001 - as below
                for _ in records:
                    self._on_error(name, error)
                return ()
            return records
        taken: list[Record] = []
        for record in records:
            try:
                sink.emit(record)
            except Exception as error:  # noqa: BLE001 - one sink must not starve the others
                self._on_error(name, error)
            else:
                taken.append(record)
        return taken


class JsonlSink:
    """Appends each record as one line to a file of `directory`, with one unbuffered write.

    Records that are handed over together go into one write for each file. A line that was written
    survives the death of the process. Attempts, floor attempts, stray answers and complaints have a
    file each. `line_of` makes the line of a record.
    """

    def __init__(
        self,
        directory: Path,
        rotation: Rotation | None = None,
        line_of: Callable[[Record], bytes] = json_line,
    ) -> None:
        """Open the files. Raises `LimitError` where the disk does not allow it."""
        self._line_of = line_of
        with disk_errors(directory):
            self._files = {
                name: AppendedFile(directory / name, rotation)
                for name in (ATTEMPTS_FILE, FLOOR_FILE, STRAYS_FILE, COMPLAINTS_FILE)
            }

    def emit(self, record: Record) -> None:
        """Write one line."""
        self._append(file_of(record), (record,))

    def emit_together(self, records: Iterable[Record]) -> None:
        """Write a line of each, those of one file at once. Raises `LimitError` as `emit` does.

        Lines already written stay in their file; all the same the batch counts as failed.
        """
        for name, of_file in groupby(records, file_of):
            self._append(name, of_file)

    def _append(self, name: str, records: Iterable[Record]) -> None:
        file = self._files[name]
        with disk_errors(file.path):
            file.append(b"".join(map(self._line_of, records)))

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def file_of(record: Record) -> str:
    """Return the name of the file that a record belongs to."""
    if isinstance(record, Attempt):
        return FLOOR_FILE if record.source is Source.FLOOR else ATTEMPTS_FILE
    return COMPLAINTS_FILE if isinstance(record, Complaint) else STRAYS_FILE


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise `LimitError` for what the disk does not allow within the block."""
    try:
        yield
    except OSError as error:
        directory = path if path.is_dir() else path.parent
        cure = f"ls -ld {directory}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            cure = f"df -h {directory}"
        raise LimitError(f"cannot write {path}: {error.strerror}", f"see {cure}") from error
