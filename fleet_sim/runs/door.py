"""The door between links and the model: whatever comes in from outside comes in here.

A link's own callbacks and what it was given to call (`on_ack`) reach the model at the present
simulated time.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from fleet_wire.links.link import (
    Disconnected,
    Link,
    LinkFactory,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
    Session,
)


class Inside(Protocol):
    """What a door leads to: the model."""

    def present(self) -> AbstractContextManager[object]:
        """Return a context in which the model is at the present, and after which it goes on."""
        ...


def through_door(factory: LinkFactory, inside: Inside) -> LinkFactory:
    """Return a factory whose links reach the model through a door each."""

    def make(handler: LinkHandler) -> Link:
        door = Door(inside, handler)
        door.link = factory(door)
        return door

    return make


class Door:
    """Stands between one link and its handler: to the link a handler, to the handler a link."""

    __slots__ = ("_handler", "_inside", "link")

    link: Link

    def __init__(self, inside: Inside, handler: LinkHandler) -> None:
        self._inside = inside
        self._handler = handler

    # What the link calls

    def session(self) -> Session:
        """Ask the model what to say in CONNECT."""
        with self._inside.present():
            return self._handler.session()

    def on_connected(self, *, session_present: bool) -> None:
        """Tell the model."""
        with self._inside.present():
            self._handler.on_connected(session_present=session_present)

    def on_message(self, message: Message) -> None:
        """Bring the model a message."""
        with self._inside.present():
            self._handler.on_message(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Tell the model."""
        with self._inside.present():
            self._handler.on_disconnected(reason)

    def _acknowledged(self, on_ack: OnAck, code: int) -> None:
        with self._inside.present():
            on_ack(code)

    # What the model calls

    @property
    def is_connected(self) -> bool:
        """Whether the link is."""
        return self.link.is_connected

    def connect(self) -> None:
        """Start to connect."""
        self.link.connect()

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
        """Send a message; `on_ack` comes through the door, too."""
        if on_ack is not None:
            on_ack = partial(self._acknowledged, on_ack)
        self.link.publish(
            topic, payload, qos=qos, retain=retain, properties=properties, on_ack=on_ack
        )

    def acknowledge(self, message: Message) -> None:
        """Send a PUBACK."""
        self.link.acknowledge(message)

    def disconnect(self) -> None:
        """Say goodbye and close."""
        self.link.disconnect()

    def abort(self) -> None:
        """Drop the connection."""
        self.link.abort()

    def leave_behind(self) -> None:
        """Forget the connection without a word."""
        self.link.leave_behind()

    def freeze(self) -> None:
        """Fall silent."""
        self.link.freeze()

    def thaw(self) -> None:
        """Undo `freeze`."""
        self.link.thaw()
