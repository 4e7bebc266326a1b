"""The private broker is started again when it dies, and nobody waits for it."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any, cast

from fleet_sim.broker.process import BrokerProcess
from fleet_sim.runs.live.supervision import CHECK_S, PAUSES_S, Supervision
from fleet_wire.errors import BrokerUnreachableError
from tests.helpers.waiting import eventually

CARS = [f"car-{number}" for number in range(5)]
NAME = "the broker (mqtt://here, 5 boxes: car-0, car-1, car-2 and 2 more)"


class Broker:
    """A broker that does what a test says."""

    address, pid, log_file = "mqtt://here", 7, "broker.log"

    def __init__(self) -> None:
        self.code: int | None = None
        self.is_stopped = False
        self.accepts = threading.Event()
        self.accepts.set()
        self.restarts = 0

    def poll(self) -> int | None:
        """Return the exit code of one that has ended."""
        return self.code

    def restart(self) -> None:
        """Run again, unless it fails again."""
        self.restarts += 1

    def wait_until_accepting(self) -> None:
        """Wait for a test to let it accept; one that has ended does not."""
        self.accepts.wait()
        if self.code is not None:
            raise BrokerUnreachableError("mosquitto on port 1 ended with exit code 1")


class Watch:
    """A supervision whose sleeps take no time, and are noted."""

    def __init__(self, broker: Broker, *, lived_s: float = 0.0) -> None:
        self.notes: list[str] = []
        self.slept_s: list[float] = []
        self.now_s = 0.0

        async def sleep(seconds: float) -> None:
            self.slept_s.append(seconds)
            self.now_s += lived_s
            await asyncio.sleep(0)

        self.supervision = Supervision(
            [cast("BrokerProcess", cast("Any", broker))],
            CARS,
            self.notes.append,
            sleep=sleep,
            monotonic_s=lambda: self.now_s,
        )
        (work,) = self.supervision.work()
        self.keeper = asyncio.ensure_future(work)


async def test_a_slow_restart_keeps_nobody_waiting() -> None:
    """The event loop goes on while it does not accept yet; its end is told with its cars."""
    broker = Broker()
    watch = Watch(broker)
    broker.accepts.clear()
    broker.code = -signal.SIGKILL
    await eventually(lambda: broker.restarts == 1 and watch.notes)
    broker.code = None
    checks = watch.slept_s.count(CHECK_S)
    await asyncio.sleep(0.01)
    assert watch.slept_s.count(CHECK_S) == checks, "it waits, and the loop does not"
    broker.accepts.set()
    await eventually(lambda: watch.slept_s.count(CHECK_S) > checks)
    watch.keeper.cancel()
    assert watch.notes == [f"{NAME} was killed by signal 9 (SIGKILL); it is started again"]
    assert [told.partition("UTC: ")[2] for told in watch.supervision.told] == watch.notes


async def test_a_broker_that_ends_at_once_is_started_ever_later_and_given_up() -> None:
    """No process is started again and again for as long as a run lasts; each end is told."""
    broker = Broker()
    broker.code = 1
    watch = Watch(broker)
    await watch.keeper
    pauses_s = [seconds for seconds in watch.slept_s if seconds != CHECK_S]
    assert pauses_s == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert watch.notes[:2] == [
        f"{NAME} ended with exit code 1; it is started again",
        "mosquitto on port 1 ended with exit code 1",
    ]
    started = [note for note in watch.notes if note.endswith("it is started again")]
    assert len(started) == broker.restarts == len(PAUSES_S)
    assert "after 8 starts in a row it is given up: broker.log may say why" in watch.notes[-1]


async def test_a_broker_that_is_stopped_is_told_and_when_it_goes_on() -> None:
    """It runs and listens, so that nothing else would show it."""
    broker = Broker()
    watch = Watch(broker)
    broker.is_stopped = True
    await eventually(lambda: len(watch.notes) == 1)
    broker.is_stopped = False
    await eventually(lambda: len(watch.notes) == 2)
    watch.keeper.cancel()
    assert watch.notes == [f"{NAME} is stopped (kill -CONT 7 lets it go on)", f"{NAME} goes on"]
