"""One process of boxes: what it tells the one that has started it."""

from __future__ import annotations

import pytest

from fleet_sim.runs.live import shard as module
from fleet_sim.runs.live.shard import Together
from fleet_sim.runs.live.shard_words import Note, Ready, from_shard
from tests.helpers.waiting import eventually


async def test_words_go_together_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """One write for many, at the latest when their time is up, or when they are to leave."""
    written: list[bytes] = []
    together = Together(written.append)
    monkeypatch.setattr(module, "TOGETHER_S", 3_600.0)
    together.say(Note("one"))
    together.say(Ready())
    assert written == []
    together.flush()
    assert [from_shard.decode(line) for line in written.pop().splitlines()] == [
        Note("one"),
        Ready(),
    ]
    monkeypatch.setattr(module, "TOGETHER_S", 0.0)
    together.say(Note("two"))
    together.say(Note("three"))
    await eventually(lambda: written != [])
    together.flush()
    assert written == [b'{"type":"note","text":"two"}\n{"type":"note","text":"three"}\n']
