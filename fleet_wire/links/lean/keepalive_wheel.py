"""One timer a second for the keepalive of all links: a link costs an entry in a list."""

from __future__ import annotations

import asyncio
from typing import Protocol

TICK_S = 1.0


class Checkable(Protocol):
    """Something that wants to be looked at, at a tick of its choice."""

    check_tick: int
    """The tick of its next check; 0 for none. Only the wheel and the checked one itself set it."""

    def check(self, tick: int) -> int:
        """Do what is due at `tick`. Return the tick of the next check, or 0 for none."""
        ...


class KeepaliveWheel:
    """Calls each link's `check` at the tick that it asked for. Rests while there are none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start_s = loop.time()
        self._buckets: dict[int, list[Checkable]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.tick = 1
        """Seconds since the start, one second exact while any link is watched."""

    def watch(self, link: Checkable, after: int) -> None:
        """Check `link` in `after` ticks, and on as its `check` says."""
        if self._timer is None:
            self.tick = self._current_tick()
            self._schedule()
        self._schedule_check(link, self.tick + max(after, 1))

    def _schedule_check(self, link: Checkable, tick: int) -> None:
        link.check_tick = tick
        self._buckets.setdefault(tick, []).append(link)

    def _current_tick(self) -> int:
        return int((self._loop.time() - self._start_s) / TICK_S) + 1

    def _schedule(self) -> None:
        self._timer = self._loop.call_at(self._start_s + self.tick * TICK_S, self._turn)

    def _turn(self) -> None:
        previous, self.tick = self.tick, max(self._current_tick(), self.tick + 1)
        self._schedule()
        for due in range(previous + 1, self.tick + 1):
            for link in self._buckets.pop(due, ()):
                if link.check_tick == due:  # else it was closed, and maybe watched anew
                    self._check(link)
        if not self._buckets and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, link: Checkable) -> None:
        link.check_tick = 0
        after = link.check(self.tick)
        if after and not link.check_tick:
            self._schedule_check(link, max(after, self.tick + 1))
