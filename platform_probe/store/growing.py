"""A database over files that are written to: what is new is read, and nothing is read again.

Lines that are not packed yet stay in memory. A connection sees what was known when it was made, by
a transaction of DuckDB: the known state of a moment stays while more arrives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from platform_probe.store.duck import Duck, FileGoneError, file_list
from platform_probe.store.layout import ParquetPart
from platform_probe.store.reading import Source, lines_view
from platform_probe.store.schema import ATTEMPTS, TABLES, Table, empty_rows, rows_of_lines

CHUNK_BYTES: Final = 16 * 2**20
"""The part of a file of lines that is read at once."""
_File = tuple[int, int]
"""A file, whatever it is called: the numbers of its device and of itself there."""


class Growing:
    """The database. One thread reads on at a time; any may ask beside it."""

    def __init__(self, source: Source, *, threads: int, memory: str, spill: Path) -> None:
        """Open what is packed. Raises `FileGoneError`."""
        self._source = source
        self._spill = spill
        self._read: dict[str, dict[_File, int]] = {name: {} for name in TABLES}
        """How far each file of lines was read, bytes; renamed it is the same file."""
        self.parts: Mapping[str, Sequence[ParquetPart]] = {
            name: source.files(table).parts for name, table in TABLES.items()
        }
        """The files of each table that are packed."""
        self._duck = Duck(threads=threads, memory=memory, spill=spill)
        for table in TABLES.values():
            self._duck.run(f"CREATE TABLE {lines_view(table)} AS {empty_rows(table)}")
        source.make_views(self._duck, self.parts)
        self._reader = self._duck.new_connection()

    def read_on(self) -> bool | None:
        """Read the lines that were written since; return whether there were any.

        None: files were packed, or have gone, and it takes another database; so it does after
        `FileGoneError`.
        """
        has_new = False
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
                    self._add_lines(table, lines)
                    known[file] += len(lines)
                    has_new = True
        return has_new

    def connection(self) -> Duck:
        """Return a connection for another thread: it sees what was read by its first question."""
        duck = self._duck.new_connection()
        duck.run("BEGIN")
        return duck

    def _add_lines(self, table: Table, lines: bytes) -> None:
        place = self._spill / f"{table.name}-{len(lines)}-{os.urandom(4).hex()}.jsonl"
        place.write_bytes(lines)
        try:
            rows = rows_of_lines(table, file_list([place]))
            self._reader.run(f"CREATE OR REPLACE TEMP TABLE added AS {rows}")
        finally:
            place.unlink(missing_ok=True)
        self._reader.run(f"INSERT INTO {lines_view(table)} FROM added")
        if table is ATTEMPTS:
            for statement in _REVISE:
                self._reader.run(statement)


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


_NEW_REVISIONS: Final = (
    "SELECT attempt_id, max(revision) AS revision FROM added WHERE revision > 1 GROUP BY attempt_id"
)
_REVISE: Final = (
    f"""
    DELETE FROM revised USING ({_NEW_REVISIONS}) AS new
    WHERE revised.attempt_id = new.attempt_id AND revised.revision < new.revision
    """,
    f"INSERT INTO revised FROM ({_NEW_REVISIONS}) AS new ANTI JOIN revised USING (attempt_id)",
)
"""They bring up to date which revision of an unlock holds, by the lines that were added last."""
