"""How the broker model passes messages on: subscriptions, retained messages, windows and queues."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from fleet_sim.broker.model import log
from fleet_sim.broker.model.packets import Publication
from fleet_sim.broker.model.session import BrokerSession
from fleet_sim.broker.model.subscriptions import (
    Subscriptions,
    filter_pattern,
)
from fleet_sim.broker.model.transport import Transport
from fleet_wire.contract.broker_log import is_broker_log
from fleet_wire.links.link import NO_MATCHING_SUBSCRIBERS, SUCCESS, Message, PublishProperties

_NO_PROPERTIES = PublishProperties()


class Router:
    """Takes a publication, finds who wants it, and sends it or keeps it for them.

    `max_queued` is the limit of `BrokerLimits`; `expire` ends a session that turns out to have
    expired.
    """

    __slots__ = (
        "_dropping",
        "_expire",
        "_heartbeat_filters",
        "_listeners",
        "_max_queued",
        "_retained",
        "_subscriptions",
        "_transport",
        "dropped",
        "may_read",
    )

    def __init__(
        self,
        transport: Transport,
        max_queued: int,
        expire: Callable[[BrokerSession], None],
    ) -> None:
        self._transport = transport
        self._max_queued = max_queued or math.inf
        self._expire = expire
        self.may_read: Callable[[str, str], bool] | None = None
        """Given a client id and a topic, says whether the client may be sent it."""
        self._subscriptions = Subscriptions()
        self._retained: dict[str, Publication] = {}
        self.dropped: dict[str, int] = {}
        """Messages lost to a full queue, by client id."""
        self._dropping: set[str] = set()
        """Clients whose drops have been logged since they connected: mosquitto logs it once
        (handle_connect.c)."""
        self._listeners = 0
        """Subscriptions to the broker's log; if there are none, nothing is published."""

    def clock_s(self) -> int:
        """Return the broker's clock: mosquitto counts in whole seconds."""
        return int(self._transport.now_s())

    def forget_all(self) -> None:
        """Lose subscriptions and retained messages."""
        self._subscriptions = Subscriptions()
        self._retained = {}
        self._listeners = 0
        self._dropping.clear()

    def say(self, line: log.Line) -> None:
        """Publish a line of the broker's log, if there is a subscriber.

        The line has QoS 1, so it waits for absent clients.

        It begins with the broker's clock; mosquitto's are Unix seconds.
        """
        if self._listeners:
            payload = f"{self.clock_s()}: {line.sentence}".encode()
            self.route(Publication(line.topic, payload, 1, retain=False))

    def subscribe(self, session: BrokerSession, topic_filter: str) -> None:
        """Subscribe at QoS 1; retained messages come at every SUBSCRIBE."""
        if topic_filter not in session.filters:
            session.filters = (*session.filters, topic_filter)
            self._subscriptions.add(topic_filter, session)
            self._listeners += is_broker_log(topic_filter)
        clock_s = self.clock_s()
        for topic in self._retained_topics(topic_filter):
            retained = self._retained[topic]
            if retained.expires_at_s is not None and clock_s >= retained.expires_at_s:
                del self._retained[topic]
            else:
                self._deliver(session, retained, is_retained=True)

    def _retained_topics(self, topic_filter: str) -> list[str]:
        if topic_filter.startswith("$share/"):
            return []
        if "+" not in topic_filter and "#" not in topic_filter:
            return [topic_filter] if topic_filter in self._retained else []
        matches = filter_pattern(topic_filter).fullmatch
        return [topic for topic in self._retained if matches(topic)]

    def unsubscribe_all(self, session: BrokerSession) -> None:
        """Forget what an ended session subscribed to, and what waited for it."""
        for topic_filter in session.filters:
            self._subscriptions.remove(topic_filter, session)
            self._listeners -= is_broker_log(topic_filter)
        session.filters = ()
        session.in_flight = session.queue = ()

    def route(self, publication: Publication) -> int:
        """Pass a message on, and keep it if retained; return the reason code for its PUBACK."""
        topic, code = publication.topic, NO_MATCHING_SUBSCRIBERS
        for session in self._subscriptions.match(topic, self.clock_s):
            if session.connection is None and session.is_expired(self.clock_s()):
                self._expire(session)
            else:
                code = SUCCESS
                self._deliver(session, publication, is_retained=False)
        if publication.retain:
            if publication.payload:
                self._retained[topic] = publication
            else:
                self._retained.pop(topic, None)
        return code

    def _deliver(
        self, session: BrokerSession, publication: Publication, *, is_retained: bool
    ) -> None:
        may_read = self.may_read
        if may_read is not None and not may_read(session.client_id, publication.topic):
            return
        connection, limit = session.connection, self._max_queued
        if not publication.qos:
            if connection is None:
                return
            if len(connection.client.unread) < limit:
                self._send(session, publication, is_retained=is_retained)
                return
        elif connection is not None and session.has_room():
            self._send(session, publication, is_retained=is_retained)
            return
        else:
            room = limit + (0 if connection is None else session.window)
            if len(session.queue) < room:
                if not session.queue:
                    session.queue = deque()
                session.queue.append((publication, is_retained))
                return
        self._drop(session.client_id)

    def _drop(self, client_id: str) -> None:
        """Count a message for which there is no room, and say so once."""
        self.dropped[client_id] = self.dropped.get(client_id, 0) + 1
        if client_id not in self._dropping:
            self._dropping.add(client_id)
            self.say(log.dropping(client_id))

    def _send(
        self,
        session: BrokerSession,
        publication: Publication,
        *,
        is_retained: bool,
        packet_id: int | None = None,
    ) -> None:
        """Send to a connected client, unless expired or too large; with `packet_id` once more."""
        expires_in_s = None
        if publication.expires_at_s is not None:
            expires_in_s = publication.expires_at_s - self.clock_s()
            if expires_in_s < 0:
                return
        connection = session.connection
        if connection is None or publication.is_larger_than(session.max_packet_bytes):
            return
        is_duplicate = packet_id is not None
        if publication.qos and packet_id is None:
            packet_id = session.next_packet_id()
        properties = publication.properties if session.is_v5 else None
        properties = properties or _NO_PROPERTIES
        message = Message(
            publication.topic,
            publication.payload,
            publication.qos,
            is_retained,
            is_duplicate,
            packet_id,
            properties.correlation_data,
            properties.response_topic,
            (expires_in_s or None) if session.is_v5 else None,  # mosquitto sends none of 0
            [*properties.user_properties],
        )
        if packet_id is not None:
            if not session.in_flight:
                session.in_flight = {}
            session.in_flight[packet_id] = (publication, message)
        self._transport.down(connection, message)

    def send_again(self, session: BrokerSession) -> None:
        """Send what an earlier connection left: first what was in flight, then what waits.

        All messages in flight go out, even if the receive maximum is smaller now; mosquitto does so
        too, also 2.1 (`db__message_write_inflight_out_all`). The client closes on it.
        """
        self._dropping.discard(session.client_id)
        in_flight, session.in_flight = session.in_flight, ()
        if in_flight:
            for packet_id, (publication, message) in in_flight.items():
                self._send(session, publication, is_retained=message.retain, packet_id=packet_id)
        self._refill(session)

    def acknowledged(self, session: BrokerSession, message: Message) -> None:
        """Forget a message that the client has acknowledged, and send what waits for its place."""
        packet_id, in_flight = message.packet_id, session.in_flight
        if packet_id is None or not in_flight:
            return
        entry = in_flight.get(packet_id)
        if entry is None or entry[1] is not message:
            return
        del in_flight[packet_id]
        if not in_flight:
            session.in_flight = ()
        if session.queue:
            self._refill(session)

    def _refill(self, session: BrokerSession) -> None:
        while session.queue and session.has_room():
            publication, is_retained = session.queue.popleft()
            if not session.queue:
                session.queue = ()
            self._send(session, publication, is_retained=is_retained)
