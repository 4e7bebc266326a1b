"""Timers on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from tests.helpers.fake_clock import FakeClock


@dataclass
class Call:
    """A call to come."""

    then: Callable[..., Any] | None
    arguments: tuple[Any, ...]

    def cancel(self) -> None:
        """Cancel the call."""
        self.then = None


class ClockTimers:
    """Calls that come while a clock is turned from one to the next; `turn` turns it."""

    def __init__(self, clock: FakeClock, turn: Callable[[float], None] | None = None) -> None:
        self._clock = clock
        self._turn = turn or self._turn_both
        self._calls: list[tuple[float, int, Call]] = []
        self._number = count()

    def call_later(self, delay_s: float, then: Callable[..., Any], /, *arguments: Any) -> Call:
        """Call `then` when that much time has passed."""
        call = Call(then, arguments)
        heappush(self._calls, (self._clock.now_s + delay_s, next(self._number), call))
        return call

    def call_soon(self, then: Callable[..., Any], /, *arguments: Any) -> Call:
        """Call `then` when time passes next."""
        return self.call_later(0.0, then, *arguments)

    def run_for(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self._clock.now_s + duration_s
        while self._calls and self._calls[0][0] <= end_s:
            at_s, _, call = heappop(self._calls)
            self._turn(max(at_s - self._clock.now_s, 0.0))
            if call.then is not None:
                call.then(*call.arguments)
        self._turn(end_s - self._clock.now_s)

    def _turn_both(self, seconds: float) -> None:
        self._clock.now_s += seconds
        self._clock.wall_s += seconds
