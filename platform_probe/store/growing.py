"""A database over files that are written to: what is new is read, and nothing is read again.

Lines that are not packed yet stay in memory. Each read of more lines has a number, up to which a
query reads: the known state of a moment stays while more arrives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from platform_probe.store.duck import Duck, FileGoneError, file_list
from platform_probe.store.layout import ParquetPart
from platform_probe.store.reading import Source, lines_view
from platform_probe.store.schema import TABLES, Table, empty_rows, rows_of_lines

CHUNK_BYTES: Final = 16 * 2**20
"""The part of a file of lines that is read at once."""
_LAST: Final = 2**31 - 1
_UP_TO: Final = "getvariable('reading')"
"""Up to which reading a connection sees."""
_File = tuple[int, int]
"""A file, whatever it is called: the numbers of its device and of itself there."""


class Growing:
    """The database. One thread reads on at a time; any may ask beside it."""

    def __init__(self, source: Source, *, threads: int, memory: str, spill: Path) -> None:
        """Open what is packed. Raises `FileGoneError`."""
        self._source = source
        self._spill = spill
        self._readings = 0
        self._read: dict[str, dict[_File, int]] = {name: {} for name in TABLES}
        """How far each file of lines was read, bytes; renamed it is the same file."""
        self.parts: Mapping[str, Sequence[ParquetPart]] = {
            name: source.files(table).parts for name, table in TABLES.items()
        }
        """The files of each table that are packed."""
        self._duck = Duck(threads=threads, memory=memory, spill=spill)
        for name, table in TABLES.items():
            self._duck.run(
                f"CREATE TABLE kept_{name} AS SELECT *, 0 AS reading FROM ({empty_rows(table)})"
            )
            self._duck.run(
                f"CREATE VIEW {lines_view(table)} AS SELECT * EXCLUDE (reading) FROM kept_{name}"
                f" WHERE reading <= {_UP_TO}"
            )
        source.make_views(self._duck, self.parts)
        for statement in _REVISED_BY_READING:
            self._duck.run(statement)
        self._reader = self._duck.new_connection()

    def read_on(self) -> int | None:
        """Read the lines that were written since; return the number of this reading.

        The number of the last one, where there are none. None: files were packed, or have gone, and
        it takes another database; so it does after `FileGoneError`.
        """
        number, has_new = self._readings + 1, False
        for name, table in TABLES.items():
            files = self._source.files(table)
            if files.parts != self.parts[name]:
                return None
            known, found = self._read[name], [_file_of(path) for path in files.lines]
            sizes = dict(found)
            if any(sizes.get(file, -1) < read for file, read in known.items()):
                return None
            for path, (file, size) in zip(files.lines, found, strict=True):
                for lines in _lines_from(path, known.setdefault(file, 0), size):
                    self._add_lines(table, lines, number)
                    known[file] += len(lines)
                    has_new = True
        if has_new:
            for statement in REVISE:
                self._reader.run(statement, {"number": number})
            self._readings = number
        return self._readings

    def connection(self, number: int) -> Duck:
        """Return a connection for another thread, which sees what was read up to a reading."""
        duck = self._duck.new_connection()
        duck.run(f"SET VARIABLE reading = {number}")
        return duck

    def _add_lines(self, table: Table, lines: bytes, number: int) -> None:
        place = self._spill / f"{table.name}-{number}-{len(lines)}-{os.urandom(4).hex()}.jsonl"
        place.write_bytes(lines)
        try:
            rows = rows_of_lines(table, file_list([place]))
            self._reader.run(f"INSERT INTO kept_{table.name} SELECT *, {number} FROM ({rows})")
        finally:
            place.unlink(missing_ok=True)


def _file_of(path: Path) -> tuple[_File, int]:
    """Return which file it is, whatever it is called, and its size. Raises `FileGoneError`."""
    try:
        stat = path.stat()
    except FileNotFoundError as gone:
        raise FileGoneError(str(gone)) from None
    return (stat.st_dev, stat.st_ino), stat.st_size


def _lines_from(path: Path, read: int, size: int) -> Iterator[bytes]:
    """Yield the whole lines of a file from a place on: the last one may be half written.

    Raises `FileGoneError`.
    """
    if size == read:
        return
    try:
        file = path.open("rb")
    except FileNotFoundError as gone:
        raise FileGoneError(str(gone)) from None
    with file:
        file.seek(read)
        while chunk := file.read(CHUNK_BYTES):
            lines = chunk[: chunk.rfind(b"\n") + 1]
            if not lines:
                return
            file.seek(len(lines) - len(chunk), os.SEEK_CUR)
            yield lines


_REVISED_BY_READING: Final = (
    f"CREATE TABLE kept_revised AS SELECT *, 0 AS since, {_LAST} AS until FROM revised",
    "DROP TABLE revised",
    f"""
    CREATE VIEW revised AS SELECT attempt_id, revision FROM kept_revised
    WHERE {_UP_TO} BETWEEN since AND until
    """,
)
"""Which revision of an unlock holds, by reading: a later one begins where the one before ends."""
_NEW_REVISIONS: Final = (
    "SELECT attempt_id, max(revision) AS revision FROM kept_attempts"
    " WHERE reading = $number AND revision > 1 GROUP BY attempt_id"
)
REVISE: Final = (
    f"""
    UPDATE kept_revised SET until = $number - 1 FROM ({_NEW_REVISIONS}) AS new
    WHERE kept_revised.attempt_id = new.attempt_id AND until = {_LAST} AND since < $number
    """,
    f"INSERT INTO kept_revised SELECT *, $number, {_LAST} FROM ({_NEW_REVISIONS})",
)
