"""Virtual time: who steps the environment of everything that runs in it, and its clock."""

from __future__ import annotations

from heapq import heappop
from typing import Any

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.world import Due, ModelEnvironment
from fleet_sim.runs.advance import AdvanceWatch, StalledTimeError

EPOCH_UNIX_S = 1_767_225_600.0
"""2026-01-01T00:00:00Z: where virtual time begins, so that stamps are the same in every run."""


class VirtualEnvironment(ModelEnvironment):
    """A plain environment in which a defect of one event ends no other.

    It steps as `simpy.Environment` does, without calls and an event to stop at: half of what an
    event costs by itself.
    """

    def __init__(self, initial_time: float = 0.0) -> None:
        super().__init__(initial_time)
        self._watch = AdvanceWatch(self._eid)

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


class VirtualClock:
    """Implements `fleet_wire.clock.Clock` on simulated time."""

    def __init__(self, env: VirtualEnvironment) -> None:
        self.monotonic_s = env.now_s

    def unix_s(self) -> float:
        """Return the wall time that simulated time stands for."""
        return EPOCH_UNIX_S + self.monotonic_s()
