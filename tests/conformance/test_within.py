"""Every call of a link to its owner happens within the context that its factory was given."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager

import pytest

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import Disconnected, LinkFactory, LinkLimits, Message, Session
from tests.helpers.brokers import running_mosquitto
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually


class Door(AbstractContextManager[None, None]):
    """Knows who is inside, and what came out of it as an error."""

    def __init__(self) -> None:
        self.is_open = False
        self.errors: list[str] = []

    def __enter__(self) -> None:
        assert not self.is_open
        self.is_open = True

    def __exit__(self, _kind: object, error: object, _traceback: object) -> None:
        self.is_open = False
        if error is not None:
            self.errors.append(str(error))


class Inside(Recorder):
    """Notes each call, and whether it came through the door; one kind of call may fail."""

    def __init__(self, make_link: LinkFactory, session: Session, door: Door, fails_in: str) -> None:
        self.door = door
        self.fails_in = fails_in
        self.calls: list[tuple[str, bool]] = []
        super().__init__(make_link, session)

    def note(self, call: str) -> None:
        """Note a call."""
        self.calls.append((call, self.door.is_open))
        if call == self.fails_in:
            raise ValueError(call)

    def session(self) -> Session:
        """Note it."""
        self.note("session")
        return super().session()

    def on_connected(self, *, session_present: bool) -> None:
        """Note it."""
        self.note("on_connected")
        super().on_connected(session_present=session_present)

    def on_message(self, message: Message) -> None:
        """Note it."""
        self.note("on_message")
        super().on_message(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Note it."""
        super().on_disconnected(reason)
        self.note("on_disconnected")

    def on_ack(self, code: int) -> None:
        """Note it."""
        self.acks.append(code)
        self.note("on_ack")


async def life_of(*, fails_in: str = "") -> Inside:
    """Return a client that has heard of a connection, its PUBACK, its message and its end."""
    door = Door()
    with running_mosquitto() as broker:
        limits = LinkLimits(connect_timeout_s=5)
        links = LeanLinkFactory(broker.address, limits=limits, within=door)
        client = Inside(links, Session("client", ("topic",)), door, fails_in)
        client.link.connect()
        await eventually(lambda: client.sessions_present or client.ends)
        if client.link.is_connected:
            client.link.publish("topic", b"hello", on_ack=client.on_ack)
            await eventually(lambda: (client.messages and client.acks) or client.ends)
        broker.kill()
        await eventually(lambda: client.ends)
        client.link.abort()
        await asyncio.sleep(0)
    return client


@pytest.mark.broker
async def test_a_whole_life_happens_within() -> None:
    """A handler's four calls and an `on_ack`."""
    client = await life_of()
    assert {call for call, _ in client.calls} == {
        "session", "on_connected", "on_message", "on_ack", "on_disconnected",
    }  # fmt: skip
    assert all(is_inside for _, is_inside in client.calls)
    assert not client.door.errors


@pytest.mark.broker
@pytest.mark.parametrize(
    "fails_in", ["session", "on_connected", "on_message", "on_ack", "on_disconnected"]
)
async def test_the_context_learns_of_every_failure(fails_in: str) -> None:
    """Whoever keeps the door sees what a handler raised, before the link closes for it."""
    client = await life_of(fails_in=fails_in)
    assert client.door.errors == [fails_in]
    assert not client.door.is_open
