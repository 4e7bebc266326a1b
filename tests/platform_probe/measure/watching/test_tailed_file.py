"""The tailed file: whatever is done to a log while it is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_probe.measure.watching import tailed_file as module
from platform_probe.measure.watching.tailed_file import TailedFile

MAX_BYTES = 100


class Tail:
    """A file in the making, and its reader."""

    def __init__(self, directory: Path, before: bytes | None = b"") -> None:
        self.path = directory / "platform.jsonl"
        if before is not None:
            self.path.write_bytes(before)
        self.file = TailedFile(self.path, max_line_bytes=MAX_BYTES)

    def append(self, text: bytes) -> None:
        """Let the platform write."""
        with self.path.open("ab") as file:
            file.write(text)

    def all(self) -> list[bytes]:
        """Return all lines that have come."""
        found: list[bytes] = []
        while lines := self.file.read():
            found += lines
        return found


def test_whole_lines_come_as_they_are_appended(tmp_path: Path) -> None:
    """What stood there before is passed over, half lines too; a line comes when it has ended."""
    tail = Tail(tmp_path, b"old\nhal")
    assert tail.all() == []
    tail.append(b"f\none\ntwo\nthr")
    assert tail.all() == [b"one", b"two"]
    tail.append(b"ee\n")
    assert tail.all() == [b"three"]
    assert tail.file.problem is None


def test_a_file_that_comes_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    """The monitor may be there before the platform."""
    tail = Tail(tmp_path, None)
    assert tail.all() == []
    assert tail.file.problem == "No such file or directory"
    tail.append(b"first\n")
    assert tail.all() == [b"first"]


def test_rotation(tmp_path: Path) -> None:
    """The old file is read to its end, also what is written into it after it was renamed."""
    tail = Tail(tmp_path)
    tail.append(b"one\n")
    old = tail.path.rename(tmp_path / "platform.jsonl.1")
    with old.open("ab") as file:
        file.write(b"two\n")
    assert tail.all() == [b"one", b"two"]
    tail.append(b"three\n")
    assert tail.all() == [b"three"]
    assert not tail.file._begun


@pytest.mark.parametrize("is_new", [True, False])
def test_a_file_that_is_replaced_or_written_anew_in_mid_line(
    tmp_path: Path, *, is_new: bool
) -> None:
    """The half line is given as it is, and the other text is read from its beginning."""
    tail = Tail(tmp_path)
    tail.append(b"one\ntwo\nhal")
    assert tail.all() == [b"one", b"two"]
    written = tmp_path / "new" if is_new else tail.path
    written.write_bytes(b"three\n")
    written.replace(tail.path)
    assert tail.all() == [b"hal", b"three"]


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no more memory than it may, is given once, cut, and the next line is whole."""
    monkeypatch.setattr(module, "READ_BYTES", 64)
    tail = Tail(tmp_path)
    tail.append(b"x" * 1_000 + b"\nnext\n")
    cut, following = tail.all()
    assert MAX_BYTES < len(cut) <= MAX_BYTES + 64
    assert following == b"next"


def test_what_is_no_file_is_no_log(tmp_path: Path) -> None:
    """A directory or a pipe is not read; the file that takes its place is."""
    path = tmp_path / "platform.jsonl"
    os.mkfifo(path)
    file = TailedFile(path, max_line_bytes=MAX_BYTES)
    assert file.read() == []
    assert file.problem == "not a regular file"
    path.unlink()
    path.write_bytes(b"one\n")
    assert file.read() == [b"one"]
    file.close()


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20))
def test_lines_arrive_whole_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Byte by byte, or all at once."""
    tail = Tail(tmp_path_factory.mktemp("tail"))
    found: list[bytes] = []
    text = b"".join(line + b"\n" for line in lines)
    for start in range(0, len(text), 7):
        tail.append(text[start : start + 7])
        found += tail.all()
    assert found == [line for line in lines if line]
    tail.file.close()


def test_it_goes_on_where_an_earlier_process_had_stopped(tmp_path: Path) -> None:
    """What was appended since is given, from the line that had only begun."""
    tail = Tail(tmp_path, b"old\n")
    tail.append(b"one\ntw")
    assert tail.all() == [b"one"]
    place = tail.file.line_position()
    tail.append(b"o\nthree\n")
    later = TailedFile(tail.path, max_line_bytes=MAX_BYTES, since=place)
    assert later.is_resumed
    assert later.read() == [b"two", b"three"]


@pytest.mark.parametrize("now", [b"on", b"another\nwith more in it\n", b"one\ntwo\n"])
def test_a_file_that_is_another_now_is_not_gone_on_with(tmp_path: Path, now: bytes) -> None:
    """Shorter than the place, with other text before it, or rotated: it is read from its end."""
    tail = Tail(tmp_path)
    tail.append(b"one\n")
    assert tail.all() == [b"one"]
    place = tail.file.line_position()
    if now.startswith(b"one"):
        tail.path.rename(tmp_path / "platform.jsonl.1")
    tail.path.write_bytes(now)
    later = TailedFile(tail.path, max_line_bytes=MAX_BYTES, since=place)
    assert not later.is_resumed
    assert later.read() == []
