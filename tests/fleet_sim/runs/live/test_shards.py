"""Processes of boxes, seen from the one that has started them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from fleet_sim.runs.live import shards as module
from fleet_sim.runs.live.shards import Heard, Shards
from tests.helpers.waiting import eventually


async def _deaf(_shard: tuple[int, int], _channel: socket.socket) -> None:
    """Play boxes that are so many that their goodbyes take for ever."""
    await asyncio.sleep(3_600)


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shards]:
    """Two that do not end, and are given little time without progress."""
    monkeypatch.setattr(module, "END_S", 0.05)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    with Shards.fork(_deaf, lambda _shard: 10, 2) as forked:
        yield forked


def test_a_process_that_is_slow_to_say_goodbye_is_not_lost(shards: Shards) -> None:
    """It was told to end, and is killed: all that it had to tell has been told."""
    notes: list[str] = []

    async def follow() -> None:
        await _follow(shards, notes)
        await shards.end(lambda: 20)
        await eventually(lambda: not any(shard.is_running for shard in shards.shards))

    asyncio.run(follow())
    assert (shards.lost, notes) == ([], [])


def test_goodbyes_may_take_long_as_long_as_there_are_some(shards: Shards) -> None:
    """And no longer than the user waits."""

    async def follow() -> None:
        await _follow(shards, [])
        left = count(1_000, -1)
        ending = asyncio.ensure_future(shards.end(lambda: next(left)))
        await eventually(lambda: next(left) < 900)
        assert all(shard.is_running for shard in shards.shards)
        ending.cancel()
        await eventually(lambda: not any(shard.is_running for shard in shards.shards))

    asyncio.run(follow())


async def _follow(shards: Shards, notes: list[str]) -> None:
    note: Callable[[str], None] = notes.append
    shards.follow(Heard(hit=_nothing, movement=_nothing, note=note))
    await asyncio.sleep(0)


def _nothing(_word: object) -> None:
    """Take it."""
