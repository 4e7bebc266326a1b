"""The platform's log after a restart: read from where the earlier process had stopped."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from platform_probe.watching.follow import follow
from platform_probe.watching.resumed import (
    PLACE_FILE,
    UNDER_WAY_S,
    Places,
    Resumed,
    last_place,
    open_resumed,
)
from tests.helpers.fake_clock import FakeClock
from tests.helpers.waiting import eventually

WITHIN_S = 600.0


def opened(path: Path, clock: FakeClock) -> Resumed:
    """Open a log as a process does that starts now."""
    return open_resumed(path, last_place(path, path.parent), clock=clock, within_s=WITHIN_S)


class Follower:
    """A process that follows a log until it is stopped."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.taken: list[bytes] = []
        self.ends = 0
        self.problems: list[str] = []
        self.resumed = opened(path, clock)
        self.file = self.resumed.file
        self.places = Places(
            self.file,
            path,
            path.parent,
            clock=clock,
            on_end=self._at_end,
            on_problem=self.problems.append,
        )
        self._following = asyncio.ensure_future(
            follow(self.file, self.taken.extend, self.problems.append, on_taken=self.places.taken)
        )

    async def stop(self) -> None:
        """End it."""
        await eventually(lambda: self.ends)
        self._following.cancel()
        self.places.stopped()
        self.file.close()

    def _at_end(self) -> None:
        self.ends += 1


async def test_what_was_logged_between_stop_and_start_is_read(tmp_path: Path) -> None:
    """The end of the log is told once, when all that was missed is taken."""
    path, clock = tmp_path / "platform.jsonl", FakeClock()
    path.write_bytes(b"long ago\n")
    first = Follower(path, clock)
    assert not first.file.is_resumed
    assert not first.resumed.has_missed
    await first.stop()
    with path.open("ab") as file:
        file.write(b"between\n")
    clock.wall_s += WITHIN_S
    second = Follower(path, clock)
    assert second.file.is_resumed
    assert not second.resumed.has_missed
    await eventually(lambda: second.taken == [b"between"])
    await second.stop()
    assert second.ends == 1
    assert not second.problems


def test_after_a_kill_what_was_under_way_is_read_once_more(tmp_path: Path) -> None:
    """It has no record; up to when its lines were handed on before is known."""
    path, clock = tmp_path / "platform.jsonl", FakeClock()
    path.write_bytes(b"long ago\n")
    file = opened(path, clock).file
    taken: list[bytes] = []
    places = Places(
        file,
        path,
        tmp_path,
        clock=clock,
        on_end=lambda: None,
        on_problem=lambda why: taken.append(why.encode()),
    )
    for line in (b"", b"done\n", b"under way\n", b"too\n"):
        with path.open("ab") as log:
            log.write(line)
        taken += file.read()
        places.taken(is_end=True)
        clock.now_s += UNDER_WAY_S / 2
    file.close()
    resumed = opened(path, clock)
    assert (resumed.file.read(), resumed.file.is_again) == ([b"under way", b"too"], True)
    with path.open("ab") as log:
        log.write(b"new\n")
    assert (resumed.file.read(), resumed.file.is_again) == ([b"new"], False)
    assert not resumed.has_missed
    resumed.file.close()


@pytest.mark.parametrize("said", [None, b"", b"{}", b"\xff"])
async def test_without_a_place_of_late_the_log_is_read_from_its_end(
    tmp_path: Path, said: bytes | None
) -> None:
    """What happened longer ago is history; what cannot be read is no place."""
    path, clock = tmp_path / "platform.jsonl", FakeClock()
    path.write_bytes(b"long ago\n")
    await Follower(path, clock).stop()
    if said is None:
        clock.wall_s += WITHIN_S + 1.0
    else:
        (tmp_path / PLACE_FILE).write_bytes(said)
    file, has_missed = opened(path, clock)
    assert not file.is_resumed
    assert has_missed is (said is None)
    file.close()


async def test_a_place_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It says which log is read, and nobody else needs it."""
    path = tmp_path / "platform.jsonl"
    path.write_bytes(b"1\n")
    before = os.umask(0o022)
    try:
        await Follower(path, FakeClock()).stop()
    finally:
        os.umask(before)
    assert (tmp_path / PLACE_FILE).stat().st_mode & 0o777 == 0o600


async def test_a_place_that_cannot_be_written_is_complained_of(tmp_path: Path) -> None:
    """The log is followed all the same."""
    path, clock = tmp_path / "platform.jsonl", FakeClock()
    path.touch()
    (tmp_path / PLACE_FILE).mkdir()
    follower = Follower(path, clock)
    await follower.stop()
    assert follower.problems
