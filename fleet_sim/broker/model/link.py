"""The link to the broker model: the lean link's behaviour, without bytes, sockets or a clock.

A connected link holds no timer; what waits while it is frozen exists only then.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from fleet_sim.broker.model.session import LARGEST_PACKET, Publication
from fleet_sim.broker.model.transport import Connection
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    PACKET_TOO_LARGE,
    Disconnected,
    Ended,
    LinkHandler,
    LinkLimits,
    Message,
    OnAck,
    PublishProperties,
)

if TYPE_CHECKING:
    from fleet_sim.broker.model.broker import BrokerModel

logger = logging.getLogger(__name__)

_LONGEST_TOPIC = 65_535


class _State(IntEnum):
    CLOSED = 0
    CONNECTING = 1
    SUBSCRIBING = 2
    """CONNACK is in."""
    CONNECTED = 3


_CONNECTED = _State.CONNECTED


class ModelLink:
    """One client of a `BrokerModel`; implements `fleet_wire.links.link.Link`."""

    __slots__ = (
        "_broker",
        "_connection",
        "_early",
        "_handler",
        "_held_in",
        "_held_out",
        "_in_flight",
        "_limits",
        "_max_packet_bytes",
        "_state",
        "_waiting",
        "is_frozen",
        "last_sent_s",
    )

    def __init__(self, broker: BrokerModel, handler: LinkHandler, limits: LinkLimits) -> None:
        self._broker = broker
        self._handler = handler
        self._limits = limits
        self._state = _State.CLOSED
        self._connection: Connection | None = None
        self._max_packet_bytes = LARGEST_PACKET
        self.is_frozen = False
        self.last_sent_s = 0.0
        """When the broker last heard of us; pings are counted when it matters."""
        # All are None while empty: that is most of the time, of most links.
        self._in_flight: dict[Publication, None] | None = None
        self._waiting: deque[Publication] | None = None
        self._early: list[Message] | None = None
        self._held_in: deque[tuple[Callable[..., None], tuple[Any, ...]]] | None = None
        self._held_out: list[tuple[Callable[..., None], tuple[Any, ...]]] | None = None

    # What the owner calls

    @property
    def is_connected(self) -> bool:
        """Whether `on_connected` has come and nothing has ended the connection since."""
        return self._state is _CONNECTED

    @property
    def unread(self) -> int:
        """How many packets wait because the link is frozen."""
        return 0 if self._held_in is None else len(self._held_in)

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
        _check(topic, qos, properties)
        publication = Publication(topic, payload, qos, retain, properties, on_ack)
        if publication.is_larger_than(self._max_packet_bytes):
            raise LocalProtocolError(
                f"{topic}: packet of {publication.packet_bytes()} bytes, "
                f"the broker takes {self._max_packet_bytes}"
            )
        can_send = self._state is _CONNECTED and not self.is_frozen
        if not qos:
            if can_send:
                self._send(self._broker.take_publish, publication)
            else:
                self._broker.qos0_dropped += 1
        elif can_send and self._waiting is None and self._has_room():
            self._start(publication)
        else:
            self._wait(publication)

    def acknowledge(self, message: Message) -> None:
        """Send the PUBACK of a QoS 1 message of this connection, once."""
        if message.packet_id is not None and self._state >= _State.SUBSCRIBING:
            self._send(self._broker.take_puback, message)

    def disconnect(self) -> None:
        """Say goodbye and close. A frozen link cannot say it: then its will is published."""
        self._close(is_goodbye=not self.is_frozen)

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        self._close(is_goodbye=False)

    def freeze(self) -> None:
        """Neither read nor write from now on, on this connection and any next, until `thaw`."""
        if self.is_frozen:
            return
        self.last_sent_s = self._last_ping_s()
        self.is_frozen = True
        if self._connection is not None:
            self._broker.watch_silence(self._connection)

    def thaw(self) -> None:
        """Undo `freeze`: what waited flows, or the broken connection is noticed."""
        if not self.is_frozen:
            return
        self.is_frozen = False
        self._ping_if_due()
        held, self._held_out = self._held_out, None
        for step, arguments in held or ():
            self._send(step, *arguments)
        if self._connection is not None:
            self._held_in = self._held_in or deque()  # nothing may overtake what waits
            self._broker.transport.soon(self._connection, self._flow)

    # Connecting

    def _open(self, connection: Connection) -> None:
        if connection is not self._connection:
            return
        if not self._broker.is_running:
            refused = Disconnected(Ended.UNREACHABLE, detail="connection refused")
            self._end(refused)
            return
        self._guarded(connection, ModelLink._say_connect)

    def _say_connect(self) -> None:
        connection = self._connection
        session = self._handler.session()
        if self._connection is connection:
            self._send(self._broker.take_connect, session, self._limits)

    def _time_out(self, connection: Connection) -> None:
        if connection is self._connection and self._state is not _CONNECTED:
            timeout_s = self._limits.connect_timeout_s
            self._end(Disconnected(Ended.UNREACHABLE, detail=f"no answer in {timeout_s:g} s"))

    def take_connack(self, code: int, max_packet_bytes: int, filters: tuple[str, ...]) -> None:
        """Take CONNACK from the broker; `filters` are those that `session` asked for."""
        if code >= FIRST_ERROR_CODE:
            self._end(Disconnected(Ended.REFUSED, code, f"CONNACK: reason code {code}"))
            return
        self._max_packet_bytes = max_packet_bytes
        self._state = _State.SUBSCRIBING
        if filters:
            self._send(self._broker.take_subscribe, filters)
        else:
            self._finish_opening()

    def take_suback(self, codes: list[int]) -> None:
        """Take SUBACK from the broker."""
        for code in codes:
            if code >= FIRST_ERROR_CODE:
                self._end(Disconnected(Ended.REFUSED, code, f"SUBSCRIBE: reason code {code}"))
                return
        self._finish_opening()

    def _finish_opening(self) -> None:
        connection = self._connection
        if connection is None or connection.session is None:
            return
        self._state = _State.CONNECTED
        unsent = [publication.again() for publication in self._in_flight or ()]
        unsent.extend(self._waiting or ())
        self._in_flight = None
        self._waiting = deque(unsent) if unsent else None
        early, self._early = self._early, None
        self._pump()
        if self._connection is connection:
            self._handler.on_connected(session_present=connection.session.is_resumed)
        for message in early or ():
            if self._connection is not connection:
                break
            self._handler.on_message(message)

    # Closing

    def lose(self, reason: Disconnected) -> None:
        """Learn that the broker has closed the connection."""
        self._end(reason)

    def _end(self, reason: Disconnected) -> None:
        self._close(is_goodbye=False)
        try:
            self._handler.on_disconnected(reason)
        except Exception:
            logger.exception("on_disconnected raised")

    def _close(self, *, is_goodbye: bool) -> None:
        connection, self._connection = self._connection, None
        self._state = _State.CLOSED
        self._early = self._held_in = self._held_out = None
        if connection is not None:
            self._broker.transport.up(connection, self._broker.take_close, is_goodbye)

    # Reading

    def arrive(
        self, connection: Connection, step: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        """Run `step` for what the broker has sent; a frozen link does it at `thaw`."""
        if connection is not self._connection:
            return
        if self.is_frozen or self._held_in is not None:
            if self._held_in is None:
                self._held_in = deque()
            self._held_in.append((step, arguments))
        else:
            try:  # as `_guarded` does, without a call for each packet
                step(self, *arguments)
            except Exception as error:  # noqa: BLE001 - whatever a handler may raise
                self._handler_failed(connection, error)

    def _guarded(
        self, connection: Connection, step: Callable[..., None], arguments: tuple[Any, ...] = ()
    ) -> None:
        try:
            step(self, *arguments)
        except Exception as error:  # noqa: BLE001 - whatever a handler may raise
            self._handler_failed(connection, error)

    def _handler_failed(self, connection: Connection, error: Exception) -> None:
        logger.error("a handler raised: its link is closed", exc_info=error)
        if self._connection is connection:
            self._end(Disconnected(Ended.HANDLER_ERROR, detail="see the log"))

    def _flow(self, connection: Connection) -> None:
        """Let in what waited for `thaw`, in order, as long as nothing changes."""
        while self._connection is connection and not self.is_frozen:
            if not self._held_in:
                self._held_in = None
                self._guarded(connection, ModelLink._pump)
                return
            step, arguments = self._held_in.popleft()
            self._guarded(connection, step, arguments)

    def take_message(self, message: Message) -> None:
        """Take PUBLISH from the broker."""
        if self._state is _CONNECTED:
            self._handler.on_message(message)
        elif self._early is None:
            self._early = [message]
        else:
            self._early.append(message)

    def take_puback(self, publication: Publication, code: int) -> None:
        """Take PUBACK from the broker."""
        in_flight = self._in_flight
        if in_flight is None or publication not in in_flight:
            return
        del in_flight[publication]
        if not in_flight:
            self._in_flight = None
        on_ack, publication.on_ack = publication.on_ack, None  # the broker may retain it for long
        if on_ack is not None:
            on_ack(code)
        if self._waiting is not None:
            self._pump()

    # Writing

    def _send(self, step: Callable[..., None], *arguments: Any) -> None:
        if self.is_frozen:
            if self._held_out is None:
                self._held_out = []
            self._held_out.append((step, arguments))
        elif self._connection is not None:
            self.last_sent_s = self._broker.transport.up(self._connection, step, *arguments)

    def _has_room(self) -> bool:
        window = min(self._limits.max_in_flight, self._broker.limits.max_inflight_messages)
        return self._in_flight is None or len(self._in_flight) < window

    def _wait(self, publication: Publication) -> None:
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= self._limits.max_queued:
            raise LocalProtocolError(f"{len(self._waiting)} messages wait to be sent: no more")
        self._waiting.append(publication)

    def _start(self, publication: Publication) -> None:
        if self._in_flight is None:
            self._in_flight = {}
        self._in_flight[publication] = None
        self._send(self._broker.take_publish, publication)

    def _pump(self) -> None:
        """Send what waits, as far as the window allows."""
        while (
            self._waiting is not None
            and self._state is _CONNECTED
            and not self.is_frozen
            and self._has_room()
        ):
            publication = self._waiting.popleft()
            if not self._waiting:
                self._waiting = None
            if not publication.is_larger_than(self._max_packet_bytes):
                self._start(publication)
            elif publication.on_ack is not None:
                publication.on_ack(PACKET_TOO_LARGE)

    # Keepalive

    def _last_ping_s(self) -> float:
        """Return when we last sent something: a ping is due when nothing else was sent."""
        now_s = self._broker.transport.now_s()
        interval_s = self._ping_interval_s()
        if not interval_s or self._state is not _CONNECTED or self.is_frozen:
            return self.last_sent_s
        return now_s - (now_s - self.last_sent_s) % interval_s

    def _ping_if_due(self) -> None:
        now_s, interval_s = self._broker.transport.now_s(), self._ping_interval_s()
        if interval_s and now_s - self.last_sent_s >= interval_s:
            self.last_sent_s = now_s

    def _ping_interval_s(self) -> int:
        session = None if self._connection is None else self._connection.session
        return max(1, session.keepalive_s - 1) if session and session.keepalive_s else 0

    def expect_answer(self, connection: Connection) -> None:
        """End the connection when a ping stays unanswered, because the broker does not read."""
        interval_s = self._ping_interval_s()
        if connection is not self._connection or not interval_s:
            return
        due_s = self._last_ping_s() + interval_s + self._limits.ping_timeout_s
        delay_s = due_s - self._broker.transport.now_s()
        self._broker.scheduler.call_later(delay_s, self._check_answer, connection)

    def _check_answer(self, connection: Connection) -> None:
        if (
            connection is self._connection
            and self._broker.transport.is_stalled
            and not self.is_frozen
        ):
            detail = f"no PINGRESP in {self._limits.ping_timeout_s} s"
            self._end(Disconnected(Ended.KEEPALIVE, detail=detail))


def _check(topic: str, qos: int, properties: PublishProperties | None) -> None:
    if qos not in (0, 1):
        raise LocalProtocolError(f"{topic}: QoS {qos}, only 0 and 1 are allowed")
    if not topic or "+" in topic or "#" in topic or "\0" in topic or len(topic) > _LONGEST_TOPIC:
        raise LocalProtocolError(f"{topic[:200]!r}: not a topic")
    if properties is not None:
        answer = properties.response_topic
        if answer is not None and (not answer or "+" in answer or "#" in answer):
            raise LocalProtocolError(f"{topic}: response topic {answer!r} is not a topic")
        if properties.expiry_s is not None and properties.expiry_s < 0:
            raise LocalProtocolError(f"{topic}: expiry {properties.expiry_s} s")
