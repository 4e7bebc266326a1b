"""Virtual time for tests of the broker model."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.world import ModelEnvironment

_LONG_S = 120.0


class VirtualScheduler(ModelEnvironment):
    """The simulator's time, which passes when a test says so."""

    def run_for(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self.now + duration_s
        while self.peek() <= end_s:
            self.step()
        self._now = end_s

    def run_until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Let time pass until `predicate()` is true; fail when that is not soon."""
        end_s = self.now + _LONG_S
        while not predicate():
            if self.peek() > end_s:
                raise AssertionError(message or f"not true by {end_s} s: {predicate}")
            self.step()
