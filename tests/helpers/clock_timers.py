"""Timers on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleet_sim.cars.world import Due, ModelEnvironment
from tests.helpers.fake_clock import FakeClock


class ClockTimers(ModelEnvironment):
    """Calls that come while a clock is turned from one to the next; `turn` turns it."""

    def __init__(self, clock: FakeClock, turn: Callable[[float], None] | None = None) -> None:
        super().__init__(clock.now_s)
        self._clock = clock
        self._turn = turn or self._turn_both

    def call_later(self, delay_s: float, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` when that much time has passed."""
        return self.call_at(self._clock.now_s + delay_s, then, *arguments)

    def run_for(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self._clock.now_s + duration_s
        while self.peek() <= end_s:
            self._turn(max(self.peek() - self._clock.now_s, 0.0))
            self.step()
        self._turn(end_s - self._clock.now_s)

    def _turn_both(self, seconds: float) -> None:
        self._clock.now_s += seconds
        self._clock.wall_s += seconds
