"""A connection to the broker model with its two ends, and the session that outlives it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fleet_sim.broker.model.packets import LARGEST_PACKET, Publication
from fleet_wire.links.link import Message, Will

LAST_PACKET_ID = 65_535


class ClientEnd(Protocol):
    """A client, as the broker knows it."""

    @property
    def unread(self) -> Sequence[Any]:
        """Packets that wait because the client does not read."""
        ...

    def is_silent(self, connection: Connection) -> bool:
        """Return whether nothing comes on `connection` any more, not even a ping."""
        ...

    def expect_answer(self, connection: Connection) -> None:
        """Note that the broker has stopped reading: the next ping stays unanswered."""
        ...

    def arrive(self, connection: Connection, packets: list[Any]) -> None:
        """Handle packets that arrive together, now or later, if it still has `connection`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLimits:
    """Limits of the broker; names, defaults and 0 for no limit are mosquitto's."""

    max_inflight_messages: int = 20
    """The receive maximum of CONNACK. To a client go as many as its own receive maximum says."""
    max_queued_messages: int = 1_000
    """How many wait for a client that is away; a connected one has its window's size on top."""
    max_packet_bytes: int = LARGEST_PACKET


class Connection:
    """One network connection of a client, as both ends know it."""

    __slots__ = ("client", "coming", "down_due_s", "last_sent_s", "session")

    def __init__(self, client: ClientEnd) -> None:
        self.client = client
        self.session: BrokerSession | None = None
        """Set when the broker accepts the connection."""
        self.last_sent_s = 0.0
        """When the client last sent something; its pings are counted when it matters."""
        self.down_due_s = 0.0
        """When the last packet to the client arrives: the next may not overtake it."""
        self.coming: list[Any] | tuple[()] = ()
        """The packets that arrive at the client then, until they have."""

    def ping_interval_s(self) -> int:
        """Return how long the client may say nothing before it pings; 0: for ever."""
        session = self.session
        return max(1, session.keepalive_s - 1) if session and session.keepalive_s else 0

    def last_ping_s(self, now_s: float) -> float:
        """Return when a client that pings last sent something: what is known of, or a ping."""
        interval_s = self.ping_interval_s()
        return now_s - (now_s - self.last_sent_s) % interval_s if interval_s else self.last_sent_s


class BrokerSession:
    """A session of one client: it may outlive its connection."""

    __slots__ = (
        "client_id",
        "connection",
        "expires_at_s",
        "filters",
        "in_flight",
        "is_resumed",
        "is_v5",
        "keepalive_s",
        "last_packet_id",
        "max_packet_bytes",
        "queue",
        "session_expiry_s",
        "will",
        "will_due_s",
        "window",
    )

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.connection: Connection | None = None
        self.filters: tuple[str, ...] = ()
        self.keepalive_s = 0
        self.session_expiry_s = 0
        self.expires_at_s = math.inf
        """The last whole second of the broker's clock at which it lives, once it is offline."""
        self.will: Will | None = None
        self.will_due_s = 0.0
        self.is_resumed = False
        self.is_v5 = True
        """Whether its client speaks MQTT 5; else 3.1.1."""
        self.window = 0
        """How many messages may be in flight to the client: its receive maximum."""
        self.max_packet_bytes = 0
        self.last_packet_id = 0
        # Both are `()` while empty: that costs nothing, most of the time, for most sessions.
        self.in_flight: dict[int, tuple[Publication, Message]] | tuple[()] = ()
        """Messages in flight, by packet id."""
        self.queue: deque[tuple[Publication, bool]] | tuple[()] = ()
        """Messages that wait for the window or the client; each with the retain flag for its
        delivery."""

    def has_room(self) -> bool:
        """Return whether the window is open."""
        return len(self.in_flight) < self.window

    def next_packet_id(self) -> int:
        """Return the next packet id that is not in flight."""
        packet_id = self.last_packet_id % LAST_PACKET_ID + 1
        while packet_id in self.in_flight:
            packet_id = packet_id % LAST_PACKET_ID + 1
        self.last_packet_id = packet_id
        return packet_id

    def is_expired(self, clock_s: int) -> bool:
        """Return whether it is offline and has outlived its expiry."""
        return self.connection is None and self.expires_at_s < clock_s
