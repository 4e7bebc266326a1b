"""Delayed calls that keep their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from fleet_sim.cars.failpoints import Culprit
from fleet_sim.cars.world import World

_Call = tuple[Callable[..., None], tuple[Any, ...]]


class Fifo:
    """Calls to come: each after its delay, none before one that was added earlier.

    Make one when the first call is added: most boxes never need it.
    """

    __slots__ = ("_calls", "_delayed_by", "_last_s", "_world")

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: deque[_Call] = deque()
        self._last_s = 0.0
        """When the last one is due."""
        self._delayed_by: list[Culprit] = []
        """The faults that caused the delay."""

    def __bool__(self) -> bool:
        """Return whether calls are pending."""
        return bool(self._calls)

    def add(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then` after `delay_s`, and not before any earlier call."""
        now_s = self._world.env.now
        self._last_s = max(now_s + delay_s, self._last_s)
        self._calls.append((then, arguments))
        self._world.later(self._last_s - now_s, self._call_next)

    def delayed_by(self, delay_s: float, culprits: list[Culprit]) -> list[Culprit]:
        """Return the faults that delay a new call; `culprits` delay it by `delay_s`.

        A call that waits for earlier ones is delayed by whoever delays these.
        """
        if delay_s >= self.left_s():
            self._delayed_by = culprits
        return [*dict.fromkeys([*culprits, *self._delayed_by])]

    def left_s(self) -> float:
        """Return how long it takes until the last call."""
        return max(self._last_s - self._world.env.now, 0.0) if self._calls else 0.0

    def flush(self) -> None:
        """Make all calls now, in their order."""
        while self._calls:
            self._call_next()

    def clear(self) -> None:
        """Make none of the calls."""
        self._calls.clear()

    def _call_next(self) -> None:
        if self._calls:  # else they were made or cleared before their time
            then, arguments = self._calls.popleft()
            then(*arguments)
