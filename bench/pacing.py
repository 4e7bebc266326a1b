"""A timer that fires at a rate with microseconds of error, where asyncio's own has milliseconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from platform_probe.measure.load.timerfd import TimerDescriptor

_NANOSECONDS = 1_000_000_000


class Pacer:
    """Calls `on_due` with how many starts have fallen due; catches up when it was held up.

    The first start is due at the time that `start` returns, the others each `1 / rate_per_s` after
    it, on the monotonic clock.
    """

    def __init__(self, rate_per_s: float, on_due: Callable[[int], None]) -> None:
        self._interval_ns = max(1, round(_NANOSECONDS / rate_per_s))
        self.interval_s = self._interval_ns / _NANOSECONDS
        self._on_due = on_due
        self._timer = TimerDescriptor()

    def start(self) -> float:
        """Start the timer and return when the first start is due."""
        asyncio.get_running_loop().add_reader(self._timer.descriptor, self._fired)
        start_s = time.monotonic() + self.interval_s
        self._timer.set(start_s, every_ns=self._interval_ns)
        return start_s

    def stop(self) -> None:
        """Stop for good."""
        asyncio.get_running_loop().remove_reader(self._timer.descriptor)
        self._timer.close()

    def _fired(self) -> None:
        expirations = self._timer.clear()
        if expirations:
            self._on_due(expirations)
