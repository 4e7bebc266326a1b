"""Older files of a store go to a bucket, and come back as copies when somebody asks for them.

A file that went leaves a marker of its name with `.s3` after it, which holds its size; its ids stay
here. Wherever the keeper is stopped, the file is in one of the two places. The marker appears when
all of the file is in the bucket, and the file goes after that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from platform_probe.store.bucket import Bucket, BucketError, bucket_of
from platform_probe.store.layout import (
    AWAY,
    ParquetPart,
    bytes_in,
    live_parts,
    parquet_parts,
    put_in_place,
    stats_of,
)
from platform_probe.store.limits import Limits, Report

CACHE: Final = "cache"
"""Copies of files that are in the bucket, each below the name of its table."""


def offload(
    bucket: Bucket, directory: Path, tables: list[str], limits: Limits, now_s: float, report: Report
) -> None:
    """Move what is old enough into the bucket, and what the disk has no room for.

    The first file that cannot be moved ends it: it stays here, and is tried again the next time.
    """
    here = [each for each in _live(directory, tables) if not each[1].is_away]
    left = bytes_in(directory)
    after_s = bucket.settings.after_s
    for table, part in here:
        is_due = after_s is not None and part.complete_at < now_s - after_s
        if not is_due and (after_s is None or left <= limits.max_bytes):
            continue
        if report.bucket_error is None:
            size = part.path.stat().st_size
            try:
                _move(bucket, table, part, size)
            except BucketError as error:
                report.bucket_error = str(error)
            else:
                left -= size
                report.moved += 1
                continue
        report.waiting += 1


def remove_twins(directory: Path, tables: list[str]) -> None:
    """Remove files that are in the bucket: a keeper was stopped before it came to that."""
    for table in tables:
        for part in parquet_parts(directory, table):
            if part.is_away:
                part.path.with_name(part.name).unlink(missing_ok=True)


def remove_from_bucket(
    bucket: Bucket, directory: Path, tables: list[str], limits: Limits, now_s: float
) -> Iterator[tuple[str, ParquetPart]]:
    """Remove what is too old in the bucket, then, while all is too much, the oldest.

    Yield the table and the part of each, whose marker is to go. Raises `BucketError`.
    """
    away = [each for each in _live(directory, tables) if each[1].is_away]
    total = sum(size_away(part) for _, part in away)
    for table, part in away:
        is_old = part.complete_at < now_s - limits.max_age_s
        if not is_old and total <= bucket.settings.max_bytes:
            return
        total -= size_away(part)
        bucket.remove(f"{table}/{part.name}")
        yield table, part


def fetched(directory: Path, table: str, part: ParquetPart) -> ParquetPart:
    """Return a part of the bucket as a copy in the cache. Raises `BucketError`, `OSError`."""
    path = directory / CACHE / table / part.name
    try:
        os.utime(path)  # so it is not trimmed soon
    except FileNotFoundError:
        bucket = bucket_of(directory)
        if bucket is None:
            raise BucketError(f"{part.path}: is in a bucket, and nothing says in which") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket.get(f"{table}/{part.name}", path)
        _trim(directory / CACHE, bucket.settings.cache_bytes, but=path)
    return replace(part, path=path)


def size_away(part: ParquetPart) -> int:
    """Return how many bytes a file in the bucket has."""
    text = part.path.read_text("ascii").strip()
    return int(text) if text.isdigit() else 0


def _live(directory: Path, tables: list[str]) -> list[tuple[str, ParquetPart]]:
    """Return the parts of all tables that count, the oldest first."""
    found = [
        (table, part) for table in tables for part in live_parts(parquet_parts(directory, table))
    ]
    return sorted(found, key=lambda each: each[1].complete_at)


def _move(bucket: Bucket, table: str, part: ParquetPart, size: int) -> None:
    bucket.upload(f"{table}/{part.name}", part.path)
    marker = part.path.with_name(part.name + AWAY)
    temporary = marker.with_suffix(".tmp")
    temporary.write_text(f"{size}\n", "ascii")
    put_in_place(temporary, marker)
    part.path.unlink()


def _trim(cache: Path, most_bytes: int, *, but: Path) -> None:
    """Remove copies that were not read for longest, until the others fit."""
    copies = sorted(stats_of(cache.rglob("*.parquet")), key=lambda copy: copy[1].st_mtime)
    left = sum(stat.st_size for _, stat in copies)
    for path, stat in copies:
        if left <= most_bytes:
            return
        if path != but:
            path.unlink(missing_ok=True)
            left -= stat.st_size
