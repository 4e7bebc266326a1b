"""What is to be done at a moment for each command that has not ended by then: hardly ever anything.

A command has its life and its next try ahead of it, and ends within a second or so. One event of
the environment, that of the first of them, stands for all of a kind.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from operator import itemgetter

from fleet_sim.cars.world import ModelEnvironment
from fleet_sim.platform.commands import PlatformCommand

_Deadline = tuple[float, PlatformCommand, int]
"""When it is, in simulated seconds, of which command, and how often that had been published."""


class Deadlines:
    """The deadlines of one kind: `then` gets each command, and how often it had been published."""

    def __init__(self, env: ModelEnvironment, then: Callable[[PlatformCommand, int], None]) -> None:
        self._env = env
        self._then = then
        self._set: deque[_Deadline] = deque()
        """The first one first. Those of a kind are set for as long, so a new one is the last."""
        self._armed_s = math.inf
        """When the event comes that looks at them."""

    def set(self, delay_s: float, command: PlatformCommand) -> None:
        """Call back after `delay_s` if the command has not ended by then."""
        deadlines, at_s = self._set, self._env.now + max(delay_s, 0.0)
        deadline = at_s, command, command.publishes
        if not deadlines or deadlines[-1][0] <= at_s:
            deadlines.append(deadline)
        else:
            deadlines.insert(bisect_right(deadlines, at_s, key=itemgetter(0)), deadline)
        if at_s < self._armed_s:
            self._arm(at_s)

    def _arm(self, at_s: float) -> None:
        self._armed_s = at_s
        self._env.call_later(at_s - self._env.now, self._on_due, at_s)

    def _on_due(self, armed_s: float) -> None:
        """Do what is due, and come again for the next command that has not ended."""
        if armed_s != self._armed_s:
            return  # an earlier one was set meanwhile, whose event has come already
        now_s, deadlines = self._env.now, self._set
        self._armed_s = math.inf
        try:
            while deadlines and (deadlines[0][0] <= now_s or deadlines[0][1].is_final):
                _, command, publishes = deadlines.popleft()
                if not command.is_final:
                    self._then(command, publishes)
        finally:  # a defect keeps nobody else waiting
            if deadlines and deadlines[0][0] < self._armed_s:
                self._arm(deadlines[0][0])
