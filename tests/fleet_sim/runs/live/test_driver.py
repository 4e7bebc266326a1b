"""The asyncio driver: due events run, messages come in at the present, order is kept."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from fleet_sim.runs.live.driver import LiveDriver, LiveEnvironment
from fleet_wire.links.link import Disconnected, Ended, Link, LinkHandler, Message, Session
from tests.helpers.waiting import eventually


class TimedHandler:
    """A model object that notes the simulated time of each call."""

    def __init__(self, env: LiveEnvironment) -> None:
        self.env = env
        self.calls: list[tuple[str, float]] = []

    def session(self) -> Session:
        """Have nothing to say."""
        return Session(client_id="x")

    def on_connected(self, *, session_present: bool) -> None:
        """Note it."""
        del session_present
        self.calls.append(("connected", self.env.now))

    def on_message(self, message: Message) -> None:
        """Note it, and schedule something."""
        del message
        self.calls.append(("message", self.env.now))
        self.later(0.01, "after message")

    def on_disconnected(self, reason: Disconnected) -> None:
        """Note it."""
        del reason
        self.calls.append(("disconnected", self.env.now))

    def later(self, delay_s: float, name: str) -> None:
        """Note `name` after simulated time."""
        event = self.env.timeout(delay_s)
        event.callbacks.append(lambda _: self.calls.append((name, self.env.now)))


def test_advance_steps_what_is_due_and_no_more() -> None:
    """Events run in order at their own times, and `now` ends where it was asked to."""
    env = LiveEnvironment()
    seen: list[float] = []
    for at_s in (3.0, 1.0, 2.0):
        env.timeout(at_s).callbacks.append(lambda _: seen.append(env.now))
    env.advance_to(2.5)
    assert seen == [1.0, 2.0]
    assert env.now == 2.5
    env.advance_to(2.0)
    assert env.now == 2.5


def test_a_defect_in_one_event_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """An exception in the model is logged; the events after it run."""
    env = LiveEnvironment()
    seen: list[float] = []

    def fail(_event: object) -> None:
        raise ValueError("defect")

    env.timeout(1.0).callbacks.append(fail)
    env.timeout(2.0).callbacks.append(lambda _: seen.append(env.now))
    with caplog.at_level(logging.ERROR):
        env.advance_to(5.0)
    assert seen == [2.0]
    assert "an event of the model failed" in caplog.text


async def test_events_fall_due_without_help() -> None:
    """Asyncio wakes the environment; nobody has to poll."""
    driver = LiveDriver(asyncio.get_running_loop())
    handler = TimedHandler(driver.env)
    driver.enter()
    handler.later(0.05, "second")
    handler.later(0.01, "first")
    driver.leave()
    await eventually(lambda: len(handler.calls) == 2)
    assert [name for name, _ in handler.calls] == ["first", "second"]
    driver.stop()


async def test_an_inbound_message_is_handled_at_the_present() -> None:
    """A message is handled at once, and what it schedules falls due by itself."""
    driver = LiveDriver(asyncio.get_running_loop())
    handler = TimedHandler(driver.env)
    handlers: list[LinkHandler] = []

    def factory(handler: LinkHandler) -> Link:
        handlers.append(handler)
        return cast("Link", None)

    driver.wrap(factory)(handler)
    before_s = driver.now_s()
    handlers[0].on_connected(session_present=False)
    handlers[0].on_message(cast("Message", None))
    handlers[0].on_disconnected(Disconnected(Ended.REFUSED))
    assert [name for name, _ in handler.calls] == ["connected", "message", "disconnected"]
    assert all(at_s >= before_s for _, at_s in handler.calls)
    await eventually(lambda: handler.calls[-1][0] == "after message")
    driver.stop()


async def test_a_stopped_driver_steps_nothing() -> None:
    """After `stop` no event runs, even when a late callback comes in."""
    driver = LiveDriver(asyncio.get_running_loop())
    handler = TimedHandler(driver.env)
    driver.enter()
    handler.later(0.01, "never")
    driver.stop()
    driver.leave()
    await asyncio.sleep(0.05)
    assert handler.calls == []
