"""Processes of boxes, seen from the one that has started them."""

from __future__ import annotations

import asyncio
import socket

import pytest

from fleet_sim.runs.live import shards as module
from fleet_sim.runs.live.shards import Heard, Shards
from tests.helpers.waiting import eventually


async def _deaf(_shard: tuple[int, int], _channel: socket.socket) -> None:
    """Play boxes that are so many that their goodbyes take for ever."""
    await asyncio.sleep(3_600)


def test_a_process_that_is_slow_to_say_goodbye_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told to end, and is killed: all that it had to tell has been told."""
    monkeypatch.setattr(module, "END_S", 0.01)
    notes: list[str] = []

    async def follow(shards: Shards) -> None:
        shards.follow(Heard(hit=_nothing, movement=_nothing, note=notes.append))
        await asyncio.sleep(0)
        await shards.end()
        await eventually(lambda: not any(shard.is_running for shard in shards.shards))

    with Shards.fork(_deaf, lambda _shard: 10, 2) as shards:
        asyncio.run(follow(shards))
        assert (shards.lost, notes) == ([], [])


def _nothing(_word: object) -> None:
    """Take it."""
