"""The private broker is started again when it dies, and nobody waits for it."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from fleet_sim.broker.process import HOST, BrokerProcess, free_port
from fleet_sim.runs.live.supervision import CHECK_S, LIVED_S, PAUSES_S, Supervision
from tests.helpers.waiting import eventually

SLOW_BROKER = """\
import pathlib, socket, sys, time
while not (order := pathlib.Path(sys.argv[1])).exists():
    time.sleep(0.01)
if order.read_text():
    sys.exit(1)
server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
time.sleep(600)
"""
"""Listens as soon as a file is there, and fails where something is in it."""
TICKS = 20
CARS = [f"car-{number}" for number in range(5)]


class Order:
    """The file that tells the broker what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wait(self) -> None:
        """Do not listen yet."""
        self.path.unlink()

    def listen(self) -> None:
        """Start."""
        self.path.write_text("", "utf-8")

    def fail(self) -> None:
        """End at once."""
        self.path.write_text("fail", "utf-8")


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Let the broker listen, at first."""
    order = Order(tmp_path / "order")
    order.listen()
    return order


@pytest.fixture
def broker(order: Order, tmp_path: Path) -> Iterator[BrokerProcess]:
    """Run a broker that takes its time to start."""
    port = free_port()
    process = BrokerProcess(
        kind="mosquitto",
        port=port,
        command=[sys.executable, "-c", SLOW_BROKER, str(order.path), str(port)],
        log_file=tmp_path / "broker.log",
    )
    with process:
        process.wait_until_accepting()
        yield process


def accepts(port: int) -> bool:
    """Return whether something listens there."""
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) == 0


async def test_a_slow_restart_keeps_nobody_waiting(broker: BrokerProcess, order: Order) -> None:
    """A timer of the same loop goes on while the broker does not accept yet."""
    notes: list[str] = []
    order.wait()
    broker.kill()
    dead = broker.pid
    supervision = Supervision([broker], CARS, notes.append)
    keeper = asyncio.create_task(next(supervision.work()))
    await eventually(lambda: broker.pid != dead)
    for _ in range(TICKS):
        await asyncio.sleep(0.005)
    assert not keeper.done()
    assert not accepts(broker.port)
    order.listen()
    await eventually(lambda: accepts(broker.port))
    keeper.cancel()
    name = f"the broker ({broker.address}, 5 boxes: car-0, car-1, car-2 and 2 more)"
    assert notes == [f"{name} was killed by signal 9 (SIGKILL); it is started again"]
    assert [told.partition("UTC: ")[2] for told in supervision.told] == notes


async def test_a_broker_that_does_not_come_back_is_tried_again(
    broker: BrokerProcess, order: Order
) -> None:
    """Its end is told each time; a later try may succeed."""
    notes: list[str] = []
    order.fail()
    broker.kill()
    supervision = Supervision([broker], CARS, notes.append)
    keeper = asyncio.create_task(next(supervision.work()))
    await eventually(lambda: len(notes) >= 3)
    order.listen()
    await eventually(lambda: accepts(broker.port))
    keeper.cancel()
    assert notes[0].endswith("was killed by signal 9 (SIGKILL); it is started again")
    assert f"mosquitto on port {broker.port} ended with exit code 1" in notes[1]
    assert notes[2].endswith("ended with exit code 1; it is started again")


async def test_a_broker_that_ends_at_once_is_started_ever_later_and_given_up(
    broker: BrokerProcess, order: Order
) -> None:
    """No process is started again and again for as long as a run lasts."""
    notes: list[str] = []
    slept_s: list[float] = []

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        await asyncio.sleep(0)

    order.fail()
    broker.kill()
    supervision = Supervision([broker], CARS, notes.append, sleep=sleep, monotonic_s=lambda: 0.0)
    await next(supervision.work())
    pauses_s = [seconds for seconds in slept_s if seconds != CHECK_S]
    assert pauses_s == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert slept_s.count(CHECK_S) >= len(PAUSES_S)
    started = [note for note in notes if note.endswith("it is started again")]
    assert len(started) == len(PAUSES_S)
    assert f"after 8 starts in a row it is given up: {broker.log_file} may say why" in notes[-1]


async def test_a_broker_that_has_run_for_a_while_is_started_at_once(
    broker: BrokerProcess,
) -> None:
    """However often it was started before."""
    notes: list[str] = []
    slept_s: list[float] = []
    clock = count(0.0, LIVED_S)

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        if seconds == CHECK_S and broker.poll() is None:
            broker.kill()
        await asyncio.sleep(0)

    supervision = Supervision(
        [broker], CARS, notes.append, sleep=sleep, monotonic_s=lambda: next(clock)
    )
    keeper = asyncio.create_task(next(supervision.work()))
    await eventually(lambda: len(notes) > len(PAUSES_S) + 1)
    keeper.cancel()
    assert {*slept_s} == {0.0, CHECK_S}


async def test_a_broker_that_is_stopped_is_told_and_when_it_goes_on(
    broker: BrokerProcess,
) -> None:
    """It runs and listens, so that nothing else would show it."""
    notes: list[str] = []
    keeper = asyncio.create_task(next(Supervision([broker], CARS, notes.append).work()))
    broker.stop_reading()
    await eventually(lambda: len(notes) == 1)
    broker.continue_reading()
    await eventually(lambda: len(notes) == 2)
    keeper.cancel()
    assert notes[0].endswith(f" is stopped (kill -CONT {broker.pid} lets it go on)")
    assert notes[1].endswith(" goes on")
