"""The boxes of a run, spread over several processes: starts them, follows them, ends them.

They are forked before anything runs: what a process that only plays boxes has loaded and never
uses (reports, HTTP, YAML) it then shares with all the others, instead of 45 MB for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import math
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, NoReturn, Self

import uvloop

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults import Hit
from fleet_sim.results import readable
from fleet_sim.runs.limits import most_connections
from fleet_sim.runs.live import shard_words as words
from fleet_sim.runs.live.brokers_away import together
from fleet_sim.runs.live.shard import LINE_BYTES
from fleet_wire.errors import BrokerUnreachableError, UnlockpathError
from fleet_wire.links.link import Disconnected

END_S: Final = 25.0
"""When none has said a word or ended for so long, the shards that still run are killed."""
UNTOLD: Final = "it was silent for too long, and what faults had done to its boxes is not known"
POLL_S: Final = 0.1
MAX_PROCESSES: Final = 1_000
AT_ONCE: Final = 2 * (os.cpu_count() or 1)
"""Processes that connect their boxes at a time: each keeps some 64 handshakes in flight."""
STUCK_AFTER: Final = 6
"""One whose boxes fail to connect, and that has said so often that no more are in, for 3 s of its
own time, keeps no other waiting: its broker may be away. One that gets no turn says nothing."""

PlayShard = Callable[[tuple[int, int], socket.socket], Coroutine[Any, Any, None]]
"""Plays shard K of N, and speaks over the channel: see `fleet_sim.runs.live.shard`."""


BoxesOf = Callable[[tuple[int, int]], int]
"""How many boxes shard K of N has."""


class LostProcessError(UnlockpathError):
    """Processes of a run are gone although nobody has told them to end; `lost` says which and why.

    What their boxes would have answered is missing in the numbers.
    """

    def __init__(self, lost: Sequence[str]) -> None:
        self.lost = lost
        super().__init__("\n".join(f"lost {each}" for each in lost))


@dataclass(slots=True, eq=False)
class Shard:
    """One process, seen from the one that has started it."""

    number: int
    total: int
    pid: int
    boxes: int
    channel: socket.socket
    counts: words.Counts | None = None
    """The latest; None before the first."""
    ready: words.Ready | None = None
    lost: str | None = None
    """Why it is gone although nobody has told it to end."""
    has_told: bool = False
    """Whether it has said all that faults did to its boxes."""
    is_too_slow: bool = False
    """Whether it was told to end, took too long, and was killed for that."""
    is_running: bool = True
    may_connect: bool = False
    """Whether it has been told to."""
    same_for: int = 0
    """How often it has said since then, and in a row, that no more boxes have been connected."""
    writer: asyncio.StreamWriter | None = field(default=None, repr=False)

    def take(self, counts: words.Counts) -> None:
        """Take what it has counted."""
        has_gained = self.counts is None or counts.fleet.known > self.counts.fleet.known
        self.same_for = 0 if has_gained else self.same_for + self.may_connect
        self.counts = counts

    @property
    def is_connecting(self) -> bool:
        """Whether it connects its boxes, and gets on with that."""
        if not self.may_connect or self.ready is not None or self.lost is not None:
            return False
        has_failed = self.counts is not None and self.counts.fleet.last_end is not None
        return not (has_failed and self.same_for >= STUCK_AFTER)

    @property
    def name(self) -> str:
        """What it is called."""
        return f"process {self.number} of {self.total} ({readable.boxes(self.boxes)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Who takes what the shards say."""

    hit: Callable[[Hit], None]
    movement: Callable[[Movement], None]
    note: Callable[[str], None]


class Shards:
    """All of them. `fork` them before an event loop runs; use as a context manager."""

    def __init__(self, shards: list[Shard]) -> None:
        self.shards = shards
        self._following: list[asyncio.Task[None]] = []
        self._is_ending = False
        self._has_answered = False
        self._heard = 0
        """Words."""

    @classmethod
    def fork(
        cls, play: PlayShard, boxes: BoxesOf, processes: int, *, of: tuple[int, int] = (1, 1)
    ) -> Self:
        """Start so many processes for the boxes of a fleet, or of a shard K/N of it."""
        gc.collect()
        gc.freeze()  # else the first collection of each would copy all that they share
        shards: list[Shard] = []
        outer, outer_total = of
        for number in range(1, processes + 1):
            part = (outer + (number - 1) * outer_total, outer_total * processes)
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                for each in (ours, *(shard.channel for shard in shards)):
                    each.close()
                _play_and_exit(play, part, theirs)
            theirs.close()
            shards.append(Shard(number, processes, pid, boxes(part), ours))
        gc.unfreeze()
        return cls(shards)

    def follow(self, heard: Heard) -> None:
        """Listen from now on. Call it where the event loop runs."""
        self._following = [asyncio.ensure_future(self._follow(each, heard)) for each in self.shards]

    def begin(self, load_starts_at: float) -> None:
        """Let the faults count from a moment of the monotonic clock."""
        self._tell(words.Begin(load_starts_at))

    async def end(self, show: Callable[[], None]) -> None:
        """Let each end in good order. Safe to call twice.

        `show` is called over and over meanwhile. Who waits no longer cancels this. What has not
        ended then, or is silent for too long, is killed.
        """
        if self._is_ending:
            return
        self._is_ending = True
        self._tell(words.End())
        running, before, since_s = set(self._following), (0, 0), monotonic()
        try:
            while running and monotonic() - since_s < END_S:
                _, running = await asyncio.wait(running, timeout=POLL_S)
                show()
                now = len(running), self._heard
                if now != before:
                    before, since_s = now, monotonic()
        finally:
            self.kill()

    @property
    def counts(self) -> FleetCounts:
        """What all boxes have counted; those of a lost shard are neither there nor asleep."""
        total = FleetCounts()
        for shard in self.shards:
            if shard.counts is not None:
                total.add(shard.counts.fleet, are_there=shard.lost is None)
        return total

    @property
    def boxes(self) -> int:
        """How many boxes there are, those of lost shards too."""
        return sum(shard.boxes for shard in self.shards)

    @property
    def last_failure(self) -> str:
        """The last failure of a connection that one of them has told of: the end of a sentence."""
        texts = (shard.counts.last_failure for shard in self.shards if shard.counts is not None)
        return next(filter(None, texts), "")

    @property
    def last_end(self) -> tuple[Disconnected | None, str]:
        """Why a connection of one of them has ended, or could not be made, and whose that was."""
        counts = (shard.counts.fleet for shard in self.shards if shard.counts is not None)
        return next(((of.last_end, of.last_end_of) for of in counts if of.last_end), (None, ""))

    @property
    def missing(self) -> int:
        """How many boxes those that run have gone on without."""
        return sum(shard.ready.missing for shard in self.shards if shard.ready and not shard.lost)

    def broker_states(self) -> dict[int, str]:
        """Return how it is with each of several brokers, as those that run see it together."""
        return together(
            shard.counts.brokers for shard in self.shards if shard.counts and not shard.lost
        )

    @property
    def lost(self) -> list[Shard]:
        """Those that are gone although nobody has told them to end."""
        return [shard for shard in self.shards if shard.lost is not None]

    @property
    def rss_bytes(self) -> int:
        """Memory that all of them have taken for their boxes."""
        return sum(shard.counts.rss_bytes for shard in self.shards if shard.counts is not None)

    @property
    def defects(self) -> tuple[int, str | None]:
        """How many defects the model has shown, and the first that is known."""
        counts = [shard.counts for shard in self.shards if shard.counts is not None]
        first = next((of.first_defect for of in counts if of.first_defect), None)
        return sum(of.defects for of in counts), first

    @property
    def lost_texts(self) -> tuple[str, ...]:
        """The same in words: which, and why."""
        return tuple(f"{shard.name}: {shard.lost}" for shard in self.lost)

    def check(self) -> None:
        """Raise `LostProcessError` where one is lost."""
        if self.lost:
            raise LostProcessError(self.lost_texts)

    def let_connect(self) -> None:
        """Let the next ones connect, a few at a time: with all at once none would be in in time."""
        connecting = sum(shard.is_connecting for shard in self.shards)
        for shard in self.shards:
            if connecting >= AT_ONCE:
                return
            if not shard.may_connect and shard.writer is not None:
                shard.may_connect = True
                shard.writer.write(words.line(words.Connect()))
                connecting += 1

    def say_answered(self) -> None:
        """Let each know that a broker has let boxes in, as soon as all can hear it."""
        if not self._has_answered and all(shard.writer is not None for shard in self.shards):
            self._has_answered = True
            self._tell(words.Answered())

    def all_are_ready(self) -> bool:
        """Whether the boxes of each are connected, as far as they will be.

        Raises `BrokerUnreachableError` where every shard has failed.
        """
        if all(shard.lost is not None for shard in self.shards):
            raise BrokerUnreachableError(self.shards[0].lost)
        return all(shard.ready is not None or shard.lost is not None for shard in self.shards)

    def _tell(self, word: words.ToShard) -> None:
        for shard in self.shards:
            if shard.writer is not None and shard.lost is None:
                shard.writer.write(words.line(word))

    async def _follow(self, shard: Shard, heard: Heard) -> None:
        reader, shard.writer = await asyncio.open_connection(sock=shard.channel, limit=LINE_BYTES)
        error: str | None = None
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                self._heard += 1
                word = words.from_shard.decode(line)
                match word:
                    case words.Counts():
                        shard.take(word)
                    case words.Ready():
                        shard.ready = word
                    case words.Truth():
                        heard.hit(word.hit)
                    case words.Moved():
                        heard.movement(word.movement)
                    case words.Told():
                        shard.has_told = True
                    case words.Note():
                        heard.note(f"{shard.name}: {word.text}")
                    case words.Failed():
                        error = word.error
        status = await asyncio.to_thread(_status_of, shard.pid)
        shard.is_running = False
        shard.lost = error or self._why_lost(shard, status)
        if shard.lost is not None:
            heard.note(f"{shard.name} is gone: {shard.lost}; the others go on")
        shard.writer.close()

    def _why_lost(self, shard: Shard, status: int) -> str | None:
        """Return why something of a process that has ended is missing; None: nothing is."""
        if shard.is_too_slow:
            return None if shard.has_told else UNTOLD
        return None if self._is_ending and status == 0 else _how(status)

    def kill(self) -> None:
        """End those that still run."""
        for shard in self.shards:
            if shard.is_running:
                shard.is_too_slow = self._is_ending
                with contextlib.suppress(ProcessLookupError):
                    os.kill(shard.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def processes_needed(boxes: int) -> int:
    """Return how many processes the boxes take, by the descriptors that one may have."""
    return max(math.ceil(boxes / most_connections()), 1)


def _play_and_exit(play: PlayShard, shard: tuple[int, int], channel: socket.socket) -> NoReturn:
    """Be a shard. What the parent has open and would clean up at its end is not ours."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent says when
    code = 1
    try:
        uvloop.run(play(shard, channel))
        code = 0
    except BaseException:
        logging.getLogger(__name__).exception("process %d of %d failed", *shard)
    finally:
        os._exit(code)


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
