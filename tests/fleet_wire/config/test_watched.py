"""A file that is read anew when it has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet_wire.config.lines import lines_of
from fleet_wire.config.watched import WatchedFile
from fleet_wire.errors import ConfigError


def words_in(path: Path) -> list[str]:
    """Return the lines of a file."""
    return [text for _, text in lines_of(path)]


def test_it_is_parsed_again_only_when_it_has_changed(tmp_path: Path) -> None:
    """Also if its time stays the same, as long as its size differs."""
    path = tmp_path / "file"
    path.write_text("one\n")
    file = WatchedFile(path, words_in)
    assert file.read() is file.read()

    at_ns = path.stat().st_mtime_ns
    path.write_text("one\ntwo\n")
    os.utime(path, ns=(at_ns, at_ns))
    assert file.read() == ["one", "two"]


def test_a_file_that_cannot_be_used_is_an_error_each_time(tmp_path: Path) -> None:
    """Until it can be used again, though it looks as it did before."""
    path = tmp_path / "file"
    path.write_text("one\n")
    file = WatchedFile(path, words_in)
    held = path.rename(tmp_path / "held")
    for _ in range(2):
        with pytest.raises(ConfigError, match="No such file"):
            file.read()

    held.rename(path)
    assert file.read() == ["one"]
