"""Timers of the event loop: in order, cancelled or not, and one that fails stops no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from platform_probe.measure.load.timers import LoopTimers
from tests.helpers.waiting import eventually


@pytest.fixture
async def timers() -> AsyncIterator[LoopTimers]:
    """Give the timers of the running loop."""
    timers = LoopTimers(asyncio.get_running_loop())
    yield timers
    timers.close()


async def test_calls_come_in_the_order_of_their_times(
    timers: LoopTimers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order in which they were arranged; equal times as arranged, cancelled ones not.

    They are arranged at one and the same moment, however long the machine takes for that.
    """
    calls: list[str] = []
    with monkeypatch.context() as stopped:
        now_s = time.monotonic()
        stopped.setattr("platform_probe.measure.load.timers.time.monotonic", lambda: now_s)
        timers.call_later(0.02, calls.append, "fourth")
        timers.call_later(0.01, calls.append, "first")
        timers.call_later(-1.0, calls.append, "overdue")
        timers.call_later(0.005, calls.append, "cancelled").cancel()
        timers.call_later(0.015, calls.append, "second")
        timers.call_later(0.015, calls.append, "third")
        assert calls == []
    await eventually(lambda: len(calls) == 5)
    assert calls == ["overdue", "first", "second", "third", "fourth"]


async def test_a_call_may_arrange_the_next(timers: LoopTimers) -> None:
    """A chain goes on, and none of its calls comes before the one that arranged it has returned."""
    returned: list[int] = []

    def step(number: int) -> None:
        assert len(returned) == number
        if number < 5:
            timers.call_later(0.0, step, number + 1)
        returned.append(number)

    timers.call_later(0.0, step, 0)
    await eventually(lambda: len(returned) == 6)


async def test_a_call_that_fails_stops_no_other(timers: LoopTimers) -> None:
    """The failure goes to the loop's handler; what was due at the same time comes all the same."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    calls: list[str] = []

    def fail() -> None:
        raise ValueError("a defect")

    timers.call_later(0.0, fail)
    timers.call_later(0.0, calls.append, "due as well")
    timers.call_later(0.01, calls.append, "later")
    await eventually(lambda: len(calls) == 2)
    assert calls == ["due as well", "later"]
    assert [str(context["exception"]) for context in failures] == ["a defect"]
