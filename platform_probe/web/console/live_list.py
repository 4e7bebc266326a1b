"""Live failures: one look at the records for all viewers, sent as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from platform_probe.tell.support.rows import Row
from platform_probe.web.console.workers import BusyError

EVERY_S: Final = 3.0
"""The interval of looks at the records while somebody watches."""
BEAT_S: Final = 15.0
"""The longest time without a comment: proxies end silent connections, and we notice closed ones."""
MOST_WATCHERS: Final = 200
WAITING: Final = 20
"""Events for a watcher who does not read; then that one is let go, and comes again."""
AGAIN: Final = 10
"""The most past failures that a watcher gets first: those since their page was made, or while they
were disconnected. A page leaves out what it has [E].
"""
_REMEMBERED: Final = 1_000

Latest = Callable[[], Awaitable[Sequence[Row]]]
"""Returns the latest unlocks that failed, the last first."""


class Live:
    """Sends new failures to all who watch."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest
        self._watchers: set[asyncio.Queue[Row | None]] = set()
        self._known: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    @property
    def is_full(self) -> bool:
        """Whether no more may watch."""
        return len(self._watchers) >= MOST_WATCHERS

    async def events(self, tell: Callable[[Row], Mapping[str, Any]]) -> AsyncGenerator[bytes]:
        """Yield events for who watches, the latest, then new, until they go or the console ends.

        `tell` says of an unlock what this one reads.
        """
        queue: asyncio.Queue[Row | None] = asyncio.Queue(WAITING)
        self._watchers.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read_records())
        try:
            yield b"retry: 3000\n\n"
            for latest in reversed((await self._failures())[:AGAIN]):
                yield _event(tell(latest))
            while True:
                try:
                    row = await asyncio.wait_for(queue.get(), BEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if row is None:
                    return
                yield _event(tell(row))
        finally:
            self._watchers.discard(queue)

    async def close(self) -> None:
        """Send everybody away."""
        for queue in self._watchers:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _read_records(self) -> None:
        """Look at the records while somebody watches."""
        for row in await self._failures():
            self._known[row["attempt_id"]] = None
        while self._watchers:
            await asyncio.sleep(EVERY_S)
            new = [row for row in await self._failures() if row["attempt_id"] not in self._known]
            for row in reversed(new):
                self._known[row["attempt_id"]] = None
                self._send(row)
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]

    async def _failures(self) -> Sequence[Row]:
        with suppress(OSError, BusyError):  # the disk; it is told on the pages
            return await self._latest()
        return ()

    def _send(self, row: Row) -> None:
        for queue in list(self._watchers):
            try:
                queue.put_nowait(row)
            except asyncio.QueueFull:
                self._watchers.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)


def _event(told: Mapping[str, Any]) -> bytes:
    return b"event: failure\ndata: " + msgspec.json.encode(told) + b"\n\n"
