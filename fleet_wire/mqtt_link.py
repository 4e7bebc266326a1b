"""The lean link: MQTT 5 on the `mqtt5` codec, one `asyncio.Protocol` a client, best on uvloop.

A connected link owns no task, future or timer, and containers only while they hold something, so
that tens of thousands fit into one process. All packets that a link produces within one iteration
of the event loop leave in one write.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import mqtt5

from fleet_wire.connecting import ConnectPace, Dialer, describe_os_error
from fleet_wire.errors import LocalProtocolError
from fleet_wire.keepalive_wheel import KeepaliveWheel
from fleet_wire.link import (
    FIRST_ERROR_CODE,
    MALFORMED_PACKET,
    PACKET_TOO_LARGE,
    PROTOCOL_ERROR,
    RECEIVE_MAXIMUM_EXCEEDED,
    TOPIC_ALIAS_INVALID,
    BrokerAddress,
    Disconnected,
    Ended,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
    Session,
)

logger = logging.getLogger(__name__)

_AT_LEAST_ONCE = mqtt5.QoS.AT_LEAST_ONCE
_DUPLICATE_FLAG = 0x08
_LAST_PACKET_ID = 65_535
_LARGEST_PACKET = 268_435_455
"""The specification's limit, section 2.1.4."""
_LARGEST_PAYLOAD = _LARGEST_PACKET - 1_000_000
"""Leaves room for topic and properties: above the limit the codec panics."""
_LENGTH_BYTES = 4
_MAX_HELD = 10_000
_GOODBYE_TIMEOUT_S = 10.0
_FIRST_PACKETS = (mqtt5.ConnAckPacket, mqtt5.DisconnectPacket)
_NOBODY = asyncio.Protocol()
"""Takes the events of a connection that its link has done with."""


class _State(IntEnum):
    CLOSED = 0
    WAITING = 1
    """For its turn to connect."""
    OPENING = 2
    """TCP and TLS."""
    CONNECTING = 3
    """CONNECT is sent."""
    SUBSCRIBING = 4
    """CONNACK is in, SUBSCRIBE is sent."""
    CONNECTED = 5


class _PeerError(Exception):
    """The broker broke the protocol; `code` is what to tell it in DISCONNECT."""

    def __init__(self, code: int, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class _Opening(asyncio.Protocol):
    """What a link needs only until it is connected; it holds a turn of the pace meanwhile."""

    __slots__ = ("_link", "deadline", "held", "session", "session_present", "subscribe_id", "task")

    def __init__(self, link: MqttLink) -> None:
        self._link = link
        self.task: asyncio.Task[None] | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self.session: Session | None = None
        self.subscribe_id = 0
        self.session_present = False
        self.held: list[Message] = []
        """Messages that came before SUBACK."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to the link."""
        self._link.opened(self, cast("asyncio.Transport", transport))

    def fail(self, detail: str) -> None:
        """End the attempt: no connection, or none in time."""
        self._link.not_opened(self, detail)

    def stop(self) -> None:
        """Give up what is under way."""
        if self.task is not None:
            self.task.cancel()
        if self.deadline is not None:
            self.deadline.cancel()


class MqttLink(asyncio.Protocol):
    """One MQTT 5 client; implements `fleet_wire.link.Link`. Made by `MqttLinkFactory`."""

    __slots__ = (
        "_factory",
        "_handler",
        "_in_flight",
        "_incoming",
        "_is_frozen",
        "_is_paused",
        "_keepalive_s",
        "_last_id",
        "_last_sent_tick",
        "_max_packet_bytes",
        "_opening",
        "_outgoing",
        "_pinged_tick",
        "_state",
        "_transport",
        "_unacknowledged",
        "_waiting",
        "_window",
        "check_tick",
    )

    def __init__(self, factory: MqttLinkFactory, handler: LinkHandler) -> None:
        self._factory = factory
        self._handler = handler
        self._state = _State.CLOSED
        self._opening: _Opening | None = None
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self._is_frozen = False
        self._incoming: bytearray | None = None
        self._outgoing: list[bytes] | None = None
        self._unacknowledged: dict[int, Message] | None = None
        # QoS 1 outwards: sent and not acknowledged, and behind it what waits for the window.
        self._in_flight: dict[int, tuple[bytes, OnAck | None]] | None = None
        self._waiting: deque[tuple[int, bytes, OnAck | None]] | None = None
        self._last_id = 0
        self._window = 0
        self._max_packet_bytes = _LARGEST_PACKET
        self._keepalive_s = 0
        self._last_sent_tick = 0
        self._pinged_tick = 0
        self.check_tick = 0

    # What the owner calls

    @property
    def is_connected(self) -> bool:
        """Whether `on_connected` has come and nothing has ended the connection since."""
        return self._state is _State.CONNECTED

    def connect(self) -> None:
        """Start to connect when the pace allows. Does nothing while connecting or connected."""
        if self._state is _State.CLOSED:
            self._state = _State.WAITING
            self._factory.pace.enter(self._start)

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
        """Send a message, see `fleet_wire.link.Link.publish`.

        Raises `LocalProtocolError` for what MQTT or the broker does not allow, and above
        `max_queued`.
        """
        packet_id = self._free_packet_id() if qos == 1 else None
        packet = _publish_packet(topic, payload, qos, packet_id, properties, retain=retain)
        if len(packet) > self._max_packet_bytes:
            raise LocalProtocolError(
                f"{topic}: packet of {len(packet)} bytes, the broker takes {self._max_packet_bytes}"
            )
        can_send = self._can_send()
        if packet_id is None:
            if can_send:
                self._send(packet)
            else:
                self._factory.qos0_dropped += 1
        elif can_send and not self._waiting and self._window_is_open():
            self._send_tracked(packet_id, packet, on_ack)
        else:
            self._wait(packet_id, packet, on_ack)

    def acknowledge(self, message: Message) -> None:
        """Send the PUBACK of a QoS 1 message of this connection, once."""
        packet_id, unacknowledged = message.packet_id, self._unacknowledged
        if packet_id is None or unacknowledged is None:
            return
        if unacknowledged.get(packet_id) is message:
            del unacknowledged[packet_id]
            if not unacknowledged:
                self._unacknowledged = None
            self._send(mqtt5.PubAckPacket(packet_id).write())

    def disconnect(self) -> None:
        """Say goodbye and close. A frozen link cannot say it: then its will is published."""
        if self._is_frozen:
            self.abort()
        else:
            self._close(mqtt5.DisconnectPacket().write())

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        transport = self._detach()
        if transport is not None:
            transport.abort()

    def freeze(self) -> None:
        """Neither read nor write from now on, on this connection and any next, until `thaw`."""
        self._is_frozen = True
        self._pause_while_frozen()

    def thaw(self) -> None:
        """Undo `freeze`."""
        if not self._is_frozen:
            return
        self._is_frozen = False
        self._pinged_tick = 0
        if self._transport is not None:
            self._transport.resume_reading()
            if self._outgoing is not None:
                self._factory.will_write(self)
            self._factory.loop.call_soon(self._guarded, self._pump)
        else:
            self._factory.loop.call_soon(self._notice_loss, "connection closed while frozen")

    # Connecting

    def _start(self) -> None:
        self._state = _State.OPENING
        self._opening = _Opening(self)
        self._factory.open(self._opening)

    def not_opened(self, opening: _Opening, detail: str) -> None:
        """Take the failure of `opening`, from the factory."""
        if self._opening is opening:
            self._end(Disconnected(Ended.UNREACHABLE, detail=detail))

    def opened(self, opening: _Opening, transport: asyncio.Transport) -> None:
        """Take the connection that `opening` was for, from the event loop."""
        if self._opening is not opening:
            transport.set_protocol(_NOBODY)
            transport.abort()
            return
        transport.set_protocol(self)
        self._transport = transport
        self._state = _State.CONNECTING
        self._factory.loop.call_soon(self._pause_while_frozen)  # reading starts after this call
        self._guarded(self._say_connect, opening)

    def _say_connect(self, opening: _Opening) -> None:
        opening.session = session = self._handler.session()
        if self._opening is opening:
            self._send(_connect_packet(session, self._factory))

    def _take_connack(self, packet: mqtt5.ConnAckPacket) -> None:
        opening = self._opening
        if self._state is not _State.CONNECTING or opening is None or opening.session is None:
            raise _PeerError(PROTOCOL_ERROR, "unexpected CONNACK")
        code = int(packet.reason_code)
        if code >= FIRST_ERROR_CODE:
            detail = packet.reason_str or _name_of(packet.reason_code)
            self._end(Disconnected(Ended.REFUSED, code, detail))
            return
        session = opening.session
        opening.session_present = packet.session_present
        self._window = min(self._factory.limits.max_in_flight, packet.receive_max)
        self._max_packet_bytes = packet.max_packet_size or _LARGEST_PACKET
        keepalive_s = packet.server_keep_alive
        self._keepalive_s = session.keepalive_s if keepalive_s is None else keepalive_s
        self._state = _State.SUBSCRIBING
        if session.subscriptions:
            self._last_id = opening.subscribe_id = self._free_packet_id()
            self._send(_subscribe_packet(opening.subscribe_id, session.subscriptions))
        else:
            self._finish_opening(opening)

    def _take_suback(self, packet: mqtt5.SubAckPacket) -> None:
        opening = self._opening
        if (
            self._state is not _State.SUBSCRIBING
            or opening is None
            or packet.packet_id != opening.subscribe_id
        ):
            raise _PeerError(PROTOCOL_ERROR, "unexpected SUBACK")
        for reason_code in packet.reason_codes:
            if int(reason_code) >= FIRST_ERROR_CODE:
                detail = packet.reason_str or f"SUBSCRIBE: {_name_of(reason_code)}"
                self._end(Disconnected(Ended.REFUSED, int(reason_code), detail))
                return
        self._finish_opening(opening)

    def _finish_opening(self, opening: _Opening) -> None:
        self._opening = None
        if opening.deadline is not None:
            opening.deadline.cancel()
        self._state = _State.CONNECTED
        factory, transport = self._factory, self._transport
        factory.connects += 1
        factory.connected += 1
        factory.pace.leave()
        if self._keepalive_s:
            factory.wheel.watch(self, self._ping_interval())
        self._last_sent_tick = factory.wheel.tick
        self._requeue_in_flight(session_present=opening.session_present)
        self._pump()
        self._handler.on_connected(session_present=opening.session_present)
        for message in opening.held:
            if self._transport is not transport:
                break
            self._handler.on_message(message)

    # Closing

    def connection_lost(self, exc: Exception | None) -> None:
        """Take from the event loop that the connection is gone; a frozen link sees it at `thaw`."""
        self._transport = None
        if not self._is_frozen:
            detail = describe_os_error(exc) if isinstance(exc, OSError) else "connection closed"
            self._notice_loss(detail)

    def _notice_loss(self, detail: str) -> None:
        if self._transport is None and self._state > _State.OPENING and not self._is_frozen:
            self._end(Disconnected(Ended.BROKER_CLOSED, detail=detail))

    def _end(self, reason: Disconnected) -> None:
        self.abort()
        try:
            self._handler.on_disconnected(reason)
        except Exception:
            logger.exception("on_disconnected raised")

    def _close(self, goodbye: bytes) -> None:
        outgoing = self._outgoing or []
        transport = self._detach()
        if transport is None:
            return
        if transport.get_write_buffer_size():  # the peer may not read: do not wait for ever
            self._factory.loop.call_later(_GOODBYE_TIMEOUT_S, transport.abort)
        transport.write(b"".join([*outgoing, goodbye]))
        transport.close()

    def _detach(self) -> asyncio.Transport | None:
        """Forget the connection and return it; what QoS 1 has not delivered stays."""
        state, self._state = self._state, _State.CLOSED
        transport, self._transport = self._transport, None
        opening, self._opening = self._opening, None
        self._incoming = self._outgoing = self._unacknowledged = None
        self._is_paused = False
        self._pinged_tick = self.check_tick = 0
        if state is _State.CONNECTED:
            self._factory.connected -= 1
        elif state is _State.WAITING:
            self._factory.pace.withdraw(self._start)
        if transport is not None:
            transport.set_protocol(_NOBODY)
        if opening is not None:
            opening.stop()
            self._factory.pace.leave()
        return transport

    def _guarded(self, step: Callable[..., None], *arguments: object) -> None:
        """Run what may call the handler, or find that the broker breaks the protocol."""
        transport = self._transport
        try:
            step(*arguments)
        except _PeerError as error:
            self._factory.protocol_errors += 1
            self._close(_disconnect_packet(error.code))
            self._end(Disconnected(Ended.PROTOCOL_ERROR, detail=str(error)))
        except Exception:
            logger.exception("a handler raised: its link is closed")
            if transport is not None and self._transport is transport:
                self._end(Disconnected(Ended.HANDLER_ERROR, detail="see the log"))

    # Reading

    def data_received(self, data: bytes) -> None:
        """Take bytes from the event loop."""
        self._pinged_tick = 0
        self._guarded(self._read, data)

    def _read(self, data: bytes | bytearray) -> None:
        transport = self._transport
        if self._factory.quick_ack and transport is not None:
            _acknowledge_tcp_at_once(transport)
        if self._incoming is not None:
            self._incoming += data
            data = self._incoming
        position, end = 0, len(data)
        view = memoryview(data)
        while position < end:
            size = _packet_size(data, position, self._factory.limits.max_packet_bytes)
            if not size or position + size > end:
                break
            packet = _decode(view[position : position + size])
            position += size
            self._take(packet)
            if self._transport is not transport:
                return
        if position == end:
            self._incoming = None
        elif position or self._incoming is None:
            self._incoming = bytearray(view[position:])

    def _take(self, packet: mqtt5.Packet) -> None:
        kind = type(packet)
        if self._state is _State.CONNECTING and kind not in _FIRST_PACKETS:
            raise _PeerError(PROTOCOL_ERROR, f"{kind.__name__} before CONNACK")
        if isinstance(packet, mqtt5.PublishPacket):
            self._take_publish(packet)
        elif isinstance(packet, mqtt5.PubAckPacket):
            self._take_puback(packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            detail = packet.reason_str or _name_of(packet.reason_code)
            self._end(Disconnected(Ended.BROKER_CLOSED, int(packet.reason_code), detail))
        elif isinstance(packet, mqtt5.ConnAckPacket):
            self._take_connack(packet)
        elif isinstance(packet, mqtt5.SubAckPacket):
            self._take_suback(packet)
        elif not isinstance(packet, mqtt5.PingRespPacket):
            raise _PeerError(PROTOCOL_ERROR, f"unexpected {kind.__name__}")

    def _take_publish(self, packet: mqtt5.PublishPacket) -> None:
        packet_id = packet.packet_id
        if packet.topic_alias is not None:
            raise _PeerError(TOPIC_ALIAS_INVALID, "topic alias, though we allow none")
        message = Message(
            packet.topic,
            packet.payload,
            0 if packet_id is None else 1,
            packet.retain,
            packet.duplicate,
            packet_id,
            packet.correlation_data,
            packet.response_topic,
            packet.message_expiry_interval,
            packet.user_properties,
        )
        if packet_id is not None:
            self._expect_acknowledge(packet, packet_id, message)
        if self._opening is None:
            self._handler.on_message(message)
        elif len(self._opening.held) < _MAX_HELD:
            self._opening.held.append(message)
        else:
            raise _PeerError(RECEIVE_MAXIMUM_EXCEEDED, "too many messages before SUBACK")

    def _expect_acknowledge(
        self, packet: mqtt5.PublishPacket, packet_id: int, message: Message
    ) -> None:
        if packet_id == 0 or packet.qos != _AT_LEAST_ONCE:
            raise _PeerError(PROTOCOL_ERROR, "QoS 2, or packet id 0")
        unacknowledged = self._unacknowledged
        if unacknowledged is None:
            self._unacknowledged = {packet_id: message}
            return
        if (
            len(unacknowledged) >= self._factory.limits.receive_max
            and packet_id not in unacknowledged
        ):
            raise _PeerError(RECEIVE_MAXIMUM_EXCEEDED, "more messages than our receive maximum")
        unacknowledged[packet_id] = message

    def _take_puback(self, packet: mqtt5.PubAckPacket) -> None:
        in_flight = self._in_flight
        entry = None if in_flight is None else in_flight.pop(packet.packet_id, None)
        if entry is None:
            return  # of a message that we do not know: harmless
        if not in_flight:
            self._in_flight = None
        if entry[1] is not None:
            entry[1](int(packet.reason_code))
        if self._waiting is not None:
            self._pump()

    # Writing

    def pause_writing(self) -> None:
        """Take from the event loop that the peer does not read."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Take from the event loop that the peer reads again."""
        self._is_paused = False
        self._guarded(self._pump)

    def flush(self) -> None:
        """Write what has gathered; called by the factory once an iteration."""
        outgoing, transport = self._outgoing, self._transport
        if outgoing is None or transport is None or self._is_frozen:
            return
        self._outgoing = None
        self._last_sent_tick = self._factory.wheel.tick
        transport.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))

    def _can_send(self) -> bool:
        return self._state is _State.CONNECTED and not self._is_paused and not self._is_frozen

    def _window_is_open(self) -> bool:
        return self._in_flight is None or len(self._in_flight) < self._window

    def _send(self, packet: bytes) -> None:
        if self._outgoing is None:
            self._outgoing = [packet]
            self._factory.will_write(self)
        else:
            self._outgoing.append(packet)

    def _send_tracked(self, packet_id: int, packet: bytes, on_ack: OnAck | None) -> None:
        if self._in_flight is None:
            self._in_flight = {}
        self._in_flight[packet_id] = (packet, on_ack)
        self._last_id = packet_id
        self._send(packet)

    def _wait(self, packet_id: int, packet: bytes, on_ack: OnAck | None) -> None:
        if self._waiting is None:
            self._waiting = deque()
        elif len(self._waiting) >= self._factory.limits.max_queued:
            raise LocalProtocolError(f"{len(self._waiting)} messages wait to be sent: no more")
        self._waiting.append((packet_id, packet, on_ack))
        self._last_id = packet_id

    def _pump(self) -> None:
        """Send what waits, as far as window and peer allow."""
        while self._waiting and self._can_send() and self._window_is_open():
            packet_id, packet, on_ack = self._waiting.popleft()
            last_id = self._last_id
            if len(packet) <= self._max_packet_bytes:
                self._send_tracked(packet_id, packet, on_ack)
                self._last_id = last_id
            elif on_ack is not None:
                on_ack(PACKET_TOO_LARGE)
        if not self._waiting:
            self._waiting = None

    def _requeue_in_flight(self, *, session_present: bool) -> None:
        """Put what the last connection left unacknowledged in front of what waits."""
        in_flight, self._in_flight = self._in_flight, None
        if in_flight:
            waiting = self._waiting if self._waiting is not None else deque()
            for packet_id, (packet, on_ack) in reversed(in_flight.items()):
                marked = _with_duplicate_flag(packet, is_duplicate=session_present)
                waiting.appendleft((packet_id, marked, on_ack))
            self._waiting = waiting

    def _free_packet_id(self) -> int:
        """Return the next id that is not in flight.

        What waits holds ids that were given in turn, too few of them for the count to come round.
        """
        packet_id = self._last_id % _LAST_PACKET_ID + 1
        while self._in_flight is not None and packet_id in self._in_flight:
            packet_id = packet_id % _LAST_PACKET_ID + 1
        return packet_id

    # Keepalive and freezing

    def check(self, tick: int) -> int:
        """Ping when nothing was sent for the interval; end when no answer came. For the wheel."""
        if self._state is not _State.CONNECTED:
            return 0
        if self._is_frozen:
            return tick + 1
        timeout = self._factory.limits.ping_timeout_s
        if self._pinged_tick and tick - self._pinged_tick >= timeout:
            self._end(Disconnected(Ended.KEEPALIVE, detail=f"no PINGRESP in {timeout} s"))
            return 0
        if tick - self._last_sent_tick >= self._ping_interval():
            self._send(mqtt5.PingReqPacket().write())
            self._last_sent_tick = tick
            self._pinged_tick = self._pinged_tick or tick
        due = self._last_sent_tick + self._ping_interval()
        return min(due, self._pinged_tick + timeout) if self._pinged_tick else due

    def _ping_interval(self) -> int:
        return max(1, self._keepalive_s - 1)

    def _pause_while_frozen(self) -> None:
        if self._is_frozen and self._transport is not None:
            self._transport.pause_reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLimits:
    """How much a link takes, sends and waits."""

    max_packet_bytes: int = 65_536
    """The largest packet that we accept; the broker is told, and closed on if it sends more."""
    receive_max: int = 1_000
    """How many messages may come in before we acknowledge one of them."""
    max_in_flight: int = 100
    """How many may go out unacknowledged; the broker's receive maximum may be lower."""
    max_queued: int = 10_000
    """How many may wait behind those; at most 32,000, so that packet ids stay unique."""
    connect_timeout_s: float = 10.0
    """From our turn to connect to SUBACK."""
    ping_timeout_s: int = 10
    """How long to wait for a PINGRESP, or for anything else."""


class MqttLinkFactory:
    """Makes lean links to one broker; they share its pace, keepalive wheel and writes.

    `broker` is `mqtt://` or `mqtts://`; `tls` is its context (None: the system's authorities).
    `source_addresses`: see `fleet_wire.connecting.Dialer`. `quick_ack` helps against brokers that
    do not set TCP_NODELAY (iotcore), at a system call a read.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        tls: ssl.SSLContext | None = None,
        pace: ConnectPace | None = None,
        source_addresses: Sequence[str] | None = None,
        limits: LinkLimits | None = None,
        quick_ack: bool = False,
    ) -> None:
        self.broker = broker
        self.limits = limits or LinkLimits()
        self.loop = loop or asyncio.get_running_loop()
        self.pace = pace or ConnectPace()
        self.wheel = KeepaliveWheel(self.loop)
        self.quick_ack = quick_ack
        self.connects = 0
        """Connections that got as far as `on_connected`."""
        self.connected = 0
        """Connections that are open now."""
        self.qos0_dropped = 0
        self.protocol_errors = 0
        """Connections that were closed for what the broker sent."""
        self._tls = (tls or ssl.create_default_context()) if broker.is_tls else None
        self._dialer = Dialer(broker.host, broker.port, source_addresses)
        self._will_write: list[MqttLink] = []

    def __call__(self, handler: LinkHandler) -> MqttLink:
        """Return a new link for `handler`, not connected."""
        return MqttLink(self, handler)

    def will_write(self, link: MqttLink) -> None:
        """Flush `link` when this iteration of the event loop is over."""
        self._will_write.append(link)
        if len(self._will_write) == 1:
            self.loop.call_soon(self._flush)

    def open(self, opening: _Opening) -> None:
        """Make the connection for `opening`, or tell it why not."""
        timeout_s = self.limits.connect_timeout_s
        opening.deadline = self.loop.call_later(
            timeout_s, opening.fail, f"no answer in {timeout_s:g} s"
        )
        opening.task = self.loop.create_task(self._open(opening))

    async def _open(self, opening: _Opening) -> None:
        try:
            connection = await self._dialer.dial()
            await self.loop.create_connection(
                lambda: opening,
                sock=connection,
                ssl=self._tls,
                server_hostname=self.broker.host if self._tls else None,
            )
        except OSError as error:
            opening.fail(describe_os_error(error))
        except UnicodeError as error:
            opening.fail(f"host {self.broker.host!r}: {error}")

    def _flush(self) -> None:
        links, self._will_write = self._will_write, []
        for link in links:
            link.flush()


def _packet_size(data: bytes | bytearray, position: int, max_packet_bytes: int) -> int:
    """Return the size of the packet that starts at `position`; 0 while its header is not there."""
    length = 0
    for index, byte in enumerate(data[position + 1 : position + 1 + _LENGTH_BYTES]):
        length |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the flag "another byte follows", section 1.5.5
            size = 2 + index + length
            if size > max_packet_bytes:
                raise _PeerError(
                    PACKET_TOO_LARGE, f"packet of {size} bytes, we take {max_packet_bytes}"
                )
            return size
        if index == _LENGTH_BYTES - 1:
            raise _PeerError(MALFORMED_PACKET, "packet length of more than 4 bytes")
    return 0


def _decode(view: memoryview) -> mqtt5.Packet:
    """Return the packet that fills `view`."""
    try:
        packet, size = mqtt5.read(view)
    except (ValueError, IndexError, OverflowError) as error:
        raise _PeerError(MALFORMED_PACKET, f"malformed packet: {error}") from None
    except BaseException as error:
        # mqtt5 0.8.0 panics on text that is not UTF-8, with an exception that nobody can import.
        if type(error).__name__ != "PanicException":
            raise
        raise _PeerError(MALFORMED_PACKET, "malformed packet: text that is not UTF-8") from None
    if size != len(view):
        raise _PeerError(MALFORMED_PACKET, "malformed packet: longer than its content")
    return packet


def _connect_packet(session: Session, factory: MqttLinkFactory) -> bytes:
    will, broker = session.will, factory.broker
    return mqtt5.ConnectPacket(
        session.client_id,
        username=broker.username,
        password=None if broker.password is None else broker.password.encode(),
        clean_start=session.clean_start,
        keep_alive=session.keepalive_s,
        session_expiry_interval=session.session_expiry_s,
        receive_max=factory.limits.receive_max,
        max_packet_size=factory.limits.max_packet_bytes,
        will=None
        if will is None
        else mqtt5.Will(
            will.topic,
            payload=will.payload,
            qos=_AT_LEAST_ONCE if will.qos else mqtt5.QoS.AT_MOST_ONCE,
            retain=will.retain,
            will_delay_interval=will.delay_s,
        ),
    ).write()


def _subscribe_packet(packet_id: int, topic_filters: Sequence[str]) -> bytes:
    return mqtt5.SubscribePacket(
        packet_id,
        [mqtt5.TopicFilter(pattern, max_qos=_AT_LEAST_ONCE) for pattern in topic_filters],
    ).write()


def _publish_packet(
    topic: str,
    payload: bytes,
    qos: int,
    packet_id: int | None,
    properties: PublishProperties | None,
    *,
    retain: bool,
) -> bytes:
    if qos not in (0, 1):
        raise LocalProtocolError(f"{topic}: QoS {qos}, only 0 and 1 are allowed")
    if "\0" in topic or len(payload) > _LARGEST_PAYLOAD:
        raise LocalProtocolError("topic with a null character, or payload above MQTT's limit")
    codec_qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else _AT_LEAST_ONCE
    try:
        if properties is None:
            return mqtt5.PublishPacket(
                topic, payload, qos=codec_qos, retain=retain, packet_id=packet_id
            ).write()
        return mqtt5.PublishPacket(
            topic,
            payload,
            qos=codec_qos,
            retain=retain,
            packet_id=packet_id,
            response_topic=properties.response_topic,
            correlation_data=properties.correlation_data,
            message_expiry_interval=properties.expiry_s,
            user_properties=list(properties.user_properties),
        ).write()
    except (ValueError, OverflowError, TypeError) as error:
        raise LocalProtocolError(f"{topic[:200]!r}: {error}") from None


def _disconnect_packet(code: int) -> bytes:
    return mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode(code)).write()


def _with_duplicate_flag(packet: bytes, *, is_duplicate: bool) -> bytes:
    flags = packet[0] | _DUPLICATE_FLAG if is_duplicate else packet[0] & ~_DUPLICATE_FLAG
    return bytes((flags,)) + packet[1:]


def _name_of(reason_code: object) -> str:
    """Return the specification's name: the codec's enums have no `name`."""
    return repr(reason_code).partition(".")[2].partition(":")[0].lower().replace("_", " ")


def _acknowledge_tcp_at_once(transport: asyncio.Transport) -> None:
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
