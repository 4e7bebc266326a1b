"""Copies of files in a bucket, which several readers fetch and remove at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from platform_probe.store import offload
from platform_probe.store.layout import AWAY

CONTENT = b"12345"


class Bucket:
    """A bucket that has every file."""

    def __init__(self, cache_bytes: int) -> None:
        self.settings = SimpleNamespace(cache_bytes=cache_bytes)

    def get(self, _: str, path: Path) -> None:
        """Fetch a file."""
        path.write_bytes(CONTENT)


def away(directory: Path, number: int) -> Path:
    """Return the marker of a file that is in the bucket."""
    return directory / "attempts" / f"{number}.parquet{AWAY}"


def test_a_copy_that_another_reader_has_just_removed_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file in its place would be a damaged one."""
    monkeypatch.setattr(offload, "bucket_of", lambda _: Bucket(100))
    monkeypatch.setattr(Path, "exists", lambda _: True)  # as it was a moment ago
    copy = offload.fetched(tmp_path, "attempts", away(tmp_path, 1))
    assert copy.read_bytes() == CONTENT


def test_copies_that_go_while_others_are_trimmed_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was just fetched stays, however little the cache may take."""
    monkeypatch.setattr(offload, "bucket_of", lambda _: Bucket(1))
    first = offload.fetched(tmp_path, "attempts", away(tmp_path, 1))
    stat = Path.stat

    def late(path: Path, **more: bool) -> object:
        if path == first:
            path.unlink(missing_ok=True)
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", late)
    second = offload.fetched(tmp_path, "attempts", away(tmp_path, 2))
    assert second.read_bytes() == CONTENT
    assert not first.is_file()
