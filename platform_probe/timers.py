"""Calls to come: an event loop's, or those of virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

RESOLUTION_S: Final = 0.001
"""uvloop and epoll count in milliseconds: a shorter timer would only spin."""


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Timers(Protocol):
    """What arranges calls to come. None of them comes before the call that arranges it returns."""

    def call_later(self, delay_s: float, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` after `delay_s` seconds."""
        ...

    def call_soon(self, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` after what is due already."""
        ...


class LoopTimers:
    """The timers of an event loop, at its resolution."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call_later(self, delay_s: float, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` after `delay_s` seconds, or a little later."""
        return self._loop.call_later(max(delay_s, RESOLUTION_S), then, *arguments)

    def call_soon(self, then: Callable[..., Any], /, *arguments: Any) -> Timer:
        """Call `then` in the next iteration of the loop."""
        return self._loop.call_soon(then, *arguments)
