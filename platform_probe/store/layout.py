"""Names in a store's directory: the listing is the index, and says which files count.

::

    store.json                                    what this is, and its version
    writer.lock, keeper.lock                      held by the one who writes, and the one who tidies
    wal/attempts-00000007.open                    being appended to
    wal/attempts-00000006.jsonl                   complete, to become Parquet
    attempts/00000001-00000005.1767229200.1767225600-1767229195.0c8d51b2.parquet
    attempt_keys_5d6f1c02/...                     under the same names: which car an id belongs to;
                                                  the digits stand for the hash of the ids
    attempt_sums/...                              under the same names: how many, how many failed
    attempts/....parquet.s3                       a marker: the file of this name is in a bucket
    journal/                                      its packed segments, or their markers
    s3.json, cache/                               which bucket that is; copies of files in it

A Parquet file's name has the first and the last number of its write-ahead files, and the time when
the last of them was complete. The earliest and latest time of its rows (Unix seconds) and a digest
of its columns follow. A file whose numbers lie within those of another does not count. The keeper
that made the other was stopped before it had removed this one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.private_files import FOR_GROUP, write_whole
from platform_probe.journal.segments import Segment, segments_in
from platform_probe.journal.segments import segment_path as path_of_segment
from platform_probe.texts.spoken_error import spoken_error

VERSION: Final = 14
"""The version of the tables and of the names. A store of a later one is refused."""
OLDEST: Final = 6
"""Stores of earlier versions are refused too: no release has written one."""
FORMAT: Final = "unlockpath-store"
STORE_FILE: Final = "store.json"
WRITER_LOCK: Final = "writer.lock"
KEEPER_LOCK: Final = "keeper.lock"
WAL: Final = "wal"
TEMPORARY: Final = "tmp"
JOURNAL: Final = "journal"
"""The folder of the packed journal."""
AWAY: Final = ".s3"
"""After the name of a file that is in a bucket: a marker, which holds its size."""
_PART: Final = re.compile(r"(\d{8,})-(\d{8,})\.(\d+)\.(\d+)-(\d+)\.([0-9a-f]+)\.parquet(?:\.s3)?")


class _StoreFile(msgspec.Struct):
    format: str
    version: int


@dataclass(frozen=True, slots=True, order=True)
class ParquetPart:
    """One Parquet file of a table."""

    first: int
    last: int
    complete_at: int
    """When the last of its write-ahead files was complete, Unix seconds."""
    earliest: int
    latest: int
    """The time of its latest row, Unix seconds, rounded down and up."""
    path: Path
    form: str
    """The `Table.form` that it was written with."""

    def covers(self, first: int, last: int) -> bool:
        """Return whether this file contains all these numbers."""
        return self.first <= first and last <= self.last


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """One complete file of a store, whatever it holds."""

    complete_at: int
    """When it was complete, Unix seconds."""
    folder: str
    """The name of its table, or `JOURNAL`."""
    path: Path


def is_away(path: Path) -> bool:
    """Return whether a file is in a bucket, and only its marker here."""
    return path.suffix == AWAY


def own_name(path: Path) -> str:
    """Return the name of a file, also where only its marker is here."""
    return path.name.removesuffix(AWAY)


def part_name(
    *, first: int, last: int, complete_at: int, earliest: int, latest: int, form: str
) -> str:
    """Return the name of a Parquet file."""
    return f"{first:08d}-{last:08d}.{complete_at}.{earliest}-{latest}.{form}.parquet"


def segment_path(directory: Path, table: str, number: int, suffix: str) -> Path:
    """Return where a write-ahead file lies."""
    return path_of_segment(directory / WAL, number, suffix, table)


def parquet_parts(directory: Path, table: str) -> list[ParquetPart]:
    """Return the Parquet files of a table, in order, those included that do not count."""
    found = []
    for path in _part_paths(directory / table):
        if match := _PART.fullmatch(path.name):
            first, last, complete_at, earliest, latest = map(int, match.groups()[:5])
            found.append(ParquetPart(first, last, complete_at, earliest, latest, path, match[6]))
    return sorted(found)


def live_parts(parts: Iterable[ParquetPart]) -> list[ParquetPart]:
    """Return those that count, in order: none is within another."""
    live: list[ParquetPart] = []
    for part in sorted(parts, key=lambda each: (each.first, -each.last)):
        if not live or not live[-1].covers(part.first, part.last):
            live.append(part)
    return live


def live_segments(directory: Path, table: str, parts: Iterable[ParquetPart]) -> list[Segment]:
    """Return the write-ahead files of a table that are in none of the parts, in order."""
    return not_within(all_segments(directory, table), list(parts))


def not_within(segments: Iterable[Segment], parts: Sequence[ParquetPart]) -> list[Segment]:
    """Return those that are in none of the parts."""
    return [
        each
        for each in segments
        if not any(part.covers(each.number, each.number) for part in parts)
    ]


def all_segments(directory: Path, table: str) -> list[Segment]:
    """Return the write-ahead files of a table, in order."""
    return segments_in(directory / WAL, table)


def next_number(directory: Path, table: str) -> int:
    """Return the number of the next write-ahead file."""
    last = [part.last for part in parquet_parts(directory, table)]
    return max([0, *last, *(each.number for each in all_segments(directory, table))]) + 1


def check_is_store(directory: Path) -> int:
    """Return the version of a store. Raises `ConfigError` where it is none, or not one of ours."""
    try:
        found = msgspec.json.decode((directory / STORE_FILE).read_bytes(), type=_StoreFile)
    except FileNotFoundError:
        raise spoken_error("store.none", directory=str(directory), file=STORE_FILE) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError([f"{directory / STORE_FILE}: cannot be read: {error}"]) from None
    if found.format != FORMAT:
        raise ConfigError([f"{directory / STORE_FILE}: says {found.format!r}, expected {FORMAT!r}"])
    if found.version > VERSION:
        raise spoken_error(
            "store.later", directory=str(directory), version=found.version, known=VERSION
        )
    if found.version < OLDEST:
        problem = f"this store has version {found.version}, of no release"
        raise ConfigError([f"{directory}: {problem}: choose another directory"])
    return found.version


def make_store(directory: Path) -> None:
    """Make the directory a store of our version, or bring an older one up to it.

    Nothing needs to be rewritten for that: what an older file lacks is null. Raises `ConfigError`
    for a later version and for a directory that holds something else, `OSError` of the disk.
    """
    if (directory / STORE_FILE).exists():
        if check_is_store(directory) == VERSION:
            return
    elif directory.exists() and any(directory.iterdir()):
        raise ConfigError([f"{directory}: is not empty and no store: choose another directory"])
    (directory / WAL).mkdir(parents=True, exist_ok=True)
    content: Any = {"format": FORMAT, "version": VERSION}
    write_whole(directory / STORE_FILE, msgspec.json.encode(content) + b"\n", FOR_GROUP)


def bytes_in(directory: Path) -> int:
    """Return how many bytes all files of a store have."""
    paths = (Path(root, name) for root, _, names in os.walk(directory) for name in names)
    return sum(stat.st_size for _, stat in stats_of(paths))


def stats_of(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files that are there: others pack, rename and remove some meanwhile."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, path.stat()


def put_in_place(temporary: Path, path: Path) -> None:
    """Give a file its name when all of it is on the disk. Raises `OSError`."""
    path.parent.mkdir(exist_ok=True)
    _sync(temporary)
    temporary.chmod(FOR_GROUP)
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _part_paths(directory: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from directory.iterdir()
