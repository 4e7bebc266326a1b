"""Virtual time: the clock and the timers of everything that runs in a SimPy environment."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

import simpy
from simpy.events import NORMAL

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.world import Due
from fleet_sim.runs.advance import AdvanceWatch, StalledTimeError

EPOCH_UNIX_S = 1_767_225_600.0
"""2026-01-01T00:00:00Z: where virtual time begins, so that stamps are the same in every run."""


class VirtualEnvironment(simpy.Environment):
    """A plain environment in which a defect of one event ends no other.

    It tells the time in one call: it is asked for every packet. It steps as `simpy.Environment`
    does, without calls and an event to stop at: half of what an event costs by itself.
    """

    def __init__(self, initial_time: float = 0.0) -> None:
        super().__init__(initial_time)
        self._watch = AdvanceWatch(self._eid)

    now = property(attrgetter("_now"))  # the same as SimPy's, in half the time

    def run_to(self, moment_s: float, defects: Defects) -> None:
        """Step all that is due before a moment to come; what the model raises is noted.

        Raises `StalledTimeError` where time no longer advances.
        """
        while self._now < moment_s:
            try:
                self._step_before(self._now + (moment_s - self._now))
            except StalledTimeError:
                raise
            except Exception as error:  # noqa: BLE001 - any defect of the model
                defects.note(error)

    def _step_before(self, stop_s: float) -> None:
        queue: list[Any] = self._queue  # for events, and for calls that only look like one
        watch = self._watch
        look_at = watch.look_at
        while queue and queue[0][0] < stop_s:
            self._now, _, number, event = heappop(queue)
            if number >= look_at:
                watch.check_event(self._now, event)
                look_at = watch.look_at
            if type(event) is Due:  # most events; SimPy would do nothing else for one
                then = event.then
                if then is not None:
                    then(*event.arguments)
                continue
            callbacks, event.callbacks = event.callbacks, None
            for callback in callbacks:
                callback(event)
            if not event._ok and not hasattr(event, "_defused"):  # noqa: SLF001 - the same as in SimPy
                raise event._value  # noqa: SLF001 - the exception of the process
        self._now = stop_s

    def now_s(self) -> float:
        """Return the simulated second."""
        return self._now


class VirtualClock:
    """Implements `fleet_wire.clock.Clock` on simulated time."""

    def __init__(self, env: VirtualEnvironment) -> None:
        self.monotonic_s = env.now_s

    def unix_s(self) -> float:
        """Return the wall time that simulated time stands for."""
        return EPOCH_UNIX_S + self.monotonic_s()


class VirtualTimers:
    """An event loop's timers on simulated time.

    Implements the broker model's `Scheduler` and the probe's `Timers`.
    """

    def __init__(self, env: VirtualEnvironment) -> None:
        self.now_s = env.now_s
        self._queue: list[Any] = env._queue  # noqa: SLF001 - the same as its `schedule`
        self._number = env._eid  # noqa: SLF001

    def call_later(self, delay_s: float, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` after simulated time; never at once, even without a delay."""
        now_s = self.now_s()
        return self.call_at(now_s + delay_s if delay_s > 0 else now_s, then, *arguments)

    def call_at(self, at_s: float, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` at a simulated moment that is not past; never at once."""
        due = Due(then, arguments)
        heappush(self._queue, (at_s, NORMAL, next(self._number), due))
        return due

    def call_soon(self, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` at this simulated instant, after what is due before it."""
        return self.call_later(0.0, then, *arguments)
