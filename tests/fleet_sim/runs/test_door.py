"""The door: what comes in is in the present."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import cast

from fleet_sim.runs.door import Door, through_door
from fleet_wire.links.link import (
    Disconnected,
    Ended,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
    Session,
)
from tests.helpers.fake_link import FakeLink

A_MESSAGE = cast("Message", object())


class Inside:
    """The model, as far as a door knows it."""

    def __init__(self) -> None:
        self.depth = 0

    @contextmanager
    def _present(self) -> Iterator[None]:
        self.depth += 1
        yield
        self.depth -= 1

    def present(self) -> AbstractContextManager[None]:
        """Note that something is inside."""
        return self._present()


class Handler:
    """A box that notes whether it is called in the present."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self.calls: list[object] = []

    def _called(self, name: str, argument: object) -> None:
        assert self._inside.depth == 1, name
        self.calls.append(argument)

    def session(self) -> Session:
        """Say who it is."""
        self._called("session", "session")
        return Session("car-1")

    def on_connected(self, *, session_present: bool) -> None:
        """Note it."""
        self._called("on_connected", session_present)

    def on_message(self, message: Message) -> None:
        """Note it."""
        self._called("on_message", message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Note it."""
        self._called("on_disconnected", reason.why)

    def on_ack(self, code: int) -> None:
        """Note it."""
        self._called("on_ack", code)


class AckingLink(FakeLink):
    """A link that keeps what it should call."""

    on_ack: OnAck | None = None

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: PublishProperties | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """Keep it."""
        self.calls.append(f"publish {topic} {payload!r} {qos} {retain} {properties}")
        self.on_ack = on_ack


def doors() -> tuple[Inside, Handler, AckingLink, Door]:
    """Return a handler and its link on the two sides of a door."""
    inside = Inside()
    handler = Handler(inside)
    links: list[AckingLink] = []

    def factory(behind: LinkHandler) -> AckingLink:
        links.append(AckingLink(behind))
        return links[-1]

    door = through_door(factory, inside)(handler)
    assert isinstance(door, Door)
    return inside, handler, links[0], door


def test_whatever_a_link_calls_is_in_the_present() -> None:
    """The callbacks of the link itself, and the one that a message was given."""
    inside, handler, link, door = doors()
    assert link.handler.session() == Session("car-1")
    link.accept()
    link.handler.on_message(A_MESSAGE)
    door.publish("t", b"x", on_ack=handler.on_ack)
    assert link.on_ack is not None
    link.on_ack(16)
    link.lose()
    assert handler.calls == ["session", False, A_MESSAGE, 16, Ended.BROKER_CLOSED]
    assert inside.depth == 0


def test_a_message_that_nobody_waits_for_is_passed_on_as_it_is() -> None:
    """There is no callback to be wrapped."""
    _, _, link, door = doors()
    properties = PublishProperties(expiry_s=1)
    door.publish("t", b"x", qos=0, retain=True, properties=properties)
    assert link.calls == [f"publish t b'x' 0 True {properties}"]
    assert link.on_ack is None


def test_what_a_box_asks_of_its_link_is_asked_of_the_link() -> None:
    """One by one."""
    _, _, link, door = doors()
    assert not door.is_connected
    door.connect()
    assert door.is_connected
    door.acknowledge(A_MESSAGE)
    assert link.acknowledged == [A_MESSAGE]
    door.freeze()
    assert link.is_frozen
    door.thaw()
    assert not link.is_frozen
    door.leave_behind()
    door.disconnect()
    door.abort()
    assert link.calls == ["connect", "leave_behind", "disconnect", "abort"]
