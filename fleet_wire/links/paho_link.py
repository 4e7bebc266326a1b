"""The link over paho-mqtt: for MQTT 3.1.1, WebSocket, or a broker that needs both.

aiomqtt, which offers paho to coroutines, documents neither a deferred PUBACK nor a pause in
reading. So the link stands on paho itself (`fleet_wire.links.paho_connection`).

It needs about nine times the memory of the lean link and five times its CPU. It differs in these
points:

- MQTT 3.1.1 has no properties, reason codes, message expiry or receive maximum. Publish properties
  are dropped, every PUBACK counts as success, and a broker's reason to close is unknown. The broker
  decides how long it keeps a session; with `session_expiry_s` 0 there is none. `retain` is false
  on every message that arrives after its subscription.
- Messages that were unacknowledged when a connection broke are sent again as new ones, without DUP.
- paho buffers a packet of any declared size. An MQTT 5 broker learns our limit from CONNECT. The
  link stays open to a 3.1.1 broker, or one that ignores the limit.
- Blocking calls in a pool of threads find that a broker is away. Connecting is not paced, and is
  slow for many clients at once.
- It checks once a second whether a PINGREQ is due, when the keepalive is over. A keepalive below
  3 s is too late for some brokers. PINGRESP may need a whole keepalive, whatever `ping_timeout_s`
  is.
- A message above the broker's maximum packet size is sent all the same, and the broker closes.
- paho checks the topics and packet ids of a broker less strictly than the lean link.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Literal

from fleet_wire.errors import ConfigError, LocalProtocolError
from fleet_wire.links.connecting import IdentityOf, identity_in
from fleet_wire.links.link import (
    BrokerAddress,
    Disconnected,
    EndReason,
    LinkHandler,
    LinkLimits,
    Message,
    OnAck,
    PublishProperties,
    Session,
)
from fleet_wire.links.paho_connection import PahoConnection
from fleet_wire.links.paho_forms import Outgoing, outgoing

logger = logging.getLogger(__name__)


class PahoLink:
    """One MQTT client over paho; implements `fleet_wire.links.link.Link`."""

    def __init__(self, factory: PahoLinkFactory, handler: LinkHandler) -> None:
        self._factory = factory
        self._handler = handler
        self._starting: asyncio.Handle | None = None
        self._connection: PahoConnection | None = None
        self._is_connected = False
        self._is_frozen = False
        self._last_key = 0
        self._unacknowledged_out: dict[int, tuple[Outgoing, OnAck | None]] = {}
        """Undelivered QoS 1 messages, by keys of our own: packet ids end with a connection."""
        self._waiting: deque[int] = deque()
        """The keys of what this connection has not sent."""
        self._in_flight: dict[int, int] = {}
        """Keys by packet id, for messages in flight."""
        self._window = 0
        self._unacknowledged_in: dict[int, Message] = {}

    # Calls of the owner

    @property
    def is_connected(self) -> bool:
        """Whether `on_connected` has come and nothing has ended the connection since."""
        return self._is_connected

    def connect(self) -> None:
        """Start to connect. Does nothing while connecting or connected."""
        if self._starting is None and self._connection is None:
            self._starting = asyncio.get_running_loop().call_soon(self._start)

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
        """Send a message, see `fleet_wire.links.link.Link.publish`."""
        if qos not in (0, 1):
            raise LocalProtocolError(f"{topic}: QoS {qos}, only 0 and 1 are allowed")
        message = outgoing(topic, payload, retain=retain, properties=properties)
        if qos == 0:
            self._publish_qos0(message)
            return
        limits = self._factory.limits
        if len(self._unacknowledged_out) >= limits.max_queued + limits.max_in_flight:
            raise LocalProtocolError(f"{len(self._unacknowledged_out)} messages wait: no more")
        self._last_key += 1
        self._unacknowledged_out[self._last_key] = (message, on_ack)
        self._waiting.append(self._last_key)
        self._pump()

    def acknowledge(self, *messages: Message) -> None:
        """Send the PUBACK of each QoS 1 message of this connection, once."""
        for message in messages:
            packet_id = message.packet_id
            if packet_id is None or self._unacknowledged_in.get(packet_id) is not message:
                continue
            del self._unacknowledged_in[packet_id]
            if self._connection is not None:
                self._connection.acknowledge(packet_id)

    def disconnect(self) -> None:
        """Send DISCONNECT and close; a frozen link cannot send it, so its will is published."""
        is_polite = self._is_connected and not self._is_frozen
        connection = self._release()
        if connection is None:
            return
        if is_polite:
            connection.say_goodbye()
        else:
            connection.drop()

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        connection = self._release()
        if connection is not None:
            connection.drop()

    def leave_behind(self) -> None:
        """Forget the connection without a word, see `fleet_wire.links.link.Link.leave_behind`."""
        connection = self._release()
        if connection is not None:
            connection.leave_behind()

    def freeze(self) -> None:
        """Neither read nor write until `thaw`."""
        self._is_frozen = True
        if self._connection is not None:
            self._connection.pause()

    def thaw(self) -> None:
        """Undo `freeze`."""
        if not self._is_frozen:
            return
        self._is_frozen = False
        if self._connection is not None:
            self._connection.resume()
            self._pump()

    # Callbacks of the connection

    def handle_opened(self, *, session_present: bool, receive_max: int) -> None:
        """Handle CONNACK and SUBACK."""
        self._is_connected = True
        self._window = min(self._factory.limits.max_in_flight, receive_max)
        self._pump()
        with self._factory.within:
            self._handler.on_connected(session_present=session_present)

    def handle_message(self, message: Message) -> None:
        """Handle a message."""
        if message.packet_id is not None:
            self._unacknowledged_in[message.packet_id] = message
        with self._factory.within:
            self._handler.on_message(message)

    def handle_puback(self, packet_id: int, code: int) -> None:
        """Handle a PUBACK: the window has room again."""
        key = self._in_flight.pop(packet_id, None)
        if key is None:
            return
        _, on_ack = self._unacknowledged_out.pop(key)
        self._pump()
        if on_ack is not None:
            with self._factory.within:
                on_ack(code)

    def handle_end(self, reason: Disconnected) -> None:
        """Handle the end of the connection, or its failure."""
        self._release()
        try:
            with self._factory.within:
                self._handler.on_disconnected(reason)
        except Exception:
            logger.exception("on_disconnected raised")

    # Inside

    def _start(self) -> None:
        starting = self._starting
        try:
            with self._factory.within:
                session = self._handler.session()
            connection = self._factory.connection(self, session, self._handler)
        except ConfigError as error:
            if self._starting is starting:
                self.handle_end(Disconnected(EndReason.UNREACHABLE, detail=str(error)))
            return
        except Exception:
            logger.exception("session of a link's handler failed")
            if self._starting is starting:
                self.handle_end(Disconnected(EndReason.HANDLER_ERROR, detail="session() raised"))
            return
        if self._starting is not starting:  # `session` has closed the link
            return
        self._starting = None
        self._connection = connection
        connection.open()
        if self._is_frozen:
            connection.pause()

    def _publish_qos0(self, message: Outgoing) -> None:
        connection = self._sendable()
        if connection is not None and not connection.is_backed_up:
            connection.publish(message, 0)

    def _pump(self) -> None:
        """Send what waits, as far as the window allows."""
        connection = self._sendable()
        while connection is not None and self._waiting and len(self._in_flight) < self._window:
            key = self._waiting.popleft()
            message, _ = self._unacknowledged_out[key]
            self._in_flight[connection.publish(message, 1)] = key

    def _sendable(self) -> PahoConnection | None:
        """Return the connection if it may be written to."""
        return self._connection if self._is_connected and not self._is_frozen else None

    def _release(self) -> PahoConnection | None:
        """Forget the connection and return it; what QoS 1 has not delivered waits."""
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        self._is_connected = False
        self._in_flight.clear()
        self._waiting = deque(self._unacknowledged_out)
        self._unacknowledged_in.clear()
        connection, self._connection = self._connection, None
        return connection


class PahoLinkFactory:
    """Makes links over paho to one broker, by MQTT `protocol` over TCP, TLS or WebSocket.

    `within` is the context in which the links make every call to their owners; `identity_of` says
    who a client is, where that is not what `broker` and `tls` say.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
        tls: ssl.SSLContext | None = None,
        limits: LinkLimits | None = None,
        within: AbstractContextManager[object, None] | None = None,
        identity_of: IdentityOf | None = None,
    ) -> None:
        self.broker = broker
        self.protocol = protocol
        self.tls = (tls or ssl.create_default_context()) if broker.is_tls else None
        self.limits = limits or LinkLimits()
        self.within = within or nullcontext()
        self._identity_of = identity_of

    def __call__(self, handler: LinkHandler) -> PahoLink:
        """Return a new link for `handler`, not connected."""
        return PahoLink(self, handler)

    def connection(self, link: PahoLink, session: Session, handler: LinkHandler) -> PahoConnection:
        """Return a connection for `link`, not opened. Raises `ConfigError`."""
        own = self._identity_of(handler) if self._identity_of is not None else None
        identity = own or identity_in(self.broker)
        broker = replace(self.broker, username=identity.username, password=identity.password)
        tls = identity.tls or self.tls
        return PahoConnection(
            link, session, broker, self.limits, is_v5=self.protocol == "5", tls=tls
        )
