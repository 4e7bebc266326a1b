"""Reads a journal from a position on, while it is being written to or afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from platform_probe.journal.codec import UnreadableLineError, entry_of
from platform_probe.journal.entries import Entry
from platform_probe.journal.segments import Position, segments_in

CHUNK_BYTES: Final = 256 * 1024
"""The bytes that are read at once: some hundred entries."""
BEGINNING: Final = Position(0, 0)


class Batch(NamedTuple):
    """Entries that were read together."""

    entries: list[Entry]
    position: Position
    """After the last of them."""


class JournalReader:
    """Gives entries in order. `missed` counts segments that were removed before they were read.

    Lines that begin with a letter of `without` are passed over.
    """

    def __init__(
        self, directory: Path, position: Position = BEGINNING, *, without: bytes = b""
    ) -> None:
        self._directory = directory
        self._without = without
        self.position = position
        """Up to where entries were given."""
        self._file: BinaryIO | None = None
        self._is_open_segment = False
        self.missed = 0
        self.unreadable = 0
        """Lines that are torn, or damaged."""

    def read(self, until: Position | None = None) -> Batch | None:
        """Return what has come since the last call, at most some; None: nothing has.

        Nothing after `until` is read.
        """
        while True:
            if self._file is None and not self._open():
                return None
            chunk = self._chunk(until)
            end = chunk.rfind(b"\n") + 1
            if end:
                return self._batch(chunk[:end])
            if not self._go_on(chunk):
                return None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        """Open the segment of the position, or the next one there is; return whether there is."""
        number, offset = self.position
        later = [each for each in segments_in(self._directory) if each.number >= number]
        if not later:
            return False
        first = later[0]
        if first.number != number:
            self.missed += first.number - number if number else 0
            offset = 0
        try:
            self._file = first.path.open("rb")
            self._file.seek(offset)
        except FileNotFoundError:  # it was just completed or removed
            self._file = None
            return False
        self._is_open_segment = first.is_open
        self.position = Position(first.number, offset)
        return True

    def _chunk(self, until: Position | None) -> bytes:
        assert self._file is not None  # noqa: S101 - it was opened
        segment, offset = self.position
        most = CHUNK_BYTES
        if until is not None and segment == until.segment:
            most = min(most, max(until.offset - offset, 0))
        self._file.seek(offset)
        return self._file.read(most)

    def _batch(self, lines: bytes) -> Batch:
        entries: list[Entry] = []
        without = self._without
        for line in lines.splitlines():
            if not line or line[0] in without:
                continue  # an empty one: the end of a line that an earlier writer left unfinished
            try:
                entries.append(entry_of(line))
            except UnreadableLineError:
                self.unreadable += 1
        self.position = Position(self.position.segment, self.position.offset + len(lines))
        return Batch(entries, self.position)

    def _go_on(self, rest: bytes) -> bool:
        """Open the next segment where this one ends; return whether there is more to read."""
        number = self.position.segment
        if self._is_open_segment:
            now = next((e for e in segments_in(self._directory) if e.number >= number), None)
            if now is None or (now.number == number and now.is_open):
                return False  # more may be appended
            self.close()  # it is complete by now: read once more what may have come before that
            if now.number == number:
                return True
            self.missed += now.number - number - 1
            self.position = Position(now.number, 0)
            return True
        if len(rest) == CHUNK_BYTES:
            self.unreadable += 1  # no line is so long
        elif rest:
            self.unreadable += 1  # torn by the death of its writer
        self.close()
        if not any(each.number > number for each in segments_in(self._directory)):
            self.position = Position(number, self.position.offset + len(rest))
            return False
        self.position = Position(number + 1, 0)
        return True


def entries_in(directory: Path, since: Position = BEGINNING) -> Iterator[Entry]:
    """Yield all entries of a journal from a position on."""
    reader = JournalReader(directory, since)
    try:
        while batch := reader.read():
            yield from batch.entries
    finally:
        reader.close()
