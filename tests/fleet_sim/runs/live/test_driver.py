"""The asyncio driver: due events run, what comes in does at the present, order is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import cast

import pytest

from fleet_sim.runs.door import through_door
from fleet_sim.runs.live.driver import LiveDriver, LiveEnvironment
from fleet_wire.links.link import Disconnected, Ended, Link, LinkHandler, Message, OnAck, Session
from tests.helpers.waiting import eventually


class Recorder:
    """A model object that notes the simulated time of each call."""

    def __init__(self, driver: LiveDriver) -> None:
        self.env = driver.env
        self.calls: list[tuple[str, float]] = []

    def session(self) -> Session:
        """Note it, and have nothing to say."""
        self.calls.append(("session", self.env.now))
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

    def on_ack(self, code: int) -> None:
        """Note it, and schedule something."""
        del code
        self.calls.append(("acknowledged", self.env.now))
        self.later(0.01, "after PUBACK")

    def later(self, delay_s: float, name: str) -> None:
        """Note `name` after simulated time."""
        event = self.env.timeout(delay_s)
        event.callbacks.append(lambda _: self.calls.append((name, self.env.now)))

    @property
    def names(self) -> list[str]:
        """What was called, in order."""
        return [name for name, _ in self.calls]


class KeepingLink:
    """Keeps its handler, and what it was given to call."""

    def __init__(self, handler: LinkHandler) -> None:
        self.handler = handler
        self.on_acks: list[OnAck] = []

    def publish(self, *_: object, on_ack: OnAck, **__: object) -> None:
        """Keep the callback."""
        self.on_acks.append(on_ack)


@pytest.fixture
async def driver() -> AsyncIterator[LiveDriver]:
    """Return a driver; its time stands still when the test is over."""
    driver = LiveDriver(asyncio.get_running_loop())
    yield driver
    driver.stop()


@pytest.fixture
def recorder(driver: LiveDriver) -> Recorder:
    """Return a model object."""
    return Recorder(driver)


def connect(driver: LiveDriver, recorder: Recorder) -> tuple[KeepingLink, Link]:
    """Return a link as it is, and as the model object sees it."""
    links: list[KeepingLink] = []

    def factory(handler: LinkHandler) -> Link:
        links.append(KeepingLink(handler))
        return cast("Link", links[-1])

    seen_by_model = through_door(factory, driver)(recorder)
    return links[0], seen_by_model


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


async def test_events_fall_due_without_help(driver: LiveDriver, recorder: Recorder) -> None:
    """Asyncio wakes the environment; nobody has to poll."""
    with driver.present():
        recorder.later(0.05, "second")
        recorder.later(0.01, "first")
    await eventually(lambda: len(recorder.calls) == 2)
    assert recorder.names == ["first", "second"]


async def test_an_inbound_message_is_handled_at_the_present(
    driver: LiveDriver, recorder: Recorder
) -> None:
    """A message is handled at once, and what it schedules falls due by itself."""
    link, _ = connect(driver, recorder)
    before_s = driver.now_s()
    link.handler.session()
    link.handler.on_connected(session_present=False)
    link.handler.on_message(cast("Message", None))
    link.handler.on_disconnected(Disconnected(Ended.REFUSED))
    assert recorder.names == ["session", "connected", "message", "disconnected"]
    assert all(at_s >= before_s for _, at_s in recorder.calls)
    await eventually(lambda: recorder.names[-1] == "after message")


async def test_a_puback_reaches_the_model_at_the_present(
    driver: LiveDriver, recorder: Recorder
) -> None:
    """What was given to `publish` comes through the door, too, and what it schedules falls due."""
    link, seen_by_model = connect(driver, recorder)
    seen_by_model.publish("t", b"", on_ack=recorder.on_ack)
    before_s = driver.now_s()
    (on_ack,) = link.on_acks
    on_ack(0)
    assert recorder.names == ["acknowledged"]
    assert recorder.calls[0][1] >= before_s
    await eventually(lambda: recorder.names[-1] == "after PUBACK")


async def test_within_the_present_time_does_not_go_on(
    driver: LiveDriver, recorder: Recorder
) -> None:
    """A callback that comes while the model is at work steps no event in the middle of it."""
    link, _ = connect(driver, recorder)
    with driver.present():
        recorder.later(0.0, "due at once")
        now_s = driver.env.now
        while driver.now_s() <= now_s:
            """Let the clock go on."""
        link.handler.on_connected(session_present=False)
        assert recorder.calls == [("connected", now_s)]
    await eventually(lambda: recorder.names == ["connected", "due at once"])


async def test_an_error_of_who_comes_in_leaves_the_driver_at_work(
    driver: LiveDriver, recorder: Recorder
) -> None:
    """It is theirs to hear of; the model's next event falls due all the same."""

    def come_in() -> None:
        with driver.present():
            recorder.later(0.01, "later")
            raise ValueError("not the model's")

    with pytest.raises(ValueError, match="not the model's"):
        come_in()
    await eventually(lambda: recorder.names == ["later"])


async def test_a_stopped_driver_steps_nothing(driver: LiveDriver, recorder: Recorder) -> None:
    """After `stop` no event runs, even when a late callback comes in."""
    link, _ = connect(driver, recorder)
    with driver.present():
        recorder.later(0.01, "never")
        driver.stop()
    await asyncio.sleep(0.05)
    link.handler.on_connected(session_present=False)
    await asyncio.sleep(0.05)
    assert recorder.names == ["connected"]
