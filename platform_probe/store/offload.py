"""Older files of a store go to a bucket, and come back as copies when somebody asks for them.

A file that went leaves a marker of its name with `.s3` after it, which holds its size; its ids stay
here. Wherever the keeper is stopped, the file is in one of the two places. The marker appears when
all of the file is in the bucket, and the file goes after that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from platform_probe.store.bucket import Bucket, BucketError, bucket_of
from platform_probe.store.layout import (
    AWAY,
    JOURNAL,
    StoredFile,
    bytes_in,
    is_away,
    own_name,
    put_in_place,
    stats_of,
)
from platform_probe.store.limits import Limits, Report

CACHE: Final = "cache"
"""Copies of files that are in the bucket, each below the name of its table, or of the journal."""


def offload(
    bucket: Bucket,
    directory: Path,
    files: Iterable[StoredFile],
    limits: Limits,
    now_s: float,
    report: Report,
) -> None:
    """Move what is old enough into the bucket, and what the disk has no room for.

    `files` are those of a store that count. The first one that cannot be moved ends it: it stays
    here, and is tried again the next time.
    """
    left = bytes_in(directory)
    after_s = bucket.settings.after_s
    for file in sorted(each for each in files if not is_away(each.path)):
        is_due = after_s is not None and file.complete_at < now_s - after_s
        if not is_due and (after_s is None or left <= limits.max_bytes):
            continue
        if report.bucket_error is None:
            size = file.path.stat().st_size
            try:
                _move(bucket, file, size)
            except BucketError as error:
                report.bucket_error = str(error)
            else:
                left -= size
                report.moved += 1
                continue
        report.waiting += 1


def remove_twins(files: Iterable[StoredFile]) -> None:
    """Remove files that are in the bucket: a keeper was stopped before it came to that."""
    for file in files:
        if is_away(file.path):
            file.path.with_name(own_name(file.path)).unlink(missing_ok=True)


def remove_from_bucket(
    bucket: Bucket, files: Iterable[StoredFile], limits: Limits, now_s: float
) -> Iterator[StoredFile]:
    """Remove what is too old in the bucket, and, while all is too much, the oldest.

    Yield each, whose marker is to go. Raises `BucketError`.
    """
    away = sorted(each for each in files if is_away(each.path))
    total = sum(map(size_away, away))
    for file in away:
        is_old = file.complete_at < now_s - max_age_s(file, limits)
        if is_old or total > bucket.settings.max_bytes:
            total -= size_away(file)
            bucket.remove(f"{file.folder}/{own_name(file.path)}")
            yield file


def fetched(directory: Path, folder: str, marker: Path) -> Path:
    """Return the path of a copy in the cache of a file that is in the bucket, by its marker.

    Raises `BucketError`, `OSError`.
    """
    name = own_name(marker)
    path = directory / CACHE / folder / name
    try:
        os.utime(path)  # so it is not trimmed soon
    except FileNotFoundError:
        bucket = bucket_of(directory)
        if bucket is None:
            raise BucketError(f"{marker}: is in a bucket, and nothing says in which") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket.get(f"{folder}/{name}", path)
        _trim(directory / CACHE, bucket.settings.cache_bytes, but=path)
    return path


def max_age_s(file: StoredFile, limits: Limits) -> float:
    """Return how old a file may become, here or in the bucket."""
    of_journal_s = min(limits.journal_max_age_s, limits.max_age_s)
    return of_journal_s if file.folder == JOURNAL else limits.max_age_s


def size_away(file: StoredFile) -> int:
    """Return how many bytes a file in the bucket has."""
    text = file.path.read_text("ascii").strip()
    return int(text) if text.isdigit() else 0


def _move(bucket: Bucket, file: StoredFile, size: int) -> None:
    bucket.upload(f"{file.folder}/{file.path.name}", file.path)
    marker = file.path.with_name(file.path.name + AWAY)
    temporary = marker.with_suffix(".tmp")
    temporary.write_text(f"{size}\n", "ascii")
    put_in_place(temporary, marker)
    file.path.unlink()


def _trim(cache: Path, most_bytes: int, *, but: Path) -> None:
    """Remove copies that were not read for longest, until the others fit."""
    copies = sorted(stats_of(cache.glob("*/[!.]*")), key=lambda copy: copy[1].st_mtime)
    left = sum(stat.st_size for _, stat in copies)
    for path, stat in copies:
        if left <= most_bytes:
            return
        if path != but:
            path.unlink(missing_ok=True)
            left -= stat.st_size
