"""The processes that play boxes for a run: starts them, follows them, ends them.

They are forked before anything runs. So modules that a worker has loaded and never uses (reports,
HTTP, YAML) are shared with all others, instead of 45 MB for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Final, Self

import uvloop

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults import Hit
from fleet_sim.results import readable
from fleet_sim.runs.live import worker_messages as messages
from fleet_sim.runs.live.forking import fork, signals_held
from fleet_sim.runs.live.health import BrokerStates, Health, Pulse, Silence
from fleet_wire.errors import BrokerUnreachableError, UnlockpathError
from fleet_wire.garbage import all_frozen

END_S: Final = 25.0
"""Seconds without any message or end, after which the running workers are killed."""
STARTS_S: Final = 50.0
"""How much longer its first message may need. It makes its cars before, 19,400 in 0.15 s of
processor time: 51 at once on two cores that others want too take their time."""
KILLED_S: Final = 5.0
"""For the end of those that were killed to be seen."""
AWAY: Final = "its boxes count as away until it does"
UNTOLD: Final = "it was silent for too long, and what faults had done to its boxes is not known"
NO_FLOOR: Final = "; the null box is gone with it, so there is no floor"
POLL_S: Final = 0.1
MAX_PROCESSES: Final = 1_000
AT_ONCE: Final = 2 * (os.cpu_count() or 1)
"""Workers that connect their boxes at a time: each keeps some 64 handshakes in flight."""
STUCK_S: Final = 3.0
"""Seconds of a worker's own reports without new connections, after which it delays no other. Its
broker may be away. One that gets no turn reports nothing."""

PlayWorker = Callable[[tuple[int, int], socket.socket], Coroutine[Any, Any, None]]
"""Plays share K of N, and speaks over the channel: see `fleet_sim.runs.live.worker`."""


BoxesOf = Callable[[tuple[int, int]], int]
"""How many boxes share K of N has."""


class LostProcessError(UnlockpathError):
    """Processes of a run are gone although nobody has told them to end; `lost` says which and why.

    Their boxes' answers are missing in the figures.
    """

    def __init__(self, lost: Sequence[str]) -> None:
        self.lost = lost
        super().__init__("\n".join(f"lost {each}" for each in lost))


@dataclass(slots=True, eq=False)
class Worker:
    """One process, seen from the one that has started it."""

    number: int
    total: int
    pid: int
    boxes: int
    channel: socket.socket
    counts: messages.Counts | None = None
    """The latest; None before the first."""
    lost: str | None = None
    """Why it is gone although nobody has told it to end."""
    may_connect: bool = False
    """Whether it has been told to."""
    gained_at: float = 0.0
    """When it was told to, or reported new connections last; see `Counts.at`."""
    has_null_box: bool = False
    """Whether the box that measures the floor is among its boxes."""
    is_killed: bool = False
    """Whether we have killed it."""
    is_running: bool = True
    writer: asyncio.StreamWriter | None = field(default=None, repr=False)
    pulse: Pulse = field(init=False)

    def __post_init__(self) -> None:
        name = f"process {self.number} of {self.total} ({readable.boxes(self.boxes)})"
        self.pulse = Pulse(name, without=AWAY, grace_s=STARTS_S)

    def handle(
        self, message: messages.FromWorker, pass_on: Callable[[Hit | Movement], None]
    ) -> None:
        """Handle what it says, and pass on what its boxes did."""
        match message:
            case messages.Counts():
                missing, self.counts = self.missing, message
                if self.missing < missing:
                    self.gained_at = message.at
                self.pulse.beat(message.at)
            case Hit() | Movement():
                pass_on(message)
            case messages.Note(text=text):
                self.pulse.note(f"{self.pulse.name}: {text}")

    @property
    def missing(self) -> int:
        """How many of its boxes have not been connected yet."""
        return self.boxes - (self.counts.fleet.known if self.counts is not None else 0)

    @property
    def is_connecting(self) -> bool:
        """Whether it connects its boxes, and gets on with that."""
        is_there = not (self.lost or self.pulse.is_silent)
        at = self.gained_at if self.counts is None else self.counts.at
        return self.may_connect and is_there and self.missing > 0 and at - self.gained_at < STUCK_S

    def send(self, message: messages.ToWorker) -> None:
        """Send it a message, if it is there."""
        if self.writer is not None and self.lost is None:
            messages.write(self.writer, messages.line(message))

    def lose(self, why: str, *, since: float) -> None:
        """Record that it is gone, since a second of the monotonic clock."""
        self.lost = why
        self.pulse.silences.append(Silence(since, None))

    @property
    def loss(self) -> str:
        """Why it is gone, and what is gone with it besides its boxes."""
        return f"{self.lost}{NO_FLOOR if self.has_null_box else ''}"

    def kill(self) -> None:
        """End it now, if it runs."""
        if self.is_running:
            if self.pulse.is_silent and self.lost is None:
                self.pulse.silences.append(Silence(self.pulse.heard_at, monotonic()))
            self.is_killed = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Workers(list[Worker]):
    """The workers of a run; none where its own process plays all boxes.

    `fork` them before an event loop runs; use as a context manager.
    """

    def __init__(self, workers: Sequence[Worker] = ()) -> None:
        super().__init__(workers)
        self._following: list[asyncio.Task[None]] = []
        self._is_ending = False
        self._heard = 0
        """Messages."""

    @classmethod
    def fork(
        cls, play: PlayWorker, boxes: BoxesOf, processes: int, *, of: tuple[int, int] = (1, 1)
    ) -> Self:
        """Start so many processes for the boxes of a fleet, or of a shard K/N of it."""
        gc.collect()
        made = cls()
        with all_frozen():  # else the first collection of each would copy all that they share
            try:
                made._fork_all(play, boxes, processes, of)
            except BaseException:  # Ctrl-C too: a thousand take seconds
                made.kill()
                raise
        return made

    def _fork_all(
        self, play: PlayWorker, boxes: BoxesOf, processes: int, of: tuple[int, int]
    ) -> None:
        outer, outer_total = of
        for number in range(1, processes + 1):
            part = (outer + (number - 1) * outer_total, outer_total * processes)
            ours, theirs = socket.socketpair()
            not_theirs = (ours, *(worker.channel for worker in self))
            with signals_held(), theirs:
                pid = fork(partial(_play, play, part, theirs, not_theirs))
                self.append(Worker(number, processes, pid, boxes(part), ours))
            self[-1].has_null_box = part[0] == 1

    def follow(self, pass_on: Callable[[Hit | Movement], None], health: Health) -> None:
        """Listen from now on, and pass on what boxes did. Call it where the event loop runs."""
        for worker in self:
            health.follow(worker.pulse)
        self._following = [asyncio.ensure_future(self._follow(each, pass_on)) for each in self]

    def start_load(self, load_starts_at: float) -> None:
        """Start the faults' clock at a moment of the monotonic clock."""
        self._send_all(messages.StartLoad(load_starts_at))

    async def shut_down(self, show: Callable[[], None]) -> None:
        """End each worker in good order; a second call is safe.

        `show` is called over and over meanwhile. A cancelled caller kills those that still run. A
        worker that is silent for too long is killed too, and counts as lost.
        """
        if self._is_ending:
            return
        self._is_ending = True
        self._send_all(messages.Shutdown())
        running, before, since_s = set(self._following), (0, 0), monotonic()
        try:
            while running and monotonic() - since_s < END_S:
                _, running = await asyncio.wait(running, timeout=POLL_S)
                show()
                now = len(running), self._heard
                if now != before:
                    before, since_s = now, monotonic()
            for worker in self:
                if worker.is_running:
                    worker.lose(UNTOLD, since=worker.pulse.heard_at)
        finally:
            self.kill()
        if running:
            await asyncio.wait(running, timeout=KILLED_S)

    @property
    def counts(self) -> messages.Counts:
        """The counts of all boxes; those of a lost or silent worker are nowhere."""
        total = messages.Counts(fleet=FleetCounts())
        for worker in self:
            if worker.counts is not None:
                are_there = worker.lost is None and not worker.pulse.is_silent
                total.add(worker.counts, are_there=are_there)
        return total

    @property
    def boxes(self) -> int:
        """How many boxes there are, those of lost workers too."""
        return sum(worker.boxes for worker in self)

    @property
    def missing(self) -> int:
        """How many boxes of those that run have not been connected yet."""
        return sum(worker.missing for worker in self if not worker.lost)

    @property
    def are_starting(self) -> bool:
        """Whether one still makes its cars, or waits for its turn to connect them."""
        return any(
            not ((each.counts and each.may_connect) or each.lost or each.pulse.is_silent)
            for each in self
        )

    def broker_states(self) -> list[BrokerStates]:
        """Return how it is with each of several brokers, as each that runs sees it."""
        return [each.counts.brokers for each in self if each.counts and not each.lost]

    @property
    def lost(self) -> list[Worker]:
        """Those that are gone although nobody has told them to end."""
        return [worker for worker in self if worker.lost is not None]

    @property
    def lost_texts(self) -> tuple[str, ...]:
        """The same in words: which, and why."""
        return tuple(f"{worker.pulse.name}: {worker.loss}" for worker in self.lost)

    @property
    def silent_texts(self) -> tuple[str, ...]:
        """Which give no sign of life, and for how long."""
        pulses = (worker.pulse for worker in self if worker.pulse.is_silent)
        return tuple(f"{pulse.name}, silent for {pulse.silent_s:.0f} s" for pulse in pulses)

    def check(self) -> None:
        """Raise `LostProcessError` where one is lost."""
        if self.lost:
            raise LostProcessError(self.lost_texts)

    def start_connecting(self) -> None:
        """Start the next connections, a few at a time: all at once they take half as long again."""
        connecting = sum(worker.is_connecting for worker in self)
        for worker in self:
            if connecting < AT_ONCE and not worker.may_connect and worker.writer is not None:
                worker.may_connect, worker.gained_at = True, monotonic()
                worker.send(messages.Connect())
                connecting += 1

    def check_one_is_left(self) -> None:
        """Raise `BrokerUnreachableError` where all are lost."""
        if self and all(worker.lost for worker in self):
            raise BrokerUnreachableError(self[0].lost)

    def _send_all(self, message: messages.ToWorker) -> None:
        for worker in self:
            worker.send(message)

    async def _follow(self, worker: Worker, pass_on: Callable[[Hit | Movement], None]) -> None:
        reader, worker.writer = await asyncio.open_connection(
            sock=worker.channel, limit=messages.LINE_BYTES
        )
        error: str | None = None
        async for line in messages.lines(reader):
            self._heard += 1
            message = messages.from_worker.decode(line)
            if isinstance(message, messages.Failed):
                error = message.error
            else:
                worker.handle(message, pass_on)
        status = await asyncio.to_thread(_status_of, worker.pid)
        worker.is_running = False
        worker.pulse.end()
        is_ours = worker.is_killed or (self._is_ending and status == 0)
        if worker.lost is None and (error or not is_ours):
            worker.lose(error or _how(status), since=monotonic())
        if worker.lost is not None:
            worker.pulse.note(f"{worker.pulse.name} is gone: {worker.loss}; the others go on")
        worker.writer.close()

    def kill(self) -> None:
        """End those that still run."""
        for worker in self:
            worker.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _play(
    play: PlayWorker,
    part: tuple[int, int],
    channel: socket.socket,
    not_ours: Sequence[socket.socket],
) -> None:
    """Run as a worker.

    It closes its copies of the parent's sockets: with them it would not notice the parent's end.
    """
    for each in not_ours:
        each.close()
    try:
        uvloop.run(play(part, channel))
    except BaseException:
        logging.getLogger(__name__).exception("process %d of %d failed", *part)
        raise


def _status_of(pid: int) -> int:
    """Wait for the end of a child; return its exit code, negative for a signal."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:  # somebody else has taken it
        return 0


def _how(status: int) -> str:
    if status == -signal.SIGKILL:
        return "it was killed (SIGKILL): by the kernel for want of memory? (dmesg | tail)"
    return f"killed by signal {-status}" if status < 0 else f"it ended with exit code {status}"
