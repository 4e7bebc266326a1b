"""Virtual time for tests of the broker model: the smallest scheduler that will do."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

_LONG_S = 120.0


class VirtualScheduler:
    """Implements `fleet_sim.broker.model.transport.Scheduler`; time passes when a test says so."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._asked = 0
        self._calls: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def now_s(self) -> float:
        """Return the present."""
        return self._now_s

    @property
    def pending(self) -> int:
        """How many calls are still to come."""
        return len(self._calls)

    def call_later(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then` when that much time has passed."""
        self.call_at(self._now_s + delay_s, then, *arguments)

    def call_at(self, at_s: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then` at that moment."""
        self._asked += 1
        heappush(self._calls, (at_s, self._asked, then, arguments))

    def step(self) -> None:
        """Go to the next call, and make it."""
        self._now_s, _, then, arguments = heappop(self._calls)
        then(*arguments)

    def run_for(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self._now_s + duration_s
        while self._calls and self._calls[0][0] <= end_s:
            self.step()
        self._now_s = end_s

    def run_until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Let time pass until `predicate()` is true; fail when that is not soon."""
        end_s = self._now_s + _LONG_S
        while not predicate():
            if not self._calls or self._calls[0][0] > end_s:
                raise AssertionError(message or f"not true by {end_s} s: {predicate}")
            self.step()
