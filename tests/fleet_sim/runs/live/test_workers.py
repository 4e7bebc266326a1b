"""Processes of boxes, seen from the one that has started them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fleet_sim.cars.world import FleetCounts
from fleet_sim.runs.live import health as health_module
from fleet_sim.runs.live import workers as module
from fleet_sim.runs.live.health import Health
from fleet_sim.runs.live.worker_messages import Counts, Note, line
from fleet_sim.runs.live.workers import Worker, Workers
from tests.helpers.waiting import eventually


async def _talkative(_part: tuple[int, int], channel: socket.socket) -> None:
    """Play boxes that leave, one after the other, without an end."""
    _, writer = await asyncio.open_connection(sock=channel)
    while True:
        writer.write(line(Note("one has left")))
        await asyncio.sleep(0.01)


async def _mute(_part: tuple[int, int], _channel: socket.socket) -> None:
    """Play boxes that have no turn in which to say what faults did to them."""
    await asyncio.sleep(3_600)


async def _counting(_part: tuple[int, int], channel: socket.socket) -> None:
    """Play ten boxes that are connected."""
    fleet = FleetCounts(reachable=10, known=10)
    while True:
        channel.sendall(line(Counts(at=time.monotonic(), fleet=fleet)))
        await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no process have the time to end."""
    monkeypatch.setattr(module, "END_S", 0.05)
    monkeypatch.setattr(module, "POLL_S", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_process_that_could_not_say_what_faults_did_is_lost() -> None:
    """What its boxes were struck by is missing in the ground truth: that is said."""
    notes: list[str] = []
    with Workers.fork(_mute, lambda _part: 10, 1) as workers:
        asyncio.run(_end(workers, notes))
        why = f"{module.UNTOLD}{module.NO_FLOOR}"  # the null box is in the first process
        assert workers.lost_texts == (f"process 1 of 1 (10 boxes): {why}",)
        assert len(notes) == 1


def test_a_process_that_stands_still_is_named_until_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its boxes do not count as there; and it is lost where it stands still when the run ends."""
    monkeypatch.setattr(health_module, "WATCH_S", 0.05)
    monkeypatch.setattr(health_module, "STILL_S", 1.0)
    notes: list[str] = []

    async def stop_and_go_on(workers: Workers) -> None:
        (worker,) = workers
        _watching = await _follow(workers, notes)
        await eventually(lambda: workers.counts.fleet.reachable == 10)
        os.kill(worker.pid, signal.SIGSTOP)
        await eventually(lambda: workers.counts.fleet.reachable == 0)
        assert workers.counts.fleet.known == 10
        assert workers.silent_texts[0].startswith("process 1 of 1 (10 boxes), silent for ")
        os.kill(worker.pid, signal.SIGCONT)
        await eventually(lambda: workers.counts.fleet.reachable == 10)
        assert (workers.silent_texts, len(worker.pulse.texts)) == ((), 1)
        os.kill(worker.pid, signal.SIGSTOP)
        await eventually(lambda: worker.pulse.is_silent)
        monkeypatch.setattr(module, "END_S", 0.05)
        await workers.shut_down(_nothing)
        lost = f"process 1 of 1 (10 boxes): {module.UNTOLD}{module.NO_FLOOR}"
        assert workers.lost_texts == (lost,)
        assert worker.pulse.silences[-1] == (worker.pulse.heard_at, None)

    with Workers.fork(_counting, lambda _part: 10, 1) as workers:
        asyncio.run(stop_and_go_on(workers))
    stands_still = f"process 1 of 1 (10 boxes) gives no sign of life for 1 s: {module.AWAY}"
    assert [notes[0], notes[2]] == [stands_still] * 2
    assert notes[1].startswith("process 1 of 1 (10 boxes) is back after ")
    assert len(notes) == 4


def test_goodbyes_may_take_long_as_long_as_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no longer than the user waits."""
    notes: list[str] = []
    heard_at_s = [0.0]

    def pass_time_when_heard() -> None:
        if len(notes) > len(heard_at_s):
            heard_at_s.append(heard_at_s[-1] + 0.9 * module.END_S)

    async def follow(workers: Workers) -> None:
        _watching = await _follow(workers, notes)
        await eventually(lambda: bool(notes))
        monkeypatch.setattr(module, "monotonic", lambda: heard_at_s[-1])
        ending = asyncio.ensure_future(workers.shut_down(pass_time_when_heard))
        await eventually(lambda: heard_at_s[-1] > 3 * module.END_S)
        assert all(worker.is_running for worker in workers)
        ending.cancel()
        await eventually(lambda: not any(worker.is_running for worker in workers))

    with Workers.fork(_talkative, lambda _part: 10, 1) as workers:
        asyncio.run(follow(workers))
        assert not workers.lost


def test_who_cannot_connect_keeps_no_other_from_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few at a time; where no new connection is reported for a while, the next may."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    way = cast("Any", SimpleNamespace(write=_nothing, is_closing=lambda: False))
    every = [Worker(number, 4, 0, 10, way, writer=way) for number in range(4)]
    began_at = time.monotonic()

    def connecting(after_s: float, known: int) -> int:
        counts = Counts(at=began_at + after_s, fleet=FleetCounts(known=known))
        every[0].handle(counts, _nothing)
        Workers(every).start_connecting()
        return sum(worker.may_connect for worker in every)

    assert [connecting(0.0, 0), connecting(2.0, 5), connecting(4.5, 5)] == [2, 2, 2], "it gets on"
    assert [connecting(5.5, 5), connecting(6.0, 6)] == [3, 3], "none is taken back"


def test_one_that_stood_still_when_nobody_could_see_it_says_so() -> None:
    """Ctrl-Z stops all of them, and the one that listens; the first sign may take long."""
    with socket.socket() as channel:
        worker = Worker(1, 1, 0, 10, channel)
    began_at = time.monotonic()
    for after_s in (40, 80, 81, 82, 97):
        worker.handle(Counts(at=began_at + after_s, fleet=FleetCounts()), _nothing)
    spans = [round((at or 0.0) - began_at) for silence in worker.pulse.silences for at in silence]
    assert spans == [40, 80, 82, 97]


async def _end(workers: Workers, notes: list[str]) -> None:
    _watching = await _follow(workers, notes)
    await workers.shut_down(_nothing)
    await eventually(lambda: not any(worker.is_running for worker in workers))


async def _follow(workers: Workers, notes: list[str]) -> asyncio.Task[None]:
    """Listen, and return what watches until the loop ends."""
    health = Health(notes.append)
    workers.follow(_nothing, health)
    watching = asyncio.ensure_future(health.watch_processes())
    await asyncio.sleep(0)
    return watching


def _nothing(*_: object) -> None:
    """Take it."""
