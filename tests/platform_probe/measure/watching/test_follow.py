"""Following a file: lines are handed on as they come, and what is wrong with it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from platform_probe.measure.watching.follow import AT_ONCE, follow
from platform_probe.measure.watching.tailed_file import TailedFile
from tests.helpers.waiting import eventually


async def test_lines_are_handed_on_and_problems_told(tmp_path: Path) -> None:
    """A file that is not there yet is a problem; many lines at once all come."""
    path = tmp_path / "platform.jsonl"
    taken: list[bytes] = []
    problems: list[str] = []
    file = TailedFile(path, max_line_bytes=100)
    following = asyncio.ensure_future(follow(file, taken.extend, problems.append))
    await eventually(lambda: problems)
    assert set(problems) == {"No such file or directory"}
    lines = [b"%d" % number for number in range(3 * AT_ONCE)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    await eventually(lambda: taken == lines)
    following.cancel()
    file.close()


async def test_file_waits_for_who_is_behind(tmp_path: Path) -> None:
    """Lines that can be read later are not read while those before them still wait."""
    path = tmp_path / "platform.jsonl"
    path.touch()
    taken: list[bytes] = []
    answers = [True, True, True]
    asked_before: list[int] = []

    def take(lines: Sequence[bytes]) -> None:
        taken.extend(lines)
        asked_before.append(len(answers))

    def is_behind() -> bool:
        return bool(answers) and answers.pop()

    file = TailedFile(path, max_line_bytes=100)
    path.write_bytes(b"1\n2\n")
    problems: list[str] = []
    following = asyncio.ensure_future(follow(file, take, problems.append, is_behind))
    await eventually(lambda: taken)
    assert taken == [b"1", b"2"]
    assert asked_before == [0]
    assert not problems
    following.cancel()
    file.close()


async def test_what_was_read_is_taken_before_the_end(tmp_path: Path) -> None:
    """So what is noted at the end is how far the lines were taken, and no line comes twice."""
    path = tmp_path / "platform.jsonl"
    path.touch()
    taken: list[bytes] = []
    ends: list[bool] = []

    def take(lines: Sequence[bytes]) -> None:
        taken.extend(lines)
        following.cancel()

    file = TailedFile(path, max_line_bytes=100)
    path.write_bytes(b"1\n2\n3\n")
    reading = follow(file, take, lambda _: None, at_once=1, on_taken=ends.append)
    following = asyncio.ensure_future(reading)
    await asyncio.wait([following])
    assert following.cancelled()
    assert (taken, ends) == ([b"1", b"2", b"3"], [False])
    file.close()
