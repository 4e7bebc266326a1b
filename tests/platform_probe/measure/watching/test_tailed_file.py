"""The tailed file: strange lines; `tailed_file.txt` has what is done to a log while it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_probe.measure.watching import tailed_file as module
from platform_probe.measure.watching.tailed_file import TailedFile

MAX_BYTES = 100


def tail_of(directory: Path) -> tuple[Path, TailedFile]:
    """Return a log that is empty, and its reader."""
    path = directory / "platform.jsonl"
    path.touch()
    return path, TailedFile(path, max_line_bytes=MAX_BYTES)


def all_of(file: TailedFile) -> list[bytes]:
    """Return all lines that have come."""
    found: list[bytes] = []
    while lines := file.read():
        found += lines
    return found


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no more memory than it may, is given once, cut, and the next line is whole."""
    monkeypatch.setattr(module, "READ_BYTES", 64)
    path, file = tail_of(tmp_path)
    path.write_bytes(b"x" * 1_000 + b"\nnext\n")
    cut, following = all_of(file)
    assert MAX_BYTES < len(cut) <= MAX_BYTES + 64
    assert following == b"next"
    file.close()


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20))
def test_lines_arrive_whole_however_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Byte by byte, or all at once."""
    path, file = tail_of(tmp_path_factory.mktemp("tail"))
    found: list[bytes] = []
    text = b"".join(line + b"\n" for line in lines)
    with path.open("ab", buffering=0) as log:
        for start in range(0, len(text), 7):
            log.write(text[start : start + 7])
            found += all_of(file)
    assert found == [line for line in lines if line]
    file.close()
