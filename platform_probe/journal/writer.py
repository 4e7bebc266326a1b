"""Appends entries to the journal. A line that was written survives the death of the process.

Entries gather in memory and leave with one write for each turn of the event loop. A full disk keeps
them there: the write is tried again, and what finds no room in memory either is dropped and
counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Self

from fleet_wire.contract.attempt import Record
from fleet_wire.errors import ConfigError
from platform_probe.journal.codec import json_line, line_of
from platform_probe.journal.entries import Entry, RecordWritten
from platform_probe.journal.locks import Locked, lock_file
from platform_probe.journal.segments import (
    SEGMENT_BYTES,
    WRITER_LOCK,
    SegmentWriter,
    segments_in,
)

MAX_WAITING_BYTES: Final = 64 * 2**20
"""Lines that wait in memory for a disk that takes none: some minutes of a busy fleet."""
RETRY_S: Final = 1.0


class JournalWriter:
    """The one writer of a journal.

    `soon` calls its argument before the event loop waits again. `on_lost` gets numbers of entries
    that were dropped, `on_problem` why the disk takes none.
    """

    segment_bytes = SEGMENT_BYTES

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        max_age_s: float,
        soon: Callable[[Callable[[], None]], object],
        on_lost: Callable[[int], None],
        on_problem: Callable[[str], None],
    ) -> None:
        """Open the journal, or make one.

        Raises `ConfigError` where another process writes to it, `OSError` of the disk.
        """
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._soon = soon
        self._on_lost = on_lost
        self._on_problem = on_problem
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._stack = ExitStack()
        try:
            self._stack.enter_context(lock_file(directory / WRITER_LOCK))
        except Locked as locked:
            problem = f"{directory}: another monitor writes to this journal ({locked.holder})"
            raise ConfigError([f"{problem}: give each its own out_dir"]) from None
        self._waiting: list[bytes] = []
        self.waiting_bytes = 0
        """How much waits for the disk."""
        self._records: dict[int, tuple[Record, bytes]] = {}
        """The records that came last, by identity, with their lines."""
        self._retry_s = 0.0
        self._segment = SegmentWriter(directory)

    def append(self, entry: Entry) -> None:
        """Append an entry. Never blocks for more than one write to the page cache, never raises."""
        line = line_of(entry)
        waiting = self._waiting
        if self.waiting_bytes + len(line) > MAX_WAITING_BYTES:
            self._on_lost(1)
            return
        if not waiting:
            self._soon(self.flush)
            self._records.clear()
        waiting.append(line)
        self.waiting_bytes += len(line)
        if type(entry) is RecordWritten:
            self._records[id(entry.record)] = entry.record, line

    def json_line(self, record: Record) -> bytes:
        """Return a record as a line of JSON; one of the last to be appended is encoded already."""
        appended, line = self._records.get(id(record), (None, b""))
        return line.partition(b" ")[2] if appended is record else json_line(record)

    def flush(self) -> None:
        """Write what waits. If the disk accepts none it goes on waiting."""
        if not self._waiting:
            return
        now_s = time.monotonic()
        if now_s < self._retry_s:
            return
        try:
            self._segment.append(b"".join(self._waiting))
        except OSError as error:
            self._retry_s = now_s + RETRY_S
            self._on_problem(f"{self._directory}: {error.strerror}")
            return
        self._retry_s = 0.0
        self._waiting.clear()
        self.waiting_bytes = 0
        if self._segment.is_full(self.segment_bytes):
            self._complete()

    def close(self) -> None:
        """Write what waits, and complete the segment."""
        self._retry_s = 0.0
        self.flush()
        self._complete()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _complete(self) -> None:
        """Append no more to the segment, and remove what is too old or too much."""
        with suppress(OSError):
            if self._segment.complete():
                self._trim()

    def _trim(self) -> None:
        """Remove the oldest segments while they are too old, or all of them too much."""
        sizes = [(each, each.path.stat()) for each in segments_in(self._directory)]
        total = sum(there.st_size for _, there in sizes)
        oldest_at = time.time() - self._max_age_s
        for segment, there in sizes[:-1]:
            if total <= self._max_bytes and there.st_mtime >= oldest_at:
                return
            total -= there.st_size
            segment.path.unlink(missing_ok=True)
