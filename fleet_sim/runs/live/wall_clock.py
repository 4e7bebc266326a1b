"""The wall clock, which may be set while a fleet runs, and stands while a machine is suspended.

Boxes in the field take the time from the network. So the simulated ones follow a clock that jumps.
Otherwise each would refuse all commands as expired, or as living too long, until it is restarted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fleet_sim.cars.world import World
from fleet_sim.runs.live.driver import LiveDriver

LOOK_EVERY_S = 1.0
STEP_S = 0.1
"""Smallest step, seconds; less is a slow correction of the clock, or a busy machine."""


class WallClockFollower:
    """Lets the boxes of a world follow the wall clock, from `start` to `stop`.

    `note` is told of each step.
    """

    def __init__(self, world: World, driver: LiveDriver, note: Callable[[str], None]) -> None:
        self._world = world
        self._driver = driver
        self._note = note
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look now, and every second from now on."""
        self.check()
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self.start)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def check(self) -> None:
        """Compare the boxes' idea of the time with the wall clock's, and put it right.

        A busy machine may take the processor away between two clocks. So the wall clock is read
        between two readings of ours, and only what it is off from both was set.
        """
        before_s = self._driver.now_s()
        wall_s = time.time()
        off_s = [wall_s - self._world.unix_s_at(at) for at in (before_s, self._driver.now_s())]
        step_s = max(min(off_s), 0.0) or min(max(off_s), 0.0)
        if abs(step_s) >= STEP_S:
            self._world.clock_step.by_s += step_s
            self._note(f"the wall clock was set by {step_s:+.1f} s; the simulated one follows it")
