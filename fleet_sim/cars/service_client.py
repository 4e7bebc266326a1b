"""A client of the broker beside the boxes: it connects again until it leaves."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.world import World
from fleet_wire.links.link import Disconnected, Link, Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy, Retries
from fleet_wire.randomness import RandomStream


def _ignore(*_: object) -> None:
    """Ignore it."""


class ServiceClient:
    """The connection of one service. Implements `fleet_wire.links.link.LinkHandler`.

    `on_message` gets each message, which is acknowledged afterwards. With `renews_link` each
    connection gets a new link: an old one must not publish what waited for it.
    """

    def __init__(
        self,
        world: World,
        session: Session,
        *,
        reconnect: ReconnectPolicy,
        stream: RandomStream,
        on_message: Callable[[Message], None],
        renews_link: bool = False,
    ) -> None:
        self._world = world
        self._session = session
        self._retries = Retries(reconnect, stream)
        self._on_message = on_message
        self._renews_link = renews_link
        self._has_left = False
        self.link = world.link_factory(self)
        self.last_end: Disconnected | None = None
        """Why it is not connected; None while it is, and before the first try has failed."""
        self.on_begin: Callable[[], None] = _ignore
        """Told that there is a connection."""
        self.on_end: Callable[[Disconnected], None] = _ignore
        """Told that one has ended, or could not be made."""

    @property
    def open_link(self) -> Link | None:
        """Return the link, if it is connected and subscribed."""
        return self.link if self.link.is_connected else None

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
        self.on_begin()

    def on_disconnected(self, reason: Disconnected) -> None:
        """Connect again."""
        self.last_end = reason
        if self._renews_link:
            self.link = self._world.link_factory(self)
        self._world.later(self._retries.next_s(), self.connect)
        self.on_end(reason)

    def on_message(self, message: Message) -> None:
        """Hand a message on, then acknowledge it."""
        self._on_message(message)
        self.link.acknowledge(message)
