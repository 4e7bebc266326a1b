"""A client of the broker beside the boxes: it connects again until it leaves."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.world import World
from fleet_wire.links.link import Disconnected, Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy, Retries
from fleet_wire.randomness import RandomStream


class ServiceClient:
    """The connection of one service. Implements `fleet_wire.links.link.LinkHandler`.

    `on_message` gets each message, which is acknowledged before.
    """

    def __init__(
        self,
        world: World,
        session: Session,
        *,
        reconnect: ReconnectPolicy,
        stream: RandomStream,
        on_message: Callable[[Message], None],
    ) -> None:
        self._world = world
        self._session = session
        self._retries = Retries(reconnect, stream)
        self._on_message = on_message
        self._has_left = False
        self.link = world.link_factory(self)
        self.last_end: Disconnected | None = None
        """Why it is not connected; None while it is, and before the first try has failed."""

    def connect(self) -> None:
        """Connect, unless it is gone for good."""
        if not self._has_left:
            self.link.connect()

    def leave(self) -> None:
        """Disconnect for good."""
        self._has_left = True
        self.link.disconnect()

    def session(self) -> Session:
        """Return what to say in CONNECT."""
        return self._session

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Note that there is a connection."""
        self._retries.succeed()
        self.last_end = None

    def on_disconnected(self, reason: Disconnected) -> None:
        """Connect again."""
        self.last_end = reason
        self._world.later(self._retries.next_s(), self.connect)

    def on_message(self, message: Message) -> None:
        """Acknowledge a message and hand it on."""
        self.link.acknowledge(message)
        self._on_message(message)
