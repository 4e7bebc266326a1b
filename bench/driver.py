"""Sends commands and times their answers, as the probe does but with nothing around it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from bench.commands import ReadyCommand
from bench.pacing import Pacer
from fleet_wire.links.link import (
    Disconnected,
    Link,
    LinkFactory,
    Message,
    PublishProperties,
    Session,
)

EXECUTED_MARK = b'"executed"'
_FIRST_DIGIT, _AFTER_DIGITS = len("cars/bench-"), len("cars/bench-00000")
_DRAIN_S = 3.0
"""An answer that comes later than this after the last one counts as lost."""
_CONNECT_S = 20.0


class LoadResult(msgspec.Struct):
    """What one load on a fleet came to."""

    sent: int
    answered: int
    elapsed_s: float
    """From the first start to the last answer that counts."""
    latencies_s: list[float]
    """From the intended start to `executed`, in the order of the answers."""

    @property
    def lost(self) -> int:
        """Return how many commands nobody answered."""
        return self.sent - self.answered


class Driver:
    """An MQTT client that sends commands. Implements `fleet_wire.links.link.LinkHandler`."""

    def __init__(self, link_factory: LinkFactory) -> None:
        self._link: Link = link_factory(self)
        self._connected = asyncio.Event()
        self._ended: Disconnected | None = None
        self._pending: defaultdict[int, deque[float]] = defaultdict(deque)
        self._latencies_s: list[float] = []
        self._last_answer_s = 0.0
        self._sent = 0
        self._following: Iterator[ReadyCommand] | None = None
        self._end_s = 0.0

    # -- LinkHandler ------------------------------------------------------------------------

    def session(self) -> Session:
        """Listen to every result."""
        return Session(client_id="bench-driver", subscriptions=("cars/+/result",), clean_start=True)

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - the protocol's form
        """Let `connect` return."""
        self._connected.set()

    def on_disconnected(self, reason: Disconnected) -> None:
        """Keep why: the load that is on ends with it."""
        self._ended = reason

    def on_message(self, message: Message) -> None:
        """Time an `executed`; in closed loop send the next command for it."""
        self._link.acknowledge(message)
        if EXECUTED_MARK not in message.payload:
            return
        now_s = time.monotonic()
        starts = self._pending[int(message.topic[_FIRST_DIGIT:_AFTER_DIGITS])]
        if not starts:
            return
        self._latencies_s.append(now_s - starts.popleft())
        self._last_answer_s = now_s
        if self._following is not None and now_s < self._end_s:
            self._send_next(now_s)

    # -- loads ------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect and subscribe. Raises `TimeoutError`."""
        self._link.connect()
        await asyncio.wait_for(self._connected.wait(), _CONNECT_S)

    def disconnect(self) -> None:
        """Say goodbye."""
        self._link.disconnect()

    async def closed_loop(
        self, commands: Iterator[ReadyCommand], *, in_flight: int, duration_s: float
    ) -> LoadResult:
        """Keep `in_flight` commands under way for so long: as fast as the fleet can answer.

        Raises `ConnectionError` when the broker has gone.
        """
        with self._measuring():
            start_s = time.monotonic()
            self._following, self._end_s = commands, start_s + duration_s
            for _ in range(in_flight):
                self._send_next(start_s)
            await asyncio.sleep(duration_s)
            await self._drained()
            self._following = None
            return self._load(start_s)

    async def open_loop(self, commands: Sequence[ReadyCommand], *, rate_per_s: float) -> LoadResult:
        """Send commands at a rate, whatever the fleet does; timed from when each is due.

        Raises `ConnectionError` when the broker has gone.
        """
        self._following, total = iter(commands), len(commands)
        done = asyncio.Event()

        def on_due(expirations: int) -> None:
            for _ in range(min(expirations, total - self._sent)):
                self._send_next(start_s + self._sent * pacer.interval_s)
            if self._sent == total:
                done.set()

        with self._measuring():
            self._end_s = 0.0  # answers start nothing
            pacer = Pacer(rate_per_s, on_due)
            start_s = pacer.start()
            await done.wait()
            pacer.stop()
            await self._drained()
            return self._load(start_s)

    def _send_next(self, intended_s: float) -> None:
        assert self._following is not None  # noqa: S101 - a load is on
        command = next(self._following, None)
        if command is None:
            return  # a faster machine than was thought of: the load ends early
        self._sent += 1
        self._pending[command.box].append(intended_s)
        self._link.publish(command.topic, command.payload, properties=self.before(command))

    def before(self, command: ReadyCommand) -> PublishProperties | None:  # noqa: ARG002
        """Do what belongs to a command before it is sent, and say what goes with it; nothing."""
        return None

    async def _drained(self) -> None:
        quiet_since_s, answered = time.monotonic(), len(self._latencies_s)
        while answered < self._sent and time.monotonic() - quiet_since_s < _DRAIN_S:
            await asyncio.sleep(0.01)
            if len(self._latencies_s) != answered:
                quiet_since_s, answered = time.monotonic(), len(self._latencies_s)

    def _load(self, start_s: float) -> LoadResult:
        if self._ended is not None:
            raise ConnectionError(f"the driver has lost its broker: {self._ended}")
        return LoadResult(
            sent=self._sent,
            answered=len(self._latencies_s),
            elapsed_s=max(self._last_answer_s - start_s, 1e-9),
            latencies_s=self._latencies_s,
        )

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        self._pending.clear()
        self._latencies_s = []
        self._sent = 0
        gc.collect()
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
