"""The journal as a store keeps it: complete segments, compressed, to be judged anew later.

::

    journal/journal-00000007.1767225600-1767225900.jsonl.gz   a segment: its number in the monitor's
                                                              journal, its first and last second
    journal/cars-1767225600.jsonl.gz                          what each car had said last by then
    journal/....jsonl.gz.s3                                   a marker: this file is in a bucket

Seconds are journal time, close to Unix time. A segment has the same name whenever it is packed, so
none is there twice. A monitor that begins another journal counts from 1 again: time orders them.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from fleet_wire.private_files import FOR_GROUP, write_whole
from platform_probe.journal.codec import UnreadableLineError, entry_of, line_of
from platform_probe.journal.entries import CarMessage, Entry
from platform_probe.journal.segments import Segment, segments_in
from platform_probe.store.layout import JOURNAL, TEMPORARY, StoredFile, own_name, put_in_place

CARS_EVERY_S: Final = 3600.0
"""Journal time between two files of what cars said last."""
LEVEL: Final = 6
"""gzip's level: 1 makes files a quarter larger."""
CHUNK_BYTES: Final = 256 * 1024
_SEGMENT: Final = re.compile(r"journal-(\d{8,})\.(\d+)-(\d+)\.jsonl\.gz(?:\.s3)?")
_CARS: Final = re.compile(r"cars-(\d+)\.jsonl\.gz(?:\.s3)?")


class PackedSegment(NamedTuple):
    """A segment in a store."""

    began: int
    """The second of its first entry."""
    number: int
    ended: int
    """The second after its last entry."""
    path: Path


class CarsFile(NamedTuple):
    """The last presence and state of each car, as of a moment."""

    at: int
    path: Path

    def messages(self) -> Iterator[CarMessage]:
        """Yield them; a line that cannot be read is left out."""
        for entries, _ in read_packed(self.path):
            yield from (each for each in entries if isinstance(each, CarMessage))


# What a store has


def packed_segments(store: Path) -> list[PackedSegment]:
    """Return the segments of a store, the oldest first."""
    matches = [(path, _SEGMENT.fullmatch(path.name)) for path in _packed_paths(store)]
    return sorted(
        PackedSegment(int(match[2]), int(match[1]), int(match[3]), path)
        for path, match in matches
        if match is not None
    )


def cars_files(store: Path) -> list[CarsFile]:
    """Return the files of what cars said last, the oldest first."""
    matches = [(path, _CARS.fullmatch(path.name)) for path in _packed_paths(store)]
    return sorted(CarsFile(int(match[1]), path) for path, match in matches if match is not None)


def read_packed(path: Path) -> Iterator[tuple[list[Entry], int]]:
    """Yield the entries of a file, some at once, with how many lines could not be read."""
    rest, unreadable = b"", 0
    with gzip.open(path, "rb") as file:
        while True:
            try:
                chunk = file.read(CHUNK_BYTES)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                chunk, unreadable = b"", 1
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop() if chunk else b""
            entries = []
            for line in lines:
                try:
                    if line:
                        entries.append(entry_of(line))
                except UnreadableLineError:
                    unreadable += 1
            yield entries, unreadable
            if not chunk:
                return
            unreadable = 0


# What goes there


def pack_journal(journal: Path, store: Path, *, since_s: float = 0.0) -> int:
    """Pack the complete segments that the store lacks; return how many. Raises `OSError`.

    Those that were written before `since_s`, Unix seconds, are left out.
    """
    known = {(each.number, each.began) for each in packed_segments(store)}
    packed = 0
    for segment in segments_in(journal):
        with suppress(FileNotFoundError):  # the monitor has just removed it
            if segment.is_open or segment.path.stat().st_mtime < since_s:
                continue
            with segment.path.open("rb") as file:
                began = next(_times_in(file), None)
            if began is not None and (segment.number, math.floor(began)) not in known:
                _pack(segment, math.floor(began), store)
                packed += 1
    return packed


def write_cars(store: Path, at: float, messages: Iterable[CarMessage]) -> None:
    """Keep what each car said last, once an hour; sooner nothing is written. Raises `OSError`."""
    newest = max((each.at for each in cars_files(store)), default=-math.inf)
    if 0.0 <= at - newest < CARS_EVERY_S:
        return
    path = store / JOURNAL / f"cars-{int(at)}.jsonl.gz"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, gzip.compress(b"".join(map(line_of, messages)), LEVEL), FOR_GROUP)


def journal_files(store: Path) -> list[StoredFile]:
    """Return all files of the journal, the oldest first."""
    ends = [*cars_files(store), *((each.ended, each.path) for each in packed_segments(store))]
    return sorted(StoredFile(ended, JOURNAL, path) for ended, path in ends)


def _packed_paths(store: Path) -> Iterable[Path]:
    """Return each file once: its marker, if it is here and in a bucket."""
    found = sorted((store / JOURNAL).glob("*.jsonl.gz*"))
    return {own_name(path): path for path in found}.values()


def _pack(segment: Segment, began: int, store: Path) -> None:
    temporary, tail = store / TEMPORARY / f"journal-{segment.number}", b""
    temporary.parent.mkdir(exist_ok=True)
    with segment.path.open("rb") as source, gzip.open(temporary, "wb", LEVEL) as file:
        for chunk in iter(partial(source.read, CHUNK_BYTES), b""):
            file.write(chunk)
            tail = (tail + chunk)[-CHUNK_BYTES:]
    ended = math.floor(max(_times_in(tail.splitlines()), default=began)) + 1
    name = f"journal-{segment.number:08d}.{began}-{ended}.jsonl.gz"
    put_in_place(temporary, store / JOURNAL / name)


def _times_in(lines: Iterable[bytes]) -> Iterator[float]:
    for line in lines:
        with suppress(UnreadableLineError):
            yield entry_of(line.rstrip(b"\n")).at
