"""The monitor's end of the store: lines go to write-ahead files, the rest is the keeper's.

Nothing here makes the path of an unlock wait. Whatever is to be kept is encoded and left to a
thread, which appends it to the file of its table, many lines with one write; what finds the queue
full is dropped and counted. A line that was written survives the death of the process.

Whoever can hand on again what was in the queue then asks to be told when all is written
(`when_kept`), and notes how much that is. From then on files are completed only when that has been
noted, so that what was written later is still there as lines, to be recognised.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Self

import msgspec

from fleet_wire.background import BackgroundWriter
from fleet_wire.contract.attempt import Attempt, Complaint, Record, Source
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.messages import Action, Command, Telemetry
from fleet_wire.contract.partial import PartialTelemetry
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import NULL_BOXES, TopicKind
from fleet_wire.errors import ConfigError
from platform_probe.outputs.files import AppendedFile
from platform_probe.store.bucket import note_bucket
from platform_probe.store.kept import End, Kept, kept_since
from platform_probe.store.layout import (
    COMPLETE,
    OPEN,
    WRITER_LOCK,
    all_segments,
    make_store,
    next_number,
    segment_path,
)
from platform_probe.store.limits import Limits, Report
from platform_probe.store.locks import Locked, lock_file
from platform_probe.store.schema import (
    ATTEMPTS,
    COMPLAINTS,
    DIAGNOSES,
    INCIDENTS,
    OBSERVATIONS,
    PLATFORM_EVENTS,
    STRAY_ANSWERS,
    TABLES,
)

SEGMENT_BYTES: Final = 16 * 2**20
"""A write-ahead file is complete then: whoever reads has to go through it line by line."""
SEGMENT_S: Final = 300.0
"""And after so long, where another line comes."""
UNNOTED_TIMES: Final = 2
"""A file that is to be noted first, and is not, is completed when it is so many times as large."""
MAX_QUEUED: Final = 50_000
"""Lines that wait for the disk: some seconds of a busy fleet."""
CLOSE_WITHIN_S: Final = 5.0
"""At the end the disk gets so long for what still waits, and then the keeper. What it leaves, the
next one does."""
KEEPER: Final = (sys.executable, "-P", "-m", "platform_probe.store.process")
_LETTERS: Final = {
    ATTEMPTS.name: b"A",
    STRAY_ANSWERS.name: b"S",
    COMPLAINTS.name: b"C",
    DIAGNOSES.name: b"D",
    INCIDENTS.name: b"I",
    OBSERVATIONS.name: b"O",
    PLATFORM_EVENTS.name: b"P",
}
_MARK: Final = b"M"
"""Begins a line that is none of a table: somebody is to be told when all before it is written."""
_AGAIN: Final = (ATTEMPTS.name, PLATFORM_EVENTS.name)
"""Tables of what is handed on again after a kill."""
_TABLE_OF: Final = {letter[0]: table for table, letter in _LETTERS.items()}


class _Heard(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A line of the observations."""

    at: float
    kind: str
    vehicle_id: str | None
    message: Any
    is_retained: bool = False


class _Asked(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is kept of a command: its signature would be worth something to somebody."""

    command_id: str
    action: Action
    issued_at: int
    expires_at: int
    counter: int
    booking_id: str | None = None


class _Said(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the broker's log said, in the fields of a message."""

    status: str
    detail: str | None = None


class StoreWriter:
    """Takes records, messages and lines of the platform's log; a sink of records.

    `on_lost` gets numbers of lines that were not kept, `on_problem` what the keeper complains of,
    `on_waiting` how many files wait for the bucket; all from a thread.

    `kept` says how much there was when an earlier process noted it last. What it has written later
    is not written once more: records and lines of the platform's log of then are handed on again.
    """

    kinds: Final = frozenset(TopicKind)
    """Of messages that are heard: all."""
    segment_bytes = SEGMENT_BYTES

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        *,
        with_telemetry: bool = True,
        unix_s: Callable[[], float] = time.time,
        on_lost: Callable[[int], None],
        on_problem: Callable[[str], None],
        on_waiting: Callable[[int], None] = lambda _: None,
        kept: Kept | None = None,
    ) -> None:
        """Open the store, or make one.

        Raises `ConfigError` where another process writes to it, or it is of a later version;
        `OSError` of the disk.
        """
        self._directory = directory
        self._limits = limits
        self._with_telemetry = with_telemetry
        self._unix_s = unix_s
        self._on_lost = on_lost
        self._on_problem = on_problem
        self._on_waiting = on_waiting
        self._encode = msgspec.json.Encoder().encode
        self._keeper: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()
        make_store(directory)
        try:
            self._stack.enter_context(lock_file(directory / WRITER_LOCK))
        except Locked as locked:
            problem = f"{directory}: another monitor writes to this store (process {locked.holder})"
            raise ConfigError([f"{problem}: give each its own store.directory"]) from None
        note_bucket(directory, limits.bucket)
        ends = {} if kept is None else kept.ends
        self._there = {name: kept_since(directory, name, end) for name, end in ends.items()}
        """By table, lines of an earlier process that may be handed on again."""
        self._marks: SimpleQueue[tuple[int, Callable[[Kept], None]]] = SimpleQueue()
        """Who is to be told when all up to a mark is written."""
        self._last_mark = 0
        self._is_noted = kept is None
        """Whether this process may complete files: how much they have has been noted."""
        self._tables = {name: _OpenTable(directory, name) for name in TABLES}
        if self._is_noted:
            for table in self._tables.values():
                table.complete_left()
        self._thread = BackgroundWriter(self._write, on_lost=on_lost, max_queued=MAX_QUEUED)
        self._start_keeper()  # what an earlier monitor left, and what is too old

    # What is to be kept

    def emit(self, record: Record) -> None:
        """Take a record. Unlocks of the null box are no unlocks, and not kept here."""
        if isinstance(record, Complaint):
            self._put(COMPLAINTS.name, record)
        elif not isinstance(record, Attempt):
            self._put(STRAY_ANSWERS.name, record)
        elif record.source is not Source.FLOOR:
            self._put(ATTEMPTS.name, record)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Take a revision of what an unlock may have failed of."""
        self._put(DIAGNOSES.name, diagnosis)

    def incident(self, incident: Incident) -> None:
        """Take a revision of an incident."""
        self._put(INCIDENTS.name, incident)

    def heard(
        self, kind: TopicKind, vehicle_id: str, message: Any, /, *, is_retained: bool
    ) -> None:
        """Take a message of a car, or a command to one, whose signature is not kept."""
        if not self._with_telemetry and isinstance(message, Telemetry | PartialTelemetry):
            return
        if isinstance(message, Command):
            message = _Asked(
                message.command_id,
                message.action,
                message.issued_at_ms,
                message.expires_at_ms,
                message.counter,
                message.booking_id,
            )
        line = _Heard(round(self._unix_s(), 6), kind, vehicle_id, message, is_retained)
        self._put(OBSERVATIONS.name, line)

    def follower(self, vehicle_id: str) -> None:  # noqa: ARG002 - the form of `Hears`
        """Let no heartbeat be left out: each is kept."""
        return

    def came_together(self, heartbeats: int) -> None:
        """Take nothing: no heartbeat comes by routine where one is kept."""

    def broker_said(self, event: BrokerEvent) -> None:
        """Take what the broker's log says of a client, which may be the box of a car."""
        if event.client_id is not None and event.client_id.startswith(NULL_BOXES):
            return
        said = _Said(event.kind, event.detail)
        self._put(OBSERVATIONS.name, _Heard(round(event.at, 6), "broker", event.client_id, said))

    def removed(self, vehicle_id: str) -> None:
        """Keep what there is of a car that was taken out of service."""

    def platform_event(self, event: PlatformEvent) -> None:
        """Take a line of the platform's log."""
        self._put(PLATFORM_EVENTS.name, event)

    def caught_up(self) -> None:
        """Take that nothing of an earlier process is handed on again any more."""
        self._there.clear()

    def when_kept(self, then: Callable[[Kept], None]) -> None:
        """Call `then`, from the thread, when all that was taken up to now is written.

        It gets how much that is. Only the last of several that may be called is.
        """
        self._last_mark += 1
        self._marks.put((self._last_mark, then))
        self._thread.enqueue(_MARK + str(self._last_mark).encode() + b"\n")

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for the disk that a log which can be read later should be."""
        return self._thread.is_behind

    def close(self) -> None:
        """Write what waits, and complete the files: the next keeper makes Parquet of them."""
        is_written = self._thread.close(CLOSE_WITHIN_S)
        self._end_keeper()
        if is_written and self._is_noted:  # when no keeper is left that could pack them at once
            for table in self._tables.values():
                table.complete()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Within

    def _put(self, table: str, record: Any) -> None:
        line = self._encode(record)
        there = self._there.get(table)
        if there and line in there:
            there.remove(line)
        else:
            self._thread.enqueue(_LETTERS[table] + line + b"\n")

    def _write(self, lines: bytes) -> None:
        """Append lines to the files of their tables. In the thread."""
        mark_at = (b"\n" + lines).rfind(b"\n" + _MARK)  # a line's own text has no end of line
        is_complete = False
        if mark_at >= 0:
            before, (mark, _, lines) = lines[:mark_at], lines[mark_at:].partition(b"\n")
            self._append(before)
            is_complete = self._reached(int(mark[1:]))
        self._append(lines)
        if self._is_noted:
            is_complete |= self._complete(self._full(UNNOTED_TIMES if self._last_mark else 1))
        if is_complete or (self._keeper is not None and self._keeper.poll() is not None):
            self._hear_keeper()
        if is_complete and self._keeper is None:
            self._start_keeper()

    def _append(self, lines: bytes) -> None:
        of_table: dict[str, list[bytes]] = {}
        for line in lines.splitlines(keepends=True):
            if line[0] != _MARK[0]:
                of_table.setdefault(_TABLE_OF[line[0]], []).append(line[1:])
        for name, its_lines in of_table.items():
            table = self._tables[name]
            try:
                table.append(b"".join(its_lines))
            except OSError as error:
                self._on_lost(len(its_lines))
                self._on_problem(f"{table.path}: {error.strerror}")

    def _reached(self, mark: int) -> bool:
        """Tell who asked that all before a mark is written; return whether files are complete."""
        number, then = self._marks.get()
        while number < mark:
            number, then = self._marks.get()
        full, is_first = self._full(), not self._is_noted
        ends = {name: self._tables[name].end for name in _AGAIN}
        then(Kept(ends, is_full=is_first or bool(full)))
        self._is_noted = True
        if is_first:
            for table in self._tables.values():
                table.complete_left()
        return self._complete(full) or is_first

    def _full(self, times: int = 1) -> list[_OpenTable]:
        """Return those whose files are full, or so many times that."""
        return [one for one in self._tables.values() if one.is_full(self.segment_bytes, times)]

    def _complete(self, full: list[_OpenTable]) -> bool:
        for table in full:
            table.complete()
        return bool(full)

    def _start_keeper(self) -> None:
        limits = self._encode(self._limits).decode()
        command = (*KEEPER, str(self._directory.absolute()), limits)
        try:
            self._keeper = subprocess.Popen(  # noqa: S603 - our own module
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0
            )
        except OSError as error:
            self._on_problem(f"the keeper of the store cannot be started: {error}")

    def _hear_keeper(self) -> None:
        """Take the report of a keeper that has ended."""
        keeper = self._keeper
        if keeper is None or keeper.poll() is None:
            return
        self._keeper = None
        assert keeper.stdout is not None  # noqa: S101 - it is a pipe
        with keeper.stdout as pipe:
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


class _OpenTable:
    """The write-ahead file of a table that is being appended to."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._file: AppendedFile | None = None
        self._bytes = 0
        self._since_s = 0.0
        self._left = [each.path for each in all_segments(directory, name) if each.is_open]
        """Whoever appended to them is dead: we have the lock."""
        self._number = next_number(directory, name)
        """Of the file that is appended to, or will be next: nobody else makes any."""

    @property
    def path(self) -> Path:
        """Where lines go."""
        return self._directory if self._file is None else self._file.path

    def complete_left(self) -> None:
        """Let the keeper have what an earlier process appended to."""
        for path in self._left:
            _complete(path)
        self._left = []

    def append(self, lines: bytes) -> None:
        """Append whole lines. Raises `OSError`; then nothing is written."""
        if self._file is None:
            path = segment_path(self._directory, self._name, self._number, OPEN)
            self._file = AppendedFile(path)
            self._bytes, self._since_s = 0, time.monotonic()
        self._file.append(lines)
        self._bytes += len(lines)

    @property
    def end(self) -> End:
        """The end of its lines."""
        return End(self._number, 0 if self._file is None else self._bytes)

    def is_full(self, most_bytes: int, times: int = 1) -> bool:
        """Return whether the file should be completed, or is so many times as large or as old."""
        if self._file is None:
            return False
        age_s = time.monotonic() - self._since_s
        return self._bytes >= times * most_bytes or age_s >= times * SEGMENT_S

    def complete(self) -> None:
        """Append no more to the file: the keeper may have it."""
        if self._file is not None:
            self._file.close()
            _complete(self._file.path)
            self._file = None
            self._number += 1


def _complete(path: Path) -> None:
    if path.stat().st_size:
        os.rename(path, path.with_suffix(COMPLETE))  # noqa: PTH104 - must fail where it exists
    else:
        path.unlink()
