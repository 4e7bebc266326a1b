"""One process of boxes: what it tells the one that has started it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from fleet_sim.runs.live import worker as module
from fleet_sim.runs.live import worker_messages as messages
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.worker import MessageBatcher, play_worker
from fleet_sim.runs.live.worker_messages import Failed, Note, from_worker
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.brokers import Brokers
from tests.helpers.commands import write_scenario
from tests.helpers.waiting import PATIENCE_S, eventually


async def test_words_go_together_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """One write for many, at the latest when their time is up, or when they are to leave."""
    written: list[bytes] = []
    together = MessageBatcher(written.append)
    monkeypatch.setattr(module, "TOGETHER_S", 3_600.0)
    together.send(Note("one"))
    together.send(Failed("three"))
    assert written == []
    together.flush()
    assert [from_worker.decode(line) for line in written.pop().splitlines()] == [
        Note("one"),
        Failed("three"),
    ]
    monkeypatch.setattr(module, "TOGETHER_S", 0.0)
    together.send(Note("two"))
    together.send(Note("three"))
    await eventually(lambda: written != [])
    together.flush()
    assert written == [b'{"type":"note","text":"two"}\n{"type":"note","text":"three"}\n']


@pytest.mark.parametrize("is_connecting", [False, True])
async def test_it_ends_when_the_other_side_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, is_connecting: bool
) -> None:
    """Whatever that has left unread, which makes an error of the end; and nothing is logged."""
    scenario = load_scenario(write_scenario(tmp_path))
    options = FleetOptions(brokers=Brokers.parse("mqtt://127.0.0.1:1"), seed=1)
    ours, theirs = socket.socketpair()
    playing = asyncio.ensure_future(play_worker(scenario, options, (), (1, 3), theirs))
    if is_connecting:
        ours.sendall(messages.line(messages.Connect()))
    await asyncio.to_thread(ours.recv, 1)
    ours.close()
    await asyncio.wait_for(playing, PATIENCE_S)
    assert caplog.records == []


async def test_who_is_gone_is_written_to_no_more() -> None:
    """And the half of a word that it has left is none."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    theirs.sendall(messages.line(Note("whole")) + messages.line(Note("cut off"))[:-5])
    theirs.close()
    assert [each async for each in messages.lines(reader)] == [messages.line(Note("whole"))]
    writer.close()
    messages.write(writer, b"nobody hears this")
    await writer.wait_closed()
