"""The boxes of a run, spread over several processes: starts them, follows them, ends them.

They are forked before anything runs. So modules that a process of boxes has loaded and never uses
(reports, HTTP, YAML) are shared with all others, instead of 45 MB for each.
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
from fleet_sim.runs.live import shard_words as words
from fleet_sim.runs.live.forking import fork, signals_held
from fleet_sim.runs.live.health import BrokerStates, merge_states
from fleet_sim.runs.live.silence import STILL_S, Silence
from fleet_wire.errors import BrokerUnreachableError, UnlockpathError
from fleet_wire.links.link import Disconnected

END_S: Final = 25.0
"""Seconds without any message or end, after which the running shards are killed."""
SILENT_S: Final = STILL_S
"""Seconds without a report after which a process counts as silent; it reports twice a second."""
STARTS_S: Final = 60.0
"""Before its first word it makes its cars, 19,400 in 0.15 s of processor time: 51 at once on two
cores that others want too take their time."""
WATCH_S: Final = 1.0
KILLED_S: Final = 5.0
"""For the end of those that were killed to be seen."""
AWAY: Final = "its boxes count as away until it does"
UNTOLD: Final = "it was silent for too long, and what faults had done to its boxes is not known"
NO_FLOOR: Final = "; the null box is gone with it, so there is no floor"
POLL_S: Final = 0.1
MAX_PROCESSES: Final = 1_000
AT_ONCE: Final = 2 * (os.cpu_count() or 1)
"""Processes that connect their boxes at a time: each keeps some 64 handshakes in flight."""
STUCK_AFTER: Final = 6
"""Number of reports, in 3 s of a shard's own time, after which a shard without new connections
delays no other. Its broker may be away. One that gets no turn says nothing."""

PlayShard = Callable[[tuple[int, int], socket.socket], Coroutine[Any, Any, None]]
"""Plays shard K of N, and speaks over the channel: see `fleet_sim.runs.live.shard`."""


BoxesOf = Callable[[tuple[int, int]], int]
"""How many boxes shard K of N has."""


class LostProcessError(UnlockpathError):
    """Processes of a run are gone although nobody has told them to end; `lost` says which and why.

    Their boxes' answers are missing in the figures.
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
    lost_at: float = 0.0
    """Since when, seconds of the monotonic clock: of one that was silent, since its last word."""
    heard_at: float = field(default_factory=monotonic)
    """When its last word came; before the first, when it was started."""
    has_null_box: bool = False
    """Whether the box that measures the floor is among its boxes."""
    has_told: bool = False
    """Whether it has said all that faults did to its boxes."""
    is_killed: bool = False
    """Whether we have killed it."""
    is_running: bool = True
    may_connect: bool = False
    """Whether it has been told to."""
    same_for: int = 0
    """How often it has said since then, and in a row, that no more boxes have been connected."""
    writer: asyncio.StreamWriter | None = field(default=None, repr=False)
    silent_s: float = SILENT_S - STARTS_S
    """Since its last word; at first since when that could have come."""

    @property
    def is_silent(self) -> bool:
        """Whether it gives no sign of life: it is stopped, or gets no turn."""
        return self.is_running and self.silent_s >= SILENT_S

    def set_counts(self, counts: words.Counts) -> None:
        """Handle new counts."""
        has_gained = self.counts is None or counts.fleet.known > self.counts.fleet.known
        self.same_for = 0 if has_gained else self.same_for + self.may_connect
        self.counts = counts

    @property
    def is_connecting(self) -> bool:
        """Whether it connects its boxes, and gets on with that."""
        is_done = self.ready is not None or self.lost is not None
        if not self.may_connect or is_done or self.is_silent:
            return False
        has_failed = self.counts is not None and self.counts.fleet.last_end is not None
        return not (has_failed and self.same_for >= STUCK_AFTER)

    @property
    def name(self) -> str:
        """The shard's name."""
        return f"process {self.number} of {self.total} ({readable.boxes(self.boxes)})"

    @property
    def silence_so_far(self) -> Silence:
        """The time since its last word."""
        return Silence(self.number, self.heard_at, monotonic(), self.silent_s, self.name)

    @property
    def loss(self) -> str:
        """Why it is gone, and what is gone with it besides its boxes."""
        return f"{self.lost}{NO_FLOOR if self.has_lost_floor else ''}"

    @property
    def has_lost_floor(self) -> bool:
        """Whether the null box may not have answered to the end."""
        return self.has_null_box and self.lost is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardCallbacks:
    """The callbacks for messages of the shards."""

    hit: Callable[[Hit], None]
    movement: Callable[[Movement], None]
    note: Callable[[str], None]


class Shards:
    """All of them. `fork` them before an event loop runs; use as a context manager."""

    def __init__(self, shards: list[Shard]) -> None:
        self.shards = shards
        self._following: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._is_ending = False
        self._has_answered = False
        self._heard = 0
        """Words."""
        self.silences: list[Silence] = []
        """Those that are over; of one that is lost its last is not among them."""

    @classmethod
    def fork(
        cls, play: PlayShard, boxes: BoxesOf, processes: int, *, of: tuple[int, int] = (1, 1)
    ) -> Self:
        """Start so many processes for the boxes of a fleet, or of a shard K/N of it."""
        gc.collect()
        gc.freeze()  # else the first collection of each would copy all that they share
        made = cls([])
        outer, outer_total = of
        try:
            for number in range(1, processes + 1):
                part = (outer + (number - 1) * outer_total, outer_total * processes)
                ours, theirs = socket.socketpair()
                not_theirs = (ours, *(shard.channel for shard in made.shards))
                with signals_held(), theirs:
                    pid = fork(partial(_play, play, part, theirs, not_theirs))
                    made.shards.append(
                        Shard(number, processes, pid, boxes(part), ours, has_null_box=part[0] == 1)
                    )
        except BaseException:  # Ctrl-C too: a thousand take seconds
            made.kill()
            raise
        finally:
            gc.unfreeze()
        return made

    def follow(self, heard: ShardCallbacks) -> None:
        """Listen from now on. Call it where the event loop runs."""
        self._following = [asyncio.ensure_future(self._follow(each, heard)) for each in self.shards]
        self._watching = asyncio.ensure_future(self._watch(heard.note))

    def start_load(self, load_starts_at: float) -> None:
        """Start the faults' clock at a moment of the monotonic clock."""
        self._send_all(words.StartLoad(load_starts_at))

    async def shut_down(self, show: Callable[[], None]) -> None:
        """End each shard in good order; a second call is safe.

        `show` is called over and over meanwhile. A cancelled caller kills those that still run. A
        shard that is silent for too long is killed too, and counts as lost if its report was
        incomplete.
        """
        if self._is_ending:
            return
        self._is_ending = True
        self._send_all(words.Shutdown())
        running, before, since_s = set(self._following), (0, 0), monotonic()
        try:
            while running and monotonic() - since_s < END_S:
                _, running = await asyncio.wait(running, timeout=POLL_S)
                show()
                now = len(running), self._heard
                if now != before:
                    before, since_s = now, monotonic()
            self._give_up()
        finally:
            if self._watching is not None:
                self._watching.cancel()
            self.kill()
        if running:
            await asyncio.wait(running, timeout=KILLED_S)

    @property
    def counts(self) -> FleetCounts:
        """The counts of all boxes.

        Those of a shard that is lost or silent are neither there nor asleep.
        """
        total = FleetCounts()
        for shard in self.shards:
            if shard.counts is not None:
                are_there = shard.lost is None and not shard.is_silent
                total.add(shard.counts.fleet, are_there=are_there)
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

    def merged_broker_states(self, own: BrokerStates) -> dict[int, str]:
        """Return how it is with each of several brokers, as those that run and we ourselves see."""
        running = (each for each in self.shards if each.counts and not each.lost)
        return merge_states((own, *(each.counts.brokers for each in running if each.counts)))

    @property
    def lost_shards(self) -> list[Shard]:
        """Those that are gone although nobody has told them to end."""
        return [shard for shard in self.shards if shard.lost is not None]

    @property
    def silent_texts(self) -> tuple[str, ...]:
        """Which give no sign of life, and for how long."""
        return tuple(
            f"{shard.name}, silent for {shard.silent_s:.0f} s"
            for shard in self.shards
            if shard.is_silent
        )

    @property
    def silence_texts(self) -> tuple[str, ...]:
        """Which gave no sign of life for a while, and how long that was."""
        return tuple(each.text for each in sorted(self.silences))

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
        return tuple(f"{shard.name}: {shard.loss}" for shard in self.lost_shards)

    def check(self) -> None:
        """Raise `LostProcessError` where one is lost."""
        if self.lost_shards:
            raise LostProcessError(self.lost_texts)

    def start_connecting(self) -> None:
        """Start the next connections, a few at a time: all at once none would finish in time."""
        connecting = sum(shard.is_connecting for shard in self.shards)
        for shard in self.shards:
            if connecting >= AT_ONCE:
                return
            if not shard.may_connect and shard.writer is not None:
                shard.may_connect = True
                words.write(shard.writer, words.line(words.Connect()))
                connecting += 1

    def report_answered(self) -> None:
        """Report to each shard that a broker has accepted boxes, as soon as all can receive it."""
        if not self._has_answered and all(shard.writer is not None for shard in self.shards):
            self._has_answered = True
            self._send_all(words.BrokerAnswered())

    def all_are_ready(self) -> bool:
        """Whether the boxes of each are connected, as far as they will be; not of a silent one.

        Raises `BrokerUnreachableError` where every shard has failed.
        """
        if all(shard.lost is not None for shard in self.shards):
            raise BrokerUnreachableError(self.shards[0].lost)
        return all(
            shard.ready is not None or shard.lost is not None or shard.silent_s >= END_S
            for shard in self.shards
        )

    def _send_all(self, word: words.ToShard) -> None:
        for shard in self.shards:
            if shard.writer is not None and shard.lost is None:
                words.write(shard.writer, words.line(word))

    async def _follow(self, shard: Shard, heard: ShardCallbacks) -> None:
        reader, shard.writer = await asyncio.open_connection(
            sock=shard.channel, limit=words.LINE_BYTES
        )
        error: str | None = None
        async for line in words.lines(reader):
            self._heard += 1
            if shard.is_silent:
                self._handle_silence(shard.silence_so_far, heard.note)
            shard.silent_s, shard.heard_at = 0.0, monotonic()
            word = words.from_shard.decode(line)
            if isinstance(word, words.Failed):
                error = word.error
            elif isinstance(word, words.Stalled):
                still_s = word.until - word.since
                silence = Silence(shard.number, word.since, word.until, still_s, shard.name)
                self._handle_silence(silence, heard.note)
            else:
                _dispatch(word, shard, heard)
        status = await asyncio.to_thread(_status_of, shard.pid)
        shard.is_running = False
        if shard.lost is None:
            shard.lost, shard.lost_at = error or self._loss_reason(shard, status), monotonic()
        if shard.lost is not None:
            heard.note(f"{shard.name} is gone: {shard.loss}; the others go on")
        shard.writer.close()

    async def _watch(self, note: Callable[[str], None]) -> None:
        """Report silent shards. Time in which this process gets no turn is not theirs."""
        while True:
            await asyncio.sleep(WATCH_S)
            for shard in self.shards:
                was_silent = shard.is_silent
                if self._is_ending and not was_silent:
                    continue  # 20,000 goodbyes take their time, without a word
                shard.silent_s += WATCH_S
                if shard.is_silent and not was_silent:
                    note(f"{shard.name} gives no sign of life for {SILENT_S:.0f} s: {AWAY}")

    def _loss_reason(self, shard: Shard, status: int) -> str | None:
        """Return why something of a process that has ended is missing; None: nothing is."""
        is_ours = shard.is_killed or (self._is_ending and status == 0)
        return None if is_ours else _how(status)

    def _give_up(self) -> None:
        """Mark running shards as lost that could not report what faults did to their boxes."""
        for shard in self.shards:
            if shard.is_running and not shard.has_told:
                shard.lost, shard.lost_at = UNTOLD, shard.heard_at

    def _handle_silence(self, silence: Silence, note: Callable[[str], None]) -> None:
        """Handle a stall seen from here, or the shard's own report if this process stalled too."""
        if not any(silence.overlaps(each) for each in self.silences):
            self.silences.append(silence)
            note(silence.end_text)

    def kill(self) -> None:
        """End those that still run."""
        for shard in self.shards:
            if shard.is_running:
                if shard.is_silent and shard.lost is None:
                    self.silences.append(shard.silence_so_far)
                shard.is_killed = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(shard.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _dispatch(word: words.FromShard, shard: Shard, heard: ShardCallbacks) -> None:
    match word:
        case words.Counts():
            shard.set_counts(word)
        case words.Ready():
            shard.ready = word
        case words.Truth():
            heard.hit(word.hit)
        case words.LockMoved():
            heard.movement(word.movement)
        case words.AllReported():
            shard.has_told = True
        case words.Note():
            heard.note(f"{shard.name}: {word.text}")


def _play(
    play: PlayShard,
    shard: tuple[int, int],
    channel: socket.socket,
    not_ours: Sequence[socket.socket],
) -> None:
    """Run as a shard.

    While it had the parent's ends too it would not see that the parent is gone.
    """
    for each in not_ours:
        each.close()
    try:
        uvloop.run(play(shard, channel))
    except BaseException:
        logging.getLogger(__name__).exception("process %d of %d failed", *shard)
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
