"""Starts each planned unlock at its time, however slow the answers are: an open model."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from typing import Final

from fleet_wire.clock import Clock
from platform_probe.measure.load.plan import PlannedStart
from platform_probe.measure.load.timers import Timer, Timers

_MAX_STARTS_AT_ONCE: Final = 64
"""Then answers get their turn."""
_ROUNDING_S: Final = 1e-9
"""Sums of times differ by less: what is due so soon is due now."""
_KEPT_LAGS: Final = 1_000_000


class LoadDriver:
    """Calls `start(planned, intended_s)` for each planned unlock as soon as it is due.

    What is due already is started at once: a start is never left out here, only late.
    """

    def __init__(
        self,
        plan: Iterator[PlannedStart],
        *,
        clock: Clock,
        timers: Timers,
        start: Callable[[PlannedStart, float], None],
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._timers = timers
        self._start = start
        self._next = next(plan, None)
        self._begins_s = math.inf
        self._timer: Timer | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to start."""
        return self._next is None

    def start_plan(self, at_s: float) -> None:
        """Set second 0 of the plan to `at_s` (monotonic)."""
        self._begins_s = at_s
        self._run()

    def stop(self) -> None:
        """Start nothing more."""
        self._next = None
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        self._timer = None
        for _ in range(_MAX_STARTS_AT_ONCE):
            planned = self._next
            if planned is None:
                return
            intended_s = self._begins_s + planned.scheduled_s
            wait_s = intended_s - self._clock.monotonic_s()
            if wait_s > _ROUNDING_S:
                self._timer = self._timers.call_later(wait_s, self._run)
                return
            self._next = next(self._plan, None)
            self._start(planned, intended_s)
        self._timer = self._timers.call_soon(self._run)


class Lags:
    """How late starts were: the last million of them, in seconds."""

    def __init__(self) -> None:
        self._lags_s = array("d")
        self._count = 0

    def add(self, lag_s: float) -> None:
        """Note one."""
        if len(self._lags_s) < _KEPT_LAGS:
            self._lags_s.append(lag_s)
        else:
            self._lags_s[self._count % _KEPT_LAGS] = lag_s
        self._count += 1

    def summary(self) -> dict[str, float | None]:
        """Return p50, p99 and the greatest; None where nothing was started."""
        ordered = sorted(self._lags_s)
        if not ordered:
            return {"p50": None, "p99": None, "max": None}
        last = len(ordered) - 1
        return {
            "p50": ordered[round(last * 0.5)],
            "p99": ordered[round(last * 0.99)],
            "max": ordered[last],
        }
