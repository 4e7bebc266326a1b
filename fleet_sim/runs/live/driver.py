"""Live time: asyncio steps the SimPy environment when its events fall due.

SimPy's own `RealtimeEnvironment` sleeps in the thread, and ends when no event is left although a
message may come at any time. Here the model stays a plain environment; what comes from outside is
handled at the present simulated time, after everything that was due before it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Self

import simpy

_log = logging.getLogger(__name__)


class LiveEnvironment(simpy.Environment):
    """A plain environment that can be moved to a moment."""

    def advance_to(self, now_s: float) -> None:
        """Step every event that is due at `now_s`, then let `now` be that moment.

        An exception from the model is logged, and the next event is stepped: one box's defect
        stops no other box.
        """
        queue = self._queue
        while queue and queue[0][0] <= now_s:
            try:
                self.step()
            except Exception:  # noqa: BLE001 - any defect of the model
                _log.exception("an event of the model failed")
        self._now = max(self._now, now_s)

    def next_s(self) -> float:
        """Return when the next event is due; infinity without one.

        As `peek`, which raises and catches an exception while the queue is empty.
        """
        return self._queue[0][0] if self._queue else math.inf


class LiveDriver:
    """Keeps one environment in step with the monotonic clock."""

    __slots__ = (
        "_armed_for_s",
        "_is_stopped",
        "_loop",
        "_nested",
        "_origin_s",
        "_timer",
        "env",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.env = LiveEnvironment()
        self._loop = loop
        self._origin_s = time.monotonic()
        self._nested = 0
        self._is_stopped = False
        self._armed_for_s = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def now_s(self) -> float:
        """Return the present in simulated seconds."""
        return time.monotonic() - self._origin_s

    def present(self) -> Self:
        """Return the context in which something from outside may reach the model.

        It is the only way in: what was due is stepped first, the environment is at the present,
        and afterwards the driver wakes up for the model's next event. Within another it does
        nothing. Where time stands still it lets in, and steps nothing.
        """
        return self

    def __enter__(self) -> None:
        self._nested += 1
        if self._nested == 1 and not self._is_stopped:
            self.env.advance_to(time.monotonic() - self._origin_s)

    def __exit__(self, *_: object) -> None:
        self._nested -= 1
        if self._nested or self._is_stopped:
            return
        next_s = self.env.next_s()
        if next_s < self._armed_for_s:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for_s = next_s
            self._timer = self._loop.call_at(self._origin_s + next_s, self._due)

    def _due(self) -> None:
        self._armed_for_s = math.inf
        self._timer = None
        with self.present():
            pass  # what is due has been stepped

    def stop(self) -> None:
        """Let time stand still: no event is stepped any more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
