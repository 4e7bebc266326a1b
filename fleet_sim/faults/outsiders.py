"""Clients of the broker that are no car's and no platform's, for faults that need one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleet_sim.faults.registry import Injection
from fleet_wire.links.link import Disconnected, Link, Message, Session

RETRY_S = 1.0


class Outsider:
    """A client of no car. Implements `fleet_wire.links.link.LinkHandler`.

    It acknowledges every message, and passes it to `on_message`.
    """

    def __init__(
        self,
        client_id: str,
        injection: Injection,
        *,
        subscriptions: tuple[str, ...] = (),
        on_message: Callable[[Message], None] = lambda _message: None,
    ) -> None:
        self._session = Session(client_id, subscriptions=subscriptions, clean_start=True)
        self._injection = injection
        self._take = on_message
        self._has_left = False
        self._link: Link = injection.world.link_factory(self)

    def session(self) -> Session:
        """Return what to say in CONNECT."""
        return self._session

    def connect(self) -> None:
        """Connect, unless it is gone for good."""
        if not self._has_left:
            self._link.connect()

    def leave(self) -> None:
        """Disconnect for good."""
        self._has_left = True
        self._link.disconnect()

    def publish(self, topic: str, payload: bytes, **how: Any) -> None:
        """Publish a message; it waits for a connection where there is none."""
        self._link.publish(topic, payload, **how)

    def on_connected(self, *, session_present: bool) -> None:
        """Do nothing: what there is to send waits in the link."""

    def on_message(self, message: Message) -> None:
        """Handle a message, and acknowledge it."""
        self._take(message)
        self._link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:  # noqa: ARG002 - LinkHandler's form
        """Connect again after a while."""
        self._injection.world.later(RETRY_S, self.connect)
