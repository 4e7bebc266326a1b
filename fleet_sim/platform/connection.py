"""The platform's connection to the broker, for the messages of all cars."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.world import World
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Disconnected, Link, LinkLimits, Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy, Retries

KEEPALIVE_S = 15
"""Short: a broker that vanished without a word is noticed within a command's life."""
PLATFORM_LINK_LIMITS = LinkLimits(
    receive_max=65_535,
    max_in_flight=20_000,
    max_queued=20_000,
    acknowledge_after_s=0.01,
    read_together_s=0.003,
)
"""One link carries what the whole fleet answers; for whoever makes the platform's `World`."""


class BrokerConnection:
    """Connects, and connects again. Implements `fleet_wire.links.link.LinkHandler`.

    Each connection gets a new link and a clean session: an old one must not publish commands whose
    life is over.
    """

    def __init__(
        self,
        world: World,
        *,
        client_id: str,
        shared_group: str | None,
        reconnect: ReconnectPolicy,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], None],
    ) -> None:
        self._world = world
        self._client_id = client_id
        self._shared_group = shared_group
        self._on_message = on_message
        self._on_connected = on_connected
        self._retries = Retries(reconnect, world.stream(f"{client_id}/reconnect"))
        self._is_closed = False
        self._link: Link | None = None
        self.last_end: Disconnected | None = None
        """Why a connection has ended last, or could not be made."""
        self.on_end: Callable[[Disconnected], None] | None = None
        """Told of each of these."""
        self.on_begin: Callable[[], None] | None = None
        """Told that there is a connection."""

    @property
    def link(self) -> Link | None:
        """Return the link, if it is connected and subscribed."""
        return self._link if self._link is not None and self._link.is_connected else None

    def connect(self) -> None:
        """Begin to connect. A connection that ends is followed by another, until `close`."""
        if not self._is_closed:
            self._link = self._world.link_factory(self)
            self._link.connect()

    def close(self) -> None:
        """Disconnect for good."""
        self._is_closed = True
        if self._link is not None:
            self._link.disconnect()

    def session(self) -> Session:
        """Return the identity and the subscriptions for CONNECT."""
        profile = self._world.profile
        results = profile.filters((TopicKind.RESULT,))
        if self._shared_group is not None:
            results = tuple(f"$share/{self._shared_group}/{each}" for each in results)
        # Presence and state are never shared: each member needs to know them of all cars, and a
        # broker gives no retained messages to a shared subscription (MQTT 5, section 4.8.2).
        others = profile.filters((TopicKind.PRESENCE, TopicKind.STATE))
        return Session(
            self._client_id,
            subscriptions=tuple(dict.fromkeys((*results, *others))),
            clean_start=True,
            keepalive_s=KEEPALIVE_S,
        )

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Continue the work that waits for the connection."""
        self._retries.succeed()
        self._on_connected()
        if self.on_begin is not None:
            self.on_begin()

    def on_message(self, message: Message) -> None:
        """Handle a message, then acknowledge it."""
        self._on_message(message)
        if message.qos and self._link is not None:
            self._link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Connect again after a while."""
        self.last_end = reason
        self._world.later(self._retries.next_s(), self.connect)
        if self.on_end is not None:
            self.on_end(reason)
