"""Links of tests that share a broker: each test's topics and client ids have a name before them."""

from __future__ import annotations

from dataclasses import replace

import msgspec

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

_SHARED = "$share/"


class Apart:
    """A link, and the handler of the real one: puts the name on what goes, takes it off what comes.

    So nothing that another test has left behind is heard: no session, no retained message, no will.
    """

    def __init__(self, make_link: LinkFactory, handler: LinkHandler, name: str) -> None:
        self._handler = handler
        self._name = name
        self._as_received: dict[int, tuple[Message, Message]] = {}
        """What the handler was given and what had come, by the identity of the former."""
        self._link: Link = make_link(self)

    # What the owner calls

    @property
    def is_connected(self) -> bool:
        """Ask the link."""
        return self._link.is_connected

    def connect(self) -> None:
        """Connect."""
        self._link.connect()

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
        """Publish under the name."""
        self._link.publish(
            self._named(topic),
            payload,
            qos=qos,
            retain=retain,
            properties=properties,
            on_ack=on_ack,
        )

    def acknowledge(self, *messages: Message) -> None:
        """Acknowledge what had come."""
        for message in messages:
            _, received = self._as_received.get(id(message), (message, message))
            self._link.acknowledge(received)

    def disconnect(self) -> None:
        """Say goodbye."""
        self._link.disconnect()

    def abort(self) -> None:
        """Drop the connection."""
        self._link.abort()

    def leave_behind(self) -> None:
        """Forget the connection."""
        self._link.leave_behind()

    def freeze(self) -> None:
        """Fall silent."""
        self._link.freeze()

    def thaw(self) -> None:
        """Undo it."""
        self._link.thaw()

    # What the link calls

    def session(self) -> Session:
        """Return the handler's session, under the name."""
        session = self._handler.session()
        will = session.will
        return replace(
            session,
            client_id=f"{self._name}-{session.client_id}",
            subscriptions=tuple(map(self._named, session.subscriptions)),
            will=will and replace(will, topic=self._named(will.topic)),
        )

    def on_connected(self, *, session_present: bool) -> None:
        """Pass it on."""
        self._handler.on_connected(session_present=session_present)

    def on_message(self, message: Message) -> None:
        """Pass it on without the name."""
        topic = message.topic.removeprefix(f"{self._name}/")
        given = msgspec.structs.replace(message, topic=topic)
        self._as_received[id(given)] = (given, message)
        self._handler.on_message(given)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Pass it on."""
        self._handler.on_disconnected(reason)

    def _named(self, topic: str) -> str:
        """Return a topic, or a filter, under the name."""
        if topic.startswith(_SHARED):
            group, _, shared = topic.removeprefix(_SHARED).partition("/")
            return f"{_SHARED}{group}/{self._named(shared)}"
        return f"{self._name}/{topic}"
