"""State of a starting measuring process from the journal of the one before it.

The place up to which the platform's log was read stands in the journal, behind the lines that were
read. So whatever ended that process, the next one reads on where the journal ends: no line is lost,
and none is written twice. Lines of unlocks that may have been under way are handed to the joiner
once more, from the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.attempt import Attempt, Record
from fleet_wire.contract.platform_log import MAX_LINE_BYTES, PlatformEvent
from fleet_wire.private_files import open_to_append
from platform_probe.journal.codec import UnreadableLineError, entry_of
from platform_probe.journal.entries import (
    Entry,
    LogPosition,
    MonitorStopped,
    PlatformLine,
    RecordWritten,
)
from platform_probe.journal.segments import Segment, segments_in
from platform_probe.measure.watching.tailed_file import LinePosition, TailedFile
from platform_probe.outputs.earlier import tail_of
from platform_probe.outputs.sinks import file_of

UNDER_WAY_S: Final = 90.0
"""An unlock may have been under way for twice the deadline, and wait for the log."""
TAIL_BYTES: Final = 4 * 2**20
"""The tail of a file of records that is searched for the journal's last ones."""
_OF_CONCERN: Final = frozenset(b"ASCPLE")
"""First letters of the lines that are read; see `journal.codec`."""


class LogRead(msgspec.Struct, frozen=True):
    """How far a platform's log was read."""

    path: str
    place: LinePosition


class EarlierJournal(NamedTuple):
    """The end of the journal of an earlier process."""

    at: float
    """Journal time of its last entry, close to Unix seconds."""
    log_read: LogRead | None
    """How far it had read the platform's log."""
    is_stop: bool
    """Whether it ended in good order: all that was under way has a record."""
    events: Sequence[PlatformEvent]
    """Lines of the platform's log of unlocks that may have been under way."""
    records: Sequence[Record]
    """The records that it wrote since the first of them."""

    @property
    def attempts(self) -> list[Attempt]:
        """The unlocks among the records."""
        return [one for one in self.records if isinstance(one, Attempt)]


def read_before(directory: Path) -> EarlierJournal | None:
    """Return what the end of a journal says; None where there is no journal."""
    entries = _last_entries(directory)
    if not entries:
        return None
    at = entries[-1].at
    log_read: LogRead | None = None
    for entry in entries:
        if isinstance(entry, LogPosition):
            with suppress(msgspec.MsgspecError):
                log_read = msgspec.json.decode(entry.position, type=LogRead)
    late = [entry for entry in entries if entry.at >= at - UNDER_WAY_S]
    return EarlierJournal(
        at=at,
        log_read=log_read,
        is_stop=isinstance(entries[-1], MonitorStopped),
        events=[entry.event for entry in late if isinstance(entry, PlatformLine)],
        records=[entry.record for entry in late if isinstance(entry, RecordWritten)],
    )


def complete_records(directory: Path, records: Sequence[Record]) -> int:
    """Append to their files the last records of the journal that are missing there.

    The journal is written first, so a process that was killed may have left some out. Return how
    many. Raises `OSError`.
    """
    encode = msgspec.json.Encoder().encode
    written: dict[str, set[bytes]] = {}
    missing: dict[str, list[bytes]] = {}
    for record in records:
        name, line = file_of(record), encode(record)
        if name not in written:
            written[name] = set(tail_of(directory / name, TAIL_BYTES).split(b"\n"))
        if line not in written[name]:
            written[name].add(line)
            missing.setdefault(name, []).append(line + b"\n")
    for name, lines in missing.items():
        with os.fdopen(open_to_append(directory / name), "ab") as file:
            file.write(b"".join(lines))
    return sum(map(len, missing.values()))


class ResumedLog(NamedTuple):
    """The platform's log, opened."""

    file: TailedFile
    has_missed: bool
    """Whether something was logged that neither an earlier process has read nor this one will."""


def open_resumed(
    path: Path, before: EarlierJournal | None, *, unix_s: float, within_s: float
) -> ResumedLog:
    """Open the log where an earlier process stopped, at most `within_s` ago; else at its end."""
    read = None if before is None else before.log_read
    if before is None or read is None or read.path != str(path.absolute()):
        return ResumedLog(TailedFile(path, max_line_bytes=MAX_LINE_BYTES), has_missed=False)
    is_recent = unix_s - before.at <= within_s
    since = read.place if is_recent else None
    file = TailedFile(path, max_line_bytes=MAX_LINE_BYTES, since=since)
    return ResumedLog(file, has_missed=not file.is_resumed)


class LogPositions:
    """Notes in the journal how far the log was read. `on_end` is called at its end at first."""

    def __init__(
        self,
        file: TailedFile,
        path: Path,
        *,
        note: Callable[[msgspec.Raw], None],
        on_end: Callable[[], None],
    ) -> None:
        self._file = file
        self._path = str(path.absolute())
        self._note = note
        self._on_end: Callable[[], None] | None = on_end
        self._noted: LinePosition | None = None
        self.taken(is_end=False)

    def taken(self, is_end: bool) -> None:  # noqa: FBT001 - as `follow` calls it
        """Note that all that was read has been taken, and whether that is the end of the file."""
        place = self._file.line_position()
        if place is not None and place != self._noted:
            self._noted = place
            self._note(msgspec.Raw(msgspec.json.encode(LogRead(self._path, place))))
        if is_end and self._on_end is not None:
            self._on_end()
            self._on_end = None


def _last_entries(directory: Path) -> list[Entry]:
    """Return the last entries that are of concern, `UNDER_WAY_S` of them at least."""
    entries: list[Entry] = []
    for segment in reversed(segments_in(directory)):
        entries = [*_entries_of(segment), *entries]
        has_position = any(isinstance(entry, LogPosition) for entry in entries)
        if entries and has_position and entries[-1].at - entries[0].at > UNDER_WAY_S:
            break
    return entries


def _entries_of(segment: Segment) -> Iterator[Entry]:
    with suppress(OSError), segment.path.open("rb") as file:
        for line in file:
            if line[0] in _OF_CONCERN:
                with suppress(UnreadableLineError):
                    yield entry_of(line.rstrip(b"\n"))
