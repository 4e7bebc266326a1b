"""Live time: asyncio steps the SimPy environment when its events fall due.

SimPy's own `RealtimeEnvironment` sleeps in the thread, and ends when no event is left although a
message may come at any time. Here the model stays a plain environment; what comes from a socket is
handled at the present simulated time, after everything that was due before it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time

import simpy

from fleet_wire.links.link import Disconnected, Link, LinkFactory, LinkHandler, Message, Session

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

    __slots__ = ("_armed_for_s", "_loop", "_origin_s", "_timer", "env")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.env = LiveEnvironment()
        self._loop = loop
        self._origin_s = time.monotonic()
        self._armed_for_s = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def now_s(self) -> float:
        """Return the present in simulated seconds."""
        return time.monotonic() - self._origin_s

    def enter(self) -> None:
        """Bring the environment to the present, before something from outside reaches the model."""
        self.env.advance_to(time.monotonic() - self._origin_s)

    def leave(self) -> None:
        """Wake up again for the model's next event."""
        next_s = self.env.next_s()
        if next_s < self._armed_for_s:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for_s = next_s
            self._timer = self._loop.call_at(self._origin_s + next_s, self._due)

    def _due(self) -> None:
        self._armed_for_s = float("inf")
        self._timer = None
        self.enter()
        self.leave()

    def stop(self) -> None:
        """Let time stand still: no event is stepped any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for_s = float("-inf")

    def wrap(self, factory: LinkFactory) -> LinkFactory:
        """Return a factory whose links call their handlers in simulated time."""

        def make(handler: LinkHandler) -> Link:
            return factory(_Entrance(self, handler))

        return make


class _Entrance:
    """Stands between a link and a model object: brings the environment to the present first."""

    __slots__ = ("_driver", "_handler")

    def __init__(self, driver: LiveDriver, handler: LinkHandler) -> None:
        self._driver = driver
        self._handler = handler

    def session(self) -> Session:
        return self._handler.session()

    def on_connected(self, *, session_present: bool) -> None:
        self._driver.enter()
        try:
            self._handler.on_connected(session_present=session_present)
        finally:
            self._driver.leave()

    def on_message(self, message: Message) -> None:
        self._driver.enter()
        try:
            self._handler.on_message(message)
        finally:
            self._driver.leave()

    def on_disconnected(self, reason: Disconnected) -> None:
        self._driver.enter()
        try:
            self._handler.on_disconnected(reason)
        finally:
            self._driver.leave()
