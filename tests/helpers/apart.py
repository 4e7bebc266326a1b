"""Links of tests that share a broker: each test's topics and client ids have a name before them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import msgspec

from fleet_wire.links.link import Link, LinkFactory, LinkHandler, Message, Session

_SHARED = "$share/"


def link_apart(make_link: LinkFactory, handler: LinkHandler, name: str) -> Link:
    """Return a link that puts a name on what goes, and takes it off what comes.

    So nothing that another test has left behind is heard: no session, no retained message, no will.
    """
    return cast("Link", _Apart(make_link, handler, name))


class _Apart:
    """The link, and the handler of the real one; what it does not change goes to either."""

    def __init__(self, make_link: LinkFactory, handler: LinkHandler, name: str) -> None:
        self._handler = handler
        self._name = name
        self._as_received: dict[int, tuple[Message, Message]] = {}
        """What the handler was given and what had come, by the identity of the former."""
        self._link = make_link(cast("LinkHandler", self))

    def __getattr__(self, called: str) -> Any:
        return getattr(self._handler if called.startswith("on_") else self._link, called)

    def publish(self, topic: str, payload: bytes, **more: Any) -> None:
        """Publish under the name."""
        self._link.publish(self._named(topic), payload, **more)

    def acknowledge(self, *messages: Message) -> None:
        """Acknowledge what had come."""
        for message in messages:
            _, received = self._as_received.get(id(message), (message, message))
            self._link.acknowledge(received)

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

    def on_message(self, message: Message) -> None:
        """Pass it on without the name."""
        topic = message.topic.removeprefix(f"{self._name}/")
        given = msgspec.structs.replace(message, topic=topic)
        self._as_received[id(given)] = (given, message)
        self._handler.on_message(given)

    def _named(self, topic: str) -> str:
        """Return a topic, or a filter, under the name."""
        if topic.startswith(_SHARED):
            group, _, shared = topic.removeprefix(_SHARED).partition("/")
            return f"{_SHARED}{group}/{self._named(shared)}"
        return f"{self._name}/{topic}"
