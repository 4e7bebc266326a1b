"""Following a file: lines are handed on as they come, and what is wrong with it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from platform_probe.measure.watching.follow import AT_ONCE, follow
from platform_probe.measure.watching.tailed_file import TailedFile
from tests.helpers.waiting import eventually


@pytest.fixture
def file(tmp_path: Path) -> Iterator[TailedFile]:
    """Give a log that is not there yet."""
    file = TailedFile(tmp_path / "platform.jsonl", max_line_bytes=100)
    yield file
    file.close()


async def test_lines_are_handed_on_and_problems_told(tmp_path: Path, file: TailedFile) -> None:
    """A file that is not there yet is a problem; many lines at once all come."""
    taken: list[bytes] = []
    problems: list[str] = []
    following = asyncio.ensure_future(follow(file, taken.extend, problems.append))
    await eventually(lambda: problems)
    assert set(problems) == {"No such file or directory"}
    lines = [b"%d" % number for number in range(3 * AT_ONCE)]
    (tmp_path / "platform.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    await eventually(lambda: taken == lines)
    following.cancel()


async def test_what_was_read_is_taken_before_the_end(tmp_path: Path, file: TailedFile) -> None:
    """So what is noted then is how far the lines were taken."""
    (tmp_path / "platform.jsonl").write_bytes(b"1\n2\n3\n")
    taken: list[bytes] = []
    ends: list[bool] = []

    def take(lines: Sequence[bytes]) -> None:
        taken.extend(lines)
        following.cancel()

    reading = follow(file, take, pytest.fail, at_once=1, on_taken=ends.append)
    following = asyncio.ensure_future(reading)
    await asyncio.wait([following])
    assert following.cancelled()
    assert (taken, ends) == ([b"1", b"2", b"3"], [False])
