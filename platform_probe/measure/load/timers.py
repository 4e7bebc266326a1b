"""Calls to come: an event loop's, exact to microseconds, or those of virtual time."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Protocol

from platform_probe.measure.load.timerfd import TimerDescriptor

RESOLUTION_S: Final = 0.001
"""The resolution without timerfd: epoll counts in milliseconds, and a shorter timer would only
spin.
"""


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Cancel the call."""
        ...


class Timers(Protocol):
    """A scheduler of later calls. None of them comes before the call that arranges it returns."""

    def call_later(self, delay_s: float, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` after `delay_s` seconds."""
        ...

    def call_soon(self, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` after what is due already."""
        ...


class _Call:
    """A call that one timerfd waits for, with all others."""

    __slots__ = ("arguments", "then")

    def __init__(self, then: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.then: Callable[..., Any] | None = then
        self.arguments = arguments

    def cancel(self) -> None:
        """Cancel the call."""
        self.then = None


class LoopTimers:
    """The timers of an event loop. They are exact to microseconds if the system has timerfd."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: list[tuple[float, int, _Call]] = []
        self._numbers = count()
        self._is_expiring = False
        self._timer: TimerDescriptor | None = None
        try:
            self._timer = TimerDescriptor()
        except OSError:
            return
        loop.add_reader(self._timer.descriptor, self._expired)

    def call_later(self, delay_s: float, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` after `delay_s` seconds, or a little later."""
        if self._timer is None:
            return self._loop.call_later(max(delay_s, RESOLUTION_S), then, *arguments)
        due_s = time.monotonic() + delay_s
        call = _Call(then, arguments)
        is_next = not self._calls or due_s < self._calls[0][0]
        heapq.heappush(self._calls, (due_s, next(self._numbers), call))
        if is_next and not self._is_expiring:
            self._timer.set(due_s)
        return call

    def call_soon(self, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` in the next iteration of the loop."""
        return self._loop.call_soon(then, *arguments)

    def close(self) -> None:
        """Cancel all calls."""
        self._calls = []
        if self._timer is not None:
            self._loop.remove_reader(self._timer.descriptor)
            self._timer.close()

    def _expired(self) -> None:
        assert self._timer is not None  # noqa: S101 - who else would have called
        now_s = time.monotonic()
        self._is_expiring = True
        try:
            while self._calls and self._calls[0][0] <= now_s:
                call = heapq.heappop(self._calls)[2]
                if call.then is not None:
                    call.then(*call.arguments)
        finally:  # what a failing call leaves is due at once
            self._is_expiring = False
            if self._calls:
                self._timer.set(self._calls[0][0])  # makes the descriptor unreadable, too
            else:
                self._timer.clear()
