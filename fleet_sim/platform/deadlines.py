"""What is to be done at a moment for each command that has not ended by then: hardly ever anything.

A command has its life and its next try ahead of it, and ends within a second or so. One event of
the environment, that of the first of them, stands for all.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import simpy

from fleet_sim.platform.commands import PlatformCommand


class _Deadline(NamedTuple):
    """`number` is the order in which those of one moment were set."""

    at_s: float
    number: int
    command: PlatformCommand
    then: Callable[..., None]
    arguments: tuple[Any, ...]


class Deadlines:
    """The deadlines of all commands, in simulated seconds."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._set: list[_Deadline] = []
        """A heap."""
        self._number = 0
        self._armed_s = math.inf
        """When the next event comes that looks at them."""

    def set(
        self, delay_s: float, command: PlatformCommand, then: Callable[..., None], *arguments: Any
    ) -> None:
        """Call `then` with a command and more, if it has not ended after `delay_s`."""
        self._number += 1
        at_s = self._env.now + max(delay_s, 0.0)
        heapq.heappush(self._set, _Deadline(at_s, self._number, command, then, arguments))
        if at_s < self._armed_s:
            self._arm(at_s)

    def _arm(self, at_s: float) -> None:
        self._armed_s = at_s
        event = self._env.timeout(max(at_s - self._env.now, 0.0), at_s)
        event.callbacks.append(self._come)

    def _come(self, event: simpy.Event) -> None:
        """Do what is due, and come again for the next command that has not ended."""
        if event.value != self._armed_s:
            return  # an earlier one was set meanwhile, whose event has come already
        now_s, deadlines = self._env.now, self._set
        self._armed_s = math.inf
        try:
            while deadlines and (deadlines[0].at_s <= now_s or deadlines[0].command.is_final):
                _, _, command, then, arguments = heapq.heappop(deadlines)
                if not command.is_final:
                    then(command, *arguments)
        finally:  # a defect keeps nobody else waiting
            if deadlines and deadlines[0].at_s < self._armed_s:
                self._arm(deadlines[0].at_s)
