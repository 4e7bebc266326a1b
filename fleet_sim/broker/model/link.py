"""The link to the broker model: the lean link's behaviour, without bytes, sockets or a clock.

A connected link holds no timer; what waits while it is frozen exists only then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from fleet_sim.broker.model.packets import (
    LARGEST_PACKET,
    Close,
    ConnAck,
    Connect,
    PubAck,
    Publication,
)
from fleet_sim.broker.model.session import BrokerLimits, Connection
from fleet_sim.broker.model.transport import Scheduler, Transport
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    PACKET_TOO_LARGE,
    Disconnected,
    EndReason,
    HandlerOfSeveral,
    LinkHandler,
    LinkLimits,
    Message,
    OnAck,
    PublishProperties,
)

logger = logging.getLogger(__name__)

MOST_IN_FLIGHT = 65_535
"""The receive maximum, where CONNACK names none (specification, section 3.2.2.3.3)."""


class _State(IntEnum):
    CLOSED = 0
    CONNECTING = 1
    CONNECTED = 2


_CONNECTED = _State.CONNECTED


class BrokerEnd(Protocol):
    """The broker, as its clients know it. Packets from a client go up through `transport`."""

    scheduler: Scheduler
    transport: Transport
    limits: BrokerLimits
    is_running: bool

    qos0_dropped: int
    """QoS 0 messages that clients did not send because they could not."""
    on_handler_error: Callable[[Exception], None]
    """Called with what the handler of a client raised; its link has logged it."""

    def watch_silence(self, connection: Connection) -> None:
        """Watch `connection` for a timeout, as long as its client is silent."""
        ...


class ModelLink:
    """One client of a `BrokerModel`; implements `fleet_wire.links.link.Link`."""

    __slots__ = (
        "_broker",
        "_connection",
        "_early",
        "_handler",
        "_held_out",
        "_in_flight",
        "_is_frozen",
        "_limits",
        "_max_packet_bytes",
        "_several",
        "_state",
        "_unacknowledged",
        "_waiting",
        "unread",
    )

    is_v5 = True
    """Whether it speaks MQTT 5; of the class, so that no link pays for it."""

    def __init__(self, broker: BrokerEnd, handler: LinkHandler, limits: LinkLimits) -> None:
        self._broker = broker
        self._handler = handler
        self._limits = limits
        self._state = _State.CLOSED
        self._connection: Connection | None = None
        self._max_packet_bytes = LARGEST_PACKET
        self._is_frozen = False
        # All are `()` while empty: that costs nothing, most of the time, for most links.
        self._in_flight: dict[Publication, None] | tuple[()] = ()
        self._waiting: deque[Publication] | tuple[()] = ()
        """Publications that wait for the window or the connection."""
        self._early: Sequence[Message] = ()
        """Messages that arrived before SUBACK."""
        self._unacknowledged: dict[int | None, Message] | tuple[()] = ()
        """Messages of this connection without a PUBACK, by packet id."""
        self.unread: Sequence[Any] = ()
        """Packets that wait because the link is frozen."""
        self._held_out: list[Any] | tuple[()] = ()
        self._several = handler.on_messages if isinstance(handler, HandlerOfSeveral) else None
        """The handler, if it accepts several messages at once."""

    # Calls of the owner

    @property
    def is_connected(self) -> bool:
        """Whether `on_connected` has come and nothing has ended the connection since."""
        return self._state is _CONNECTED

    def connect(self) -> None:
        """Start to connect. Does nothing while connecting or connected."""
        if self._state is not _State.CLOSED:
            return
        self._state = _State.CONNECTING
        self._connection = connection = Connection(self)
        self._broker.transport.soon(connection, self._open)
        timeout_s = self._limits.connect_timeout_s
        self._broker.scheduler.call_later(timeout_s, self._time_out, connection)

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
        """Send a message, see `fleet_wire.links.link.Link.publish`.

        Raises `LocalProtocolError` for what MQTT or the broker does not allow, and above
        `max_queued`.
        """
        sent = properties if self.is_v5 else None
        publication = Publication(topic, payload, qos, retain, sent, on_ack)
        publication.check(self._max_packet_bytes)
        can_send = self._state is _CONNECTED and not self._is_frozen
        if not qos:
            if can_send:
                self._send(publication)
            else:
                self._broker.qos0_dropped += 1
        elif can_send and not self._waiting and self._has_room():
            self._start(publication)
        else:
            self._wait(publication)

    def acknowledge(self, *messages: Message) -> None:
        """Send the PUBACK of each QoS 1 message of this connection, once."""
        for message in messages:
            packet_id, unacknowledged = message.packet_id, self._unacknowledged
            if packet_id is None or not unacknowledged:
                continue
            if unacknowledged.get(packet_id) is message:
                del unacknowledged[packet_id]
                if not unacknowledged:
                    self._unacknowledged = ()
                self._send(message)

    def disconnect(self) -> None:
        """Send DISCONNECT and close. A frozen link cannot say it: then its will is published."""
        self._close(is_goodbye=not self._is_frozen)

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        self._close(is_goodbye=False)

    def leave_behind(self) -> None:
        """Forget the connection without a word; the broker finds out by keepalive."""
        connection = self._connection
        if connection is not None:
            self._fall_silent(connection)
            self._forget()

    def freeze(self) -> None:
        """Neither read nor write from now on, on this connection and any next, until `thaw`."""
        if self._is_frozen:
            return
        if self._connection is not None:
            self._fall_silent(self._connection)
        self._is_frozen = True

    def thaw(self) -> None:
        """Undo `freeze`: what waited flows, or the broken connection is noticed."""
        if not self._is_frozen:
            return
        self._is_frozen = False
        connection = self._connection
        if connection is not None:
            self._ping_if_due(connection)
            held, self._held_out = self._held_out, ()
            for packet in held:
                self._send(packet)
            self._broker.transport.soon(connection, self._flow)

    # Connecting

    def _open(self, connection: Connection) -> None:
        if connection is not self._connection:
            return
        if not self._broker.is_running:
            refused = Disconnected(EndReason.UNREACHABLE, detail="connection refused")
            self._handle_end(refused)
            return
        self._guarded(connection, self._send_connect, connection)

    def _send_connect(self, connection: Connection) -> None:
        session = self._handler.session()
        if self._connection is connection:
            self._send(Connect(session, self._limits, self.is_v5))

    def _time_out(self, connection: Connection) -> None:
        if connection is self._connection and self._state is not _CONNECTED:
            timeout_s = self._limits.connect_timeout_s
            self.lose(Disconnected(EndReason.UNREACHABLE, detail=f"no answer in {timeout_s:g} s"))

    def _handle_connack(self, connack: ConnAck) -> None:
        code = connack.code
        if code >= FIRST_ERROR_CODE:
            self._handle_end(Disconnected(EndReason.REFUSED, code, f"CONNACK: reason code {code}"))
            return
        self._max_packet_bytes = connack.max_packet_bytes
        if connack.filters:
            self._send(connack.filters)
        else:
            self._finish_opening()

    def _handle_suback(self, codes: list[int]) -> None:
        for code in codes:
            if code >= FIRST_ERROR_CODE:
                self.lose(Disconnected(EndReason.REFUSED, code, f"SUBSCRIBE: reason code {code}"))
                return
        self._finish_opening()

    def _finish_opening(self) -> None:
        connection = self._connection
        if connection is None or connection.session is None:
            return
        self._state = _State.CONNECTED
        unsent = [publication.resend_copy() for publication in self._in_flight]
        unsent.extend(self._waiting)
        self._in_flight = ()
        self._waiting = deque(unsent) if unsent else ()
        early, self._early = self._early, ()
        self._pump()
        if self._connection is connection:
            self._handler.on_connected(session_present=connection.session.is_resumed)
        for message in early:
            if self._connection is not connection:
                break
            self._handler.on_message(message)

    # Closing

    def lose(self, reason: Disconnected) -> None:
        """End the connection, and have the broker learn of it."""
        self._close(is_goodbye=False)
        self._handle_end(reason)

    def _handle_end(self, reason: Disconnected) -> None:
        """Handle that the connection has ended, or that the broker has closed it."""
        self._forget()
        try:
            self._handler.on_disconnected(reason)
        except Exception as error:
            logger.exception("on_disconnected raised")
            self._broker.on_handler_error(error)

    def _close(self, *, is_goodbye: bool) -> None:
        connection = self._connection
        self._forget()
        if connection is not None:
            self._broker.transport.up(connection, Close(is_goodbye))

    def _forget(self) -> None:
        self._connection = None
        self._state = _State.CLOSED
        self._early = self.unread = self._held_out = self._unacknowledged = ()

    # Reading

    def arrive(self, connection: Connection, packets: list[Any]) -> None:
        """Handle what the broker has sent; a frozen link does it at `thaw`."""
        if connection is not self._connection:
            return
        if self._is_frozen or self.unread:  # nothing may overtake what waits
            self.unread = [*self.unread, *packets]
        else:
            self._handle_in_order(connection, packets)

    def _handle_in_order(self, connection: Connection, packets: Sequence[Any]) -> None:
        """Handle packets that came together, until the connection changes or is frozen."""
        together: list[Message] = []
        for number, packet in enumerate(packets):
            if self._connection is not connection:
                return
            if self._is_frozen:
                self.unread = packets[number:]
                return
            try:  # the same as `_guarded`, without a call for each packet
                if type(packet) is not Message:
                    self._hand_on(together)
                    self._HANDLERS[type(packet)](self, packet)
                elif packet.packet_id is not None and not self._note_unacknowledged(packet):
                    return
                elif self._state is not _CONNECTED:
                    self._early = [*self._early, packet]
                elif self._several is None:
                    self._handler.on_message(packet)
                else:
                    together.append(packet)
            except Exception as error:  # noqa: BLE001 - whatever a handler may raise
                self._handler_failed(connection, error)
        if together:
            self._guarded(connection, self._hand_on, together)

    def _hand_on(self, together: list[Message]) -> None:
        """Hand on messages that came together, if there are any, and forget them."""
        if together and self._several is not None:
            self._several(together)
            together.clear()

    def _guarded(
        self, connection: Connection, step: Callable[..., None], *arguments: object
    ) -> None:
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever a handler may raise
            self._handler_failed(connection, error)

    def _handler_failed(self, connection: Connection, error: Exception) -> None:
        logger.error("a handler raised: its link is closed", exc_info=error)
        self._broker.on_handler_error(error)
        if self._connection is connection:
            self.lose(Disconnected(EndReason.HANDLER_ERROR, detail="see the log"))

    def _flow(self, connection: Connection) -> None:
        """Handle packets that waited for `thaw`, in order, until the connection changes."""
        if self._connection is not connection or self._is_frozen:
            return
        held, self.unread = self.unread, ()
        self._handle_in_order(connection, held)
        if self._connection is connection and not self._is_frozen:
            self._guarded(connection, self._pump)

    def _note_unacknowledged(self, message: Message) -> bool:
        """Note a message that wants a PUBACK; one too many ends the connection: return False."""
        if not self._unacknowledged:
            self._unacknowledged = {}
        self._unacknowledged[message.packet_id] = message
        if self.is_v5 and len(self._unacknowledged) > self._limits.receive_max:
            self._close(is_goodbye=True)  # DISCONNECT with a reason
            self.lose(Disconnected(EndReason.PROTOCOL_ERROR, detail="more than we can receive"))
            return False
        return True

    def _handle_puback(self, puback: PubAck) -> None:
        publication, in_flight = puback.publication, self._in_flight
        if not in_flight or publication not in in_flight:
            return
        del in_flight[publication]
        if not in_flight:
            self._in_flight = ()
        on_ack, publication.on_ack = publication.on_ack, None  # the broker may retain it for long
        if on_ack is not None:
            on_ack(puback.code)
        if self._waiting:
            self._pump()

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        ConnAck: _handle_connack,
        list: _handle_suback,
        PubAck: _handle_puback,
        Disconnected: _handle_end,
    }
    """By packet."""

    # Writing

    def _send(self, packet: Any) -> None:
        connection = self._connection
        if self._is_frozen:
            if not self._held_out:
                self._held_out = []
            self._held_out.append(packet)
        elif connection is not None:
            connection.last_sent_s = self._broker.transport.up(connection, packet)

    def _has_room(self) -> bool:
        receive_max = MOST_IN_FLIGHT
        if self.is_v5:
            receive_max = self._broker.limits.max_inflight_messages or MOST_IN_FLIGHT
        return len(self._in_flight) < min(self._limits.max_in_flight, receive_max)

    def _wait(self, publication: Publication) -> None:
        if len(self._waiting) >= self._limits.max_queued:
            raise LocalProtocolError(f"{len(self._waiting)} messages wait to be sent: no more")
        if not self._waiting:
            self._waiting = deque()
        self._waiting.append(publication)

    def _start(self, publication: Publication) -> None:
        if not self._in_flight:
            self._in_flight = {}
        self._in_flight[publication] = None
        self._send(publication)

    def _pump(self) -> None:
        """Send what waits, as far as the window allows."""
        while (
            self._waiting and self._state is _CONNECTED and not self._is_frozen and self._has_room()
        ):
            publication = self._waiting.popleft()
            if not self._waiting:
                self._waiting = ()
            if not publication.is_larger_than(self._max_packet_bytes):
                self._start(publication)
            elif publication.on_ack is not None:
                publication.on_ack(PACKET_TOO_LARGE)

    # Keepalive

    def is_silent(self, connection: Connection) -> bool:
        """Return whether nothing comes on `connection` any more: frozen, or left behind."""
        return self._is_frozen or connection is not self._connection

    def _fall_silent(self, connection: Connection) -> None:
        connection.last_sent_s = self._last_ping_s(connection)
        self._broker.watch_silence(connection)

    def _last_ping_s(self, connection: Connection) -> float:
        if self._state is not _CONNECTED or self._is_frozen:
            return connection.last_sent_s
        return connection.last_ping_s(self._broker.transport.now_s())

    def _ping_if_due(self, connection: Connection) -> None:
        now_s, interval_s = self._broker.transport.now_s(), connection.ping_interval_s()
        if interval_s and now_s - connection.last_sent_s >= interval_s:
            connection.last_sent_s = now_s

    def expect_answer(self, connection: Connection) -> None:
        """End the connection when a ping stays unanswered, because the broker does not read."""
        interval_s = connection.ping_interval_s()
        if connection is not self._connection or not interval_s:
            return
        due_s = self._last_ping_s(connection) + interval_s + self._limits.ping_timeout_s
        delay_s = due_s - self._broker.transport.now_s()
        self._broker.scheduler.call_later(delay_s, self._check_answer, connection)

    def _check_answer(self, connection: Connection) -> None:
        if (
            connection is self._connection
            and not self._broker.transport.is_reading
            and not self._is_frozen
        ):
            detail = f"no PINGRESP in {self._limits.ping_timeout_s} s"
            self.lose(Disconnected(EndReason.KEEPALIVE, detail=detail))


class ModelLink311(ModelLink):
    """One client that speaks MQTT 3.1.1: no properties, reason codes, expiry or receive maximum."""

    __slots__ = ()

    is_v5 = False
