"""Live time: asyncio steps the SimPy environment when its events fall due.

SimPy's own `RealtimeEnvironment` sleeps in the thread, and ends when no event is left although a
message may come at any time. Here the model stays a plain environment; what comes from outside is
handled at the present simulated time, after everything that was due before it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.world import ModelEnvironment
from fleet_sim.runs.advance import AdvanceWatch, StalledTimeError


class LiveDriver(ModelEnvironment):
    """An environment that keeps in step with the monotonic clock.

    External events may enter only within `with driver.present():`. It first steps everything that
    was due and sets `now` to the present. Afterwards the driver wakes up for the model's next
    event. Links enter for each call that they make, see `SharedByLinks`. An exception inside counts
    as a defect of the model: its link closes, and all else continues. If simulated time no longer
    advances, that is a defect as well. The driver stops, and `on_stall` is called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.defects = Defects()
        self.on_stall: Callable[[str], None] = lambda _why: None
        """Ends the run; called with the reason, soon after."""
        self._watch = AdvanceWatch(self._eid)
        self._loop = loop
        self.began_at = self._origin_s = monotonic()
        """Second of the monotonic clock, which all processes share, at simulated second 0."""
        self._armed_for_s = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def now_s(self) -> float:
        """Return the present in simulated seconds."""
        return max(monotonic() - self._origin_s, self._now)

    def present(self) -> AbstractContextManager[None, None]:
        """Return the context in which something from outside may reach the model.

        It is always the same, so that it costs a link next to nothing. It is not for use within
        itself. After a stall the context still opens, and steps nothing.
        """
        return self

    def __enter__(self) -> None:
        # This and `__exit__` are on the way of every command: no calls that can be spared.
        now_s = monotonic() - self._origin_s
        queue = self._queue
        if queue and queue[0][0] <= now_s:
            self.advance_to(now_s)
        elif now_s > self._now:
            self._now = now_s

    def __exit__(self, _kind: object, error: object, _traceback: object) -> None:
        queue = self._queue
        if queue and queue[0][0] < self._armed_for_s:
            self._arm(queue[0][0])
        if isinstance(error, Exception):
            self.defects.note(error)

    def advance_to(self, now_s: float) -> None:
        """Step every event that is due at `now_s`, then let `now` be that moment.

        An exception from the model is noted, and the next event is stepped: one box's defect stops
        no other box.
        """
        queue, watch = self._queue, self._watch
        while queue and queue[0][0] <= now_s:
            try:
                if queue[0][2] >= watch.look_at:
                    watch.check_event(queue[0][0], queue[0][3])
                self.step()
            except StalledTimeError as error:
                self._end_run(error)
                return
            except Exception as error:  # noqa: BLE001 - any defect of the model
                self.defects.note(error)
        self._now = max(self._now, now_s)

    def _end_run(self, stalled: StalledTimeError) -> None:
        """Stop, and let the run end in good order."""
        self.defects.note(stalled)
        self.stop()
        self._loop.call_soon(self.on_stall, str(stalled))

    def _arm(self, next_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for_s = next_s
        self._timer = self._loop.call_at(self._origin_s + next_s, self._due)

    def _due(self) -> None:
        self._armed_for_s = math.inf
        self._timer = None
        with self.present():
            pass  # due events have been stepped

    def stop(self) -> None:
        """Stop time: no event is stepped any more."""
        self._origin_s = math.inf
        self._armed_for_s = -math.inf
        if self._timer is not None:
            self._timer.cancel()
