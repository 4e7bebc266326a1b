"""The lean link: MQTT on a sans-I/O codec, one `asyncio.Protocol` a client, best on uvloop.

A connected link owns no task, future or timer, and containers only while they hold something, so
that tens of thousands fit into one process. All packets that a link produces within one iteration
of the event loop leave in one write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import IntEnum

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.connecting import Identity, describe_os_error
from fleet_wire.links.lean.factory_state import SharedByLinks
from fleet_wire.links.lean.opening import Opening
from fleet_wire.links.lean.packets import (
    LARGEST_PACKET,
    ConnAckPacket,
    DisconnectPacket,
    Incoming,
    PeerError,
    PingRespPacket,
    PubAckPacket,
    SubAckPacket,
    name_of,
    puback_packets,
)
from fleet_wire.links.lean.stream import PacketStream
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    PACKET_TOO_LARGE,
    PROTOCOL_ERROR,
    RECEIVE_MAXIMUM_EXCEEDED,
    SUCCESS,
    Disconnected,
    EndReason,
    HandlerOfSeveral,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
)

logger = logging.getLogger(__name__)

_MAX_HELD = 10_000
_GOODBYE_TIMEOUT_S = 10.0
_FIRST_PACKETS = (ConnAckPacket, DisconnectPacket)
_NOBODY = asyncio.Protocol()
"""Takes over a connection that its link has done with: drops what comes, closes at its end."""


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


class LeanLink(PacketStream):
    """One MQTT client; implements `fleet_wire.links.link.Link`. Made by `LeanLinkFactory`."""

    __slots__ = (
        "_handler",
        "_max_packet_bytes",
        "_opening",
        "_several",
        "_state",
        "_unacknowledged",
    )

    def __init__(self, factory: SharedByLinks, handler: LinkHandler) -> None:
        super().__init__(factory)
        self._handler = handler
        self._several = handler.on_messages if isinstance(handler, HandlerOfSeveral) else None
        """The handler, if it accepts several messages at once; a check at each read costs a
        microsecond."""
        self._state = _State.CLOSED
        self._opening: Opening | None = None
        self._unacknowledged: dict[int, Message] | tuple[()] = ()
        """Unacknowledged messages by packet id; `()` while empty: that costs nothing."""
        self._max_packet_bytes = LARGEST_PACKET

    # Calls of the owner

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
        """Send a message, see `fleet_wire.links.link.Link.publish`.

        Raises `LocalProtocolError` for what MQTT or the broker does not allow, and above
        `max_queued`.
        """
        if qos not in (0, 1):
            raise LocalProtocolError(f"{topic}: QoS {qos}, only 0 and 1 are allowed")
        outbox = self._outbox
        packet_id = outbox.next_id() if qos else None
        packet = self._factory.forms.publish(topic, payload, packet_id, properties, retain=retain)
        if len(packet) > self._max_packet_bytes:
            raise LocalProtocolError(
                f"{topic}: packet of {len(packet)} bytes, the broker takes {self._max_packet_bytes}"
            )
        can_send = self._can_send()
        if packet_id is None:
            if can_send:
                self._send(packet)
        elif can_send and outbox.start(packet_id, packet, on_ack):
            self._send(packet)
        elif (waiting := len(outbox.waiting)) < self._factory.max_queued:
            outbox.wait(packet_id, packet, on_ack)
        else:
            raise LocalProtocolError(f"{waiting} messages wait to be sent: no more")

    def acknowledge(self, *messages: Message) -> None:
        """Send the PUBACK of each QoS 1 message of this connection, once."""
        unacknowledged = self._unacknowledged
        if not unacknowledged:
            return
        packet_ids: list[int] = []
        for message in messages:
            packet_id = message.packet_id
            if packet_id is not None and unacknowledged.get(packet_id) is message:
                del unacknowledged[packet_id]
                packet_ids.append(packet_id)
        if not unacknowledged:
            self._unacknowledged = ()
        if not packet_ids:
            return
        if self._factory.limits.acknowledge_after_s:
            self._gather_pubacks(packet_ids)
        else:
            self._send(puback_packets(packet_ids))

    def disconnect(self) -> None:
        """Send DISCONNECT and close. A frozen link cannot say it: then its will is published."""
        if self._is_frozen:
            self.abort()
        else:
            self._close(self._factory.forms.disconnect(0))

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        transport = self._detach()
        if transport is not None:
            transport.abort()

    def leave_behind(self) -> None:
        """Forget the connection without a word; its socket is open until the broker closes it."""
        transport = self._detach()
        if transport is not None:
            transport.resume_reading()  # it may be frozen, and must see that end

    # Connecting

    def _start(self) -> None:
        self._state = _State.OPENING
        self._opening = Opening(self._identify, self._on_opened, self._on_not_opened)
        self._factory.open(self._opening)

    def _identify(self) -> Identity:
        return self._factory.identity_of(self._handler)

    def _on_not_opened(self, opening: Opening, detail: str) -> None:
        if self._opening is opening:
            self._end_connection(Disconnected(EndReason.UNREACHABLE, detail=detail))

    def _on_opened(self, opening: Opening, transport: asyncio.Transport) -> None:
        if self._opening is not opening:
            transport.set_protocol(_NOBODY)
            transport.abort()
            return
        transport.set_protocol(self)
        self._hold(transport, self._factory.socket_for_low_water(opening))
        self._state = _State.CONNECTING
        self._guarded(self._send_connect, opening)

    def _send_connect(self, opening: Opening) -> None:
        factory = self._factory
        with factory.within:
            opening.session = session = self._handler.session()
        if self._opening is opening:
            self._send(
                factory.forms.connect(
                    session,
                    username=opening.identity.username,
                    password=opening.identity.password,
                    receive_max=factory.limits.receive_max,
                    max_packet_bytes=factory.limits.max_packet_bytes,
                )
            )

    def _handle_connack(self, packet: ConnAckPacket) -> None:
        opening = self._opening
        if self._state is not _State.CONNECTING or opening is None or opening.session is None:
            raise PeerError(PROTOCOL_ERROR, "unexpected CONNACK")
        code = int(packet.reason_code)
        if code >= FIRST_ERROR_CODE:
            detail = packet.reason_str or name_of(packet.reason_code)
            self._end_connection(Disconnected(EndReason.REFUSED, code, detail))
            return
        session = opening.session
        opening.session_present = packet.session_present
        opening.receive_max = packet.receive_max
        self._max_packet_bytes = packet.max_packet_size or LARGEST_PACKET
        keepalive_s = packet.server_keep_alive
        self._keepalive_s = session.keepalive_s if keepalive_s is None else keepalive_s
        self._state = _State.SUBSCRIBING
        if session.subscriptions:
            opening.subscribe_id = self._outbox.next_id()
            self._outbox.reserve_id(opening.subscribe_id)
            subscribe = self._factory.forms.subscribe
            self._send(subscribe(opening.subscribe_id, session.subscriptions))
        else:
            self._finish_opening(opening)

    def _handle_suback(self, packet: SubAckPacket) -> None:
        opening = self._opening
        if (
            self._state is not _State.SUBSCRIBING
            or opening is None
            or packet.packet_id != opening.subscribe_id
        ):
            raise PeerError(PROTOCOL_ERROR, "unexpected SUBACK")
        for reason_code in packet.reason_codes:
            if int(reason_code) >= FIRST_ERROR_CODE:
                detail = packet.reason_str or f"SUBSCRIBE: {name_of(reason_code)}"
                self._end_connection(Disconnected(EndReason.REFUSED, int(reason_code), detail))
                return
        self._finish_opening(opening)

    def _finish_opening(self, opening: Opening) -> None:
        self._opening = None
        if opening.deadline is not None:
            opening.deadline.cancel()
        self._state = _State.CONNECTED
        factory, transport = self._factory, self._transport
        factory.pace.leave()
        self._start_pings()
        self._outbox.reconnected(
            session_present=opening.session_present,
            window=min(factory.limits.max_in_flight, opening.receive_max),
        )
        self._pump()
        with factory.within:
            if self._transport is transport:
                self._handler.on_connected(session_present=opening.session_present)
            for message in opening.held:
                if self._transport is not transport:
                    break
                self._handler.on_message(message)

    # Closing

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the event loop's report of a lost connection; a frozen link sees it at `thaw`."""
        self._transport = self._sock = None
        if not self._is_frozen:
            detail = describe_os_error(exc) if isinstance(exc, OSError) else "connection closed"
            self._notice_loss(detail)

    def _notice_loss(self, detail: str) -> None:
        if self._transport is None and self._state > _State.OPENING and not self._is_frozen:
            self._end_connection(Disconnected(EndReason.BROKER_CLOSED, detail=detail))

    def _end_connection(self, reason: Disconnected) -> None:
        self.abort()
        try:
            with self._factory.within:
                self._handler.on_disconnected(reason)
        except Exception:
            logger.exception("on_disconnected raised")

    def _close(self, goodbye: bytes) -> None:
        outgoing = [puback_packets(self._pubacks), *self._outgoing]
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
        opening, self._opening = self._opening, None
        transport = self._release()
        self._unacknowledged = ()
        if state is _State.WAITING:
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
        except PeerError as error:
            self._close(self._factory.forms.disconnect(error.code))
            self._end_connection(Disconnected(EndReason.PROTOCOL_ERROR, detail=str(error)))
        except Exception:
            logger.exception("a handler raised: its link is closed")
            if transport is not None and self._transport is transport:
                self._end_connection(Disconnected(EndReason.HANDLER_ERROR, detail="see the log"))

    # Incoming packets

    def _handle_in_order(self, came: list[Incoming]) -> int:
        transport, taken = self._transport, 0
        while taken < len(came) and self._transport is transport and not self._is_frozen:
            handed_on = self._hand_on(came, taken) if self._state is _State.CONNECTED else taken
            if handed_on == taken:
                self._handle_packet(came[taken])
                handed_on += 1
            taken = handed_on
        return taken

    def _hand_on(self, came: list[Incoming], taken: int) -> int:
        """Deliver the messages at the front of `came` to the owner, all at the same moment.

        Return how many are delivered then. The first packet of another kind is left to
        `_handle_packet`.
        """
        transport, factory, several = self._transport, self._factory, self._several
        together: list[Message] = []
        """Messages for a handler of several, up to the first packet of another kind."""
        with factory.within:
            for packet in came[taken:] if taken else came:
                if type(packet) is Message and self._note_unacknowledged(packet):
                    if several is None:
                        self._handler.on_message(packet)
                    else:
                        together.append(packet)
                elif type(packet) is int:
                    if several is not None and together:
                        several(together)
                        together = []
                    on_ack = self._outbox.acknowledged(packet)
                    if on_ack is not None:
                        on_ack(SUCCESS)
                else:
                    break
                taken += 1
                if self._transport is not transport or self._is_frozen:
                    break
            if several is not None and together:
                several(together)
        if self._outbox.waiting:
            self._pump()
        return taken

    def _note_unacknowledged(self, message: Message) -> bool:
        """Note a message that wants a PUBACK; return whether it is not one too many."""
        packet_id, unacknowledged = message.packet_id, self._unacknowledged
        if packet_id is None:
            return True
        if unacknowledged:
            unacknowledged[packet_id] = message
        else:
            self._unacknowledged = unacknowledged = {packet_id: message}
        return len(unacknowledged) <= self._factory.limits.receive_max

    def _handle_packet(self, packet: Incoming) -> None:
        """Handle a packet that is not simply delivered: an early, rare or forbidden one."""
        kind = type(packet)
        if self._state is _State.CONNECTING and kind not in _FIRST_PACKETS:
            raise PeerError(PROTOCOL_ERROR, f"{kind.__name__} before CONNACK")
        if isinstance(packet, Message):
            self._keep_early(packet)
        elif isinstance(packet, int):
            self._handle_puback(packet, SUCCESS)
        elif isinstance(packet, PubAckPacket):
            self._handle_puback(packet.packet_id, int(packet.reason_code))
        elif isinstance(packet, DisconnectPacket):
            detail = packet.reason_str or name_of(packet.reason_code)
            self._end_connection(
                Disconnected(EndReason.BROKER_CLOSED, int(packet.reason_code), detail)
            )
        elif isinstance(packet, ConnAckPacket):
            self._handle_connack(packet)
        elif isinstance(packet, SubAckPacket):
            self._handle_suback(packet)
        elif not isinstance(packet, PingRespPacket):
            raise PeerError(PROTOCOL_ERROR, f"unexpected {kind.__name__}")

    def _keep_early(self, message: Message) -> None:
        """Keep a message that comes before SUBACK, unless it is one too many."""
        opening = self._opening
        is_one_too_many = not self._note_unacknowledged(message)
        if opening is None or is_one_too_many or len(opening.held) >= _MAX_HELD:
            raise PeerError(RECEIVE_MAXIMUM_EXCEEDED, "more messages than our receive maximum")
        opening.held.append(message)

    def _handle_puback(self, packet_id: int, code: int) -> None:
        on_ack = self._outbox.acknowledged(packet_id)
        if on_ack is not None:
            with self._factory.within:
                on_ack(code)
        if self._outbox.waiting:
            self._pump()

    def _can_send(self) -> bool:
        return self._state is _State.CONNECTED and not (self._is_paused or self._is_frozen)

    def _pump(self) -> None:
        """Send what waits, as far as window and peer allow."""
        while self._can_send() and (sendable := self._outbox.pop_sendable()) is not None:
            packet_id, packet = sendable
            if len(packet) <= self._max_packet_bytes:
                self._send(packet)
                continue
            on_ack = self._outbox.acknowledged(packet_id)
            if on_ack is not None:
                with self._factory.within:
                    on_ack(PACKET_TOO_LARGE)


class LeanLinkFactory(SharedByLinks):
    """Makes lean links to one broker; see `factory_state` for what they share."""

    def __call__(self, handler: LinkHandler) -> LeanLink:
        """Return a new link for `handler`, not connected."""
        return LeanLink(self, handler)
