"""The write-ahead lines of the store: a view of the journal, made by the judge's process.

Entries and judgements gather, and are appended with one write for each table. The process commits
how much there is together with its position in the journal. The next process cuts the tables back
to that, so every line stands there exactly once. A file is completed only after a commit: what the
keeper packs is never cut back.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from fleet_wire.contract.attempt import Attempt, Complaint, Source
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.label import Label
from fleet_wire.contract.messages import Command, Telemetry
from fleet_wire.contract.partial import PartialTelemetry
from fleet_wire.contract.topics import NULL_BOXES
from fleet_wire.errors import ConfigError
from fleet_wire.private_files import FOR_GROUP, open_to_append, write_whole
from platform_probe.journal.codec import unsigned
from platform_probe.journal.entries import (
    BrokerLine,
    CarMessage,
    Entry,
    PlatformLine,
    RecordWritten,
    UnlockLabelled,
)
from platform_probe.journal.locks import Locked, lock_file
from platform_probe.journal.segments import COMPLETE, SEGMENT_BYTES, SegmentWriter
from platform_probe.store.bucket import note_bucket
from platform_probe.store.journal import write_cars
from platform_probe.store.layout import (
    STORE_FILE,
    WAL,
    WRITER_LOCK,
    all_segments,
    make_store,
    next_number,
    segment_path,
)
from platform_probe.store.limits import Limits, Report
from platform_probe.store.schema import (
    ATTEMPTS,
    COMPLAINTS,
    DIAGNOSES,
    INCIDENTS,
    LABELS,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    STRAY_ANSWERS,
    TABLES,
)

CLOSE_WITHIN_S: Final = 5.0
"""The time that the keeper gets at the end. The next one does the rest."""
MONITOR_LOCK: Final = "monitor.lock"
KEEPER: Final = (sys.executable, "-P", "-m", "platform_probe.store.process")


class TableEnd(msgspec.Struct, frozen=True):
    """The end of the lines of a table."""

    segment: int
    """The number of the write-ahead file that is appended to, or will be next."""
    bytes: int
    """In it."""


class _Observation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A line of the observations."""

    at: float
    kind: str
    vehicle_id: str | None
    message: Any
    is_retained: bool = False


class _BrokerLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The broker log event, in the fields of a message."""

    status: str
    detail: str | None = None


class StoreWriter:
    """Takes entries of the journal and judgements.

    `on_problem` gets what the keeper complains of, `on_waiting` how many files wait for the bucket.
    `ends` says how much an earlier process had committed.
    """

    segment_bytes = SEGMENT_BYTES

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        *,
        with_telemetry: bool = True,
        ends: Mapping[str, TableEnd] | None = None,
        on_problem: Callable[[str], None],
        on_waiting: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Open the store, or make one.

        Raises `ConfigError` where another process writes to it, or it is of a later version;
        `OSError` of the disk.
        """
        self._directory = directory
        self._limits = limits
        self._with_telemetry = with_telemetry
        self._on_problem = on_problem
        self._on_waiting = on_waiting
        self._encode = msgspec.json.Encoder().encode
        self._keeper: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()
        make_store(directory)
        self._stack.enter_context(_locked(directory, WRITER_LOCK))
        note_bucket(directory, limits.bucket)
        for name, end in (ends or {}).items():
            _cut_back(directory, name, end)
        self._tables = {name: _OpenTable(directory, name) for name in TABLES}
        self._start_keeper()  # what an earlier monitor left, and what is too old

    # What is to be kept

    def add(self, entry: Entry) -> None:
        """Add an entry for the next `write`; entries that no query uses are left out."""
        if isinstance(entry, CarMessage):
            self._observe(entry)
        elif isinstance(entry, RecordWritten):
            self._record(entry)
        elif isinstance(entry, PlatformLine):
            self._append_record(PLATFORM_EVENTS.name, entry.event)
        elif isinstance(entry, BrokerLine):
            self._broker_said(entry.event)
        elif isinstance(entry, UnlockLabelled):
            self._append_record(LABELS.name, entry.label)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Add a revision of a diagnosis."""
        self._append_record(DIAGNOSES.name, diagnosis)

    def incident(self, incident: Incident) -> None:
        """Add a revision of an incident."""
        self._append_record(INCIDENTS.name, incident)

    def cars(self, at: float, messages: Sequence[CarMessage]) -> None:
        """Keep what each car had said last by a moment, for who judges the journal anew.

        Raises `OSError`.
        """
        if self._limits.journal_max_age_s > 0:
            write_cars(self._directory, at, messages)

    def write(self) -> None:
        """Append what was taken. Raises `OSError`; then what is left waits for the next try."""
        for table in self._tables.values():
            table.write()

    def ends(self) -> dict[str, TableEnd]:
        """Return how much there is of each table, for the commit."""
        return {name: table.current_end for name, table in self._tables.items()}

    def committed(self) -> None:
        """Complete the files that are full, now that a commit has what stands in them."""
        full = [one for one in self._tables.values() if one.is_full(self.segment_bytes)]
        for table in full:
            table.complete()
        if self._keeper is not None and self._keeper.poll() is not None:
            self._hear_keeper()
        if full and self._keeper is None:
            self._start_keeper()

    def close(self) -> None:
        """Complete the files: the next keeper makes Parquet of them. All is committed by now."""
        self._end_keeper()
        for table in self._tables.values():  # when no keeper is left that could pack them at once
            table.complete()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Within

    def _record(self, entry: RecordWritten) -> None:
        """Keep a record. Unlocks of the null box are no unlocks, and not kept here."""
        record = entry.record
        if isinstance(record, Complaint):
            self._append_record(COMPLAINTS.name, record)
        elif not isinstance(record, Attempt):
            self._append_record(STRAY_ANSWERS.name, record)
        elif record.source is not Source.FLOOR:
            self._append_record(ATTEMPTS.name, record)

    def _observe(self, entry: CarMessage) -> None:
        message = entry.message
        if not self._with_telemetry and isinstance(message, Telemetry | PartialTelemetry):
            return
        if isinstance(message, Command):
            message = unsigned(message)
        line = _Observation(
            round(entry.at, 6), entry.kind, entry.vehicle_id, message, entry.is_retained
        )
        self._append_record(OBSERVATIONS.name, line)

    def _broker_said(self, event: BrokerEvent) -> None:
        """Keep what the broker's log says of a client, which may be the box of a car."""
        if event.client_id is not None and event.client_id.startswith(NULL_BOXES):
            return
        said = _BrokerLine(event.kind, event.detail)
        self._append_record(
            OBSERVATIONS.name, _Observation(round(event.at, 6), "broker", event.client_id, said)
        )

    def _append_record(self, table: str, record: Any) -> None:
        self._tables[table].add(self._encode(record) + b"\n")

    def _start_keeper(self) -> None:
        limits = self._encode(self._limits).decode()
        command = (*KEEPER, str(self._directory.absolute()), limits)
        try:
            self._keeper = subprocess.Popen(  # noqa: S603 - our own module
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
            )
        except OSError as error:
            self._on_problem(f"the keeper of the store cannot be started: {error}")

    def _hear_keeper(self) -> None:
        """Read the report of a keeper that has ended."""
        keeper = self._keeper
        if keeper is None or keeper.poll() is None:
            return
        self._keeper = None
        assert keeper.stdin is not None  # noqa: S101 - it is a pipe
        assert keeper.stdout is not None  # noqa: S101 - it is a pipe
        with keeper.stdin, keeper.stdout as pipe:
            said = pipe.read()
        try:
            report = msgspec.json.decode(said, type=Report)
        except msgspec.MsgspecError:
            self._on_problem(f"the keeper of the store ended with exit code {keeper.returncode}")
            return
        self._on_waiting(report.waiting)
        for problem in (report.error, report.bucket_error):
            if problem is not None:
                self._on_problem(f"the keeper of the store: {problem}")

    def _end_keeper(self) -> None:
        if self._keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(CLOSE_WITHIN_S)
            if self._keeper.poll() is None:
                self._keeper.kill()
                self._keeper.wait()
            self._hear_keeper()


@contextmanager
def held_by_monitor(directory: Path) -> Iterator[None]:
    """Hold a store for a monitor, and for the judge that it starts, within the block.

    The judge's own lock is taken later, and an earlier judge may still finish its work under it.
    Raises `ConfigError` where another monitor holds the store, `OSError` of the disk.
    """
    with _locked(directory, MONITOR_LOCK):
        yield


class StoreHeldError(ConfigError):
    """Another process writes to a store."""


def keep_label(directory: Path, label: Label) -> None:
    """Keep a label where no monitor does: in a store that none writes to, or in records.

    Raises `StoreHeldError` where a monitor writes to the store, `OSError` of the disk.
    """
    line = msgspec.json.encode(label) + b"\n"
    if not (directory / STORE_FILE).exists():
        with os.fdopen(open_to_append(directory / LABELS.run_file), "ab") as file:
            file.write(line)
        return
    with held_by_monitor(directory), _locked(directory, WRITER_LOCK):
        make_store(directory)
        number = next_number(directory, LABELS.name)
        write_whole(segment_path(directory, LABELS.name, number, COMPLETE), line, FOR_GROUP)


@contextmanager
def _locked(directory: Path, name: str) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_file(directory / name))
        except Locked as locked:
            raise _of_another(directory, locked) from None
        yield


def _of_another(directory: Path, locked: Locked) -> StoreHeldError:
    problem = f"{directory}: another monitor writes to this store (process {locked.holder})"
    return StoreHeldError([f"{problem}: give each its own store.directory"])


class _OpenTable(SegmentWriter):
    """The write-ahead file of a table that is being appended to, and the lines that wait for it."""

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory / WAL, name, least_number=next_number(directory, name))
        self._waiting: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Add a line with its end."""
        self._waiting.append(line)

    def write(self) -> None:
        """Append what was taken. Raises `OSError`; then all of it waits."""
        if self._waiting:
            self.append(b"".join(self._waiting))
            self._waiting.clear()

    @property
    def current_end(self) -> TableEnd:
        """The end of its lines."""
        return TableEnd(self.number, self.size)


def _cut_back(directory: Path, table: str, end: TableEnd) -> None:
    """Remove the lines of a table that came after a moment. Raises `OSError`.

    A later file that is complete is none of the judge's: `keep_label` has put it there.
    """
    for segment in all_segments(directory, table):
        if segment.number > end.segment and segment.is_open:
            segment.path.unlink()
        elif segment.number == end.segment and segment.is_open:
            os.truncate(segment.path, min(end.bytes, segment.path.stat().st_size))
