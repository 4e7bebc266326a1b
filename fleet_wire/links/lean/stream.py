"""The bytes of a lean link: packets come in in any pieces and go out together, pings when idle.

`fleet_wire.links.lean.link` builds on this and gives the packets their meaning.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable

from fleet_wire.links.lean.factory_state import SharedByLinks
from fleet_wire.links.lean.outbox import Outbox
from fleet_wire.links.lean.packets import (
    SHORTEST_PUBACK,
    Incoming,
    pingreq_packet,
    puback_packets,
    read_packets,
)
from fleet_wire.links.link import Disconnected, EndReason

_SMALLEST_WINDOW = 10
"""PUBACKs that do not wait for more: RabbitMQ sends 10 messages (mqtt.prefetch) and then waits for
them, mosquitto 20 (max_inflight_messages). ejabberd sends one."""
_WORTH_WAKING_BYTES = 16_384
"""Bytes that are enough to wake up for: about sixty messages of the contract."""
_PACKETS_A_TURN = 128
"""Most packets handled in one turn of the event loop. The rest waits for the next turn, so that
timers, pings and other connections run in between. A monitor takes some 2 ms for so many [E]."""


class PacketStream(asyncio.Protocol, ABC):
    """The connection of one client, while there is one. It owns no task, future or timer.

    A frozen one neither reads nor writes, on this connection and any next, until it thaws.
    """

    __slots__ = (
        "_factory",
        "_gathers_pubacks",
        "_incoming",
        "_is_frozen",
        "_is_paused",
        "_keepalive_s",
        "_last_sent_tick",
        "_low_water",
        "_outbox",
        "_outgoing",
        "_pinged_tick",
        "_pubacks",
        "_sock",
        "_transport",
        "check_tick",
    )

    def __init__(self, factory: SharedByLinks) -> None:
        self._factory = factory
        self._outbox = Outbox()
        self._transport: asyncio.Transport | None = None
        self._sock: socket.socket | None = None
        """The socket, if packets may be awaited together; else None."""
        self._low_water = 1
        """How many bytes must have come in before the event loop wakes for them."""
        self._gathers_pubacks = False
        """Whether PUBACKs came together the last time: a lone one does not wait for others."""
        self._is_paused = False
        self._is_frozen = False
        # These are empty and immutable while nothing is in them: that costs nothing.
        self._incoming: bytes | bytearray = b""
        """The beginning of a packet whose end has not come."""
        self._outgoing: list[bytes] | tuple[()] = ()
        """Packets to write at the end of this iteration of the event loop."""
        self._pubacks: list[int] | tuple[()] = ()
        """The ids of PUBACKs that may still gather before they go out."""
        self._keepalive_s = 0
        """Keepalive from CONNACK; 0 for none."""
        self.check_tick = 0
        self._last_sent_tick = 0
        self._pinged_tick = 0
        """When a PINGREQ was sent that nothing has come since; 0: nothing is awaited."""

    # Hooks for the link

    @abstractmethod
    def _handle_in_order(self, came: list[Incoming]) -> int:
        """Handle packets in order until the link freezes or closes; return how many were handled.

        Raises `PeerError` for what the broker must not send now.
        """

    @abstractmethod
    def _pump(self) -> None:
        """Send what waits, as far as it may be sent now."""

    @abstractmethod
    def _guarded(self, step: Callable[..., None], *arguments: object) -> None:
        """Run a step that may raise `PeerError`, or any exception of a handler."""

    @abstractmethod
    def _notice_loss(self, detail: str) -> None:
        """Handle the loss of the connection."""

    @abstractmethod
    def _end_connection(self, reason: Disconnected) -> None:
        """Close, and tell the owner why."""

    def _hold(self, transport: asyncio.Transport, sock: socket.socket | None) -> None:
        """Begin with a new connection; `sock` is its socket, see `_sock`."""
        self._transport, self._sock, self._low_water = transport, sock, 1
        self._factory.loop.call_soon(self._pause_while_frozen)  # reading starts after this call

    def _release(self) -> asyncio.Transport | None:
        """Forget the connection with all that is under way on it, and return its transport."""
        transport, self._transport, self._sock = self._transport, None, None
        self._incoming = b""
        self._outgoing = self._pubacks = ()
        self._is_paused = False
        self._pinged_tick = self.check_tick = 0
        return transport

    # Reading

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the event loop."""
        self._pinged_tick = 0
        self._guarded(self._read, data)

    def _read(self, data: bytes | bytearray) -> None:
        transport = self._transport
        if self._factory.quick_ack and transport is not None:
            _acknowledge_tcp_at_once(transport)
        if self._incoming:
            self._incoming += data
            data = self._incoming
        factory = self._factory
        came, ends, problem = read_packets(
            data, factory.limits.max_packet_bytes, factory.forms, most=_PACKETS_A_TURN
        )
        taken = self._handle_in_order(came) if came else 0
        if self._transport is not transport:
            return
        if problem is not None and taken == len(came) and not self._is_frozen:
            raise problem
        position = ends[taken - 1] if taken else 0
        if position == len(data):
            self._incoming = b""
        elif position or not self._incoming:
            self._incoming = bytearray(memoryview(data)[position:])
        if taken == _PACKETS_A_TURN and transport is not None:
            transport.pause_reading()
            self._factory.loop.call_soon(self._handle_rest, transport)
        if self._sock is not None:
            self._await_next(self._sock, taken)

    def _handle_rest(self, transport: asyncio.Transport) -> None:
        """Handle the remaining packets in another turn; a frozen link continues at `thaw`."""
        if self._transport is transport and not self._is_frozen:
            transport.resume_reading()
            self._guarded(self._read, b"")

    def _await_next(self, sock: socket.socket, packets: int) -> None:
        """Sleep until enough data has arrived, after `packets` packets.

        Behind several packets the loop wakes up when there is much to read, or after a moment.
        Behind a lone one it wakes up at once: the broker may wait for its acknowledgement. See
        docs/decisions/0011.
        """
        factory = self._factory
        wait_s = factory.limits.read_together_s
        if not wait_s:
            self._await_pubacks(sock)
        elif packets > 1 and self._low_water == 1:
            self._set_low_water(sock, _WORTH_WAKING_BYTES)
            factory.loop.call_later(wait_s, self._await_no_more, sock)

    def _await_no_more(self, sock: socket.socket) -> None:
        if self._sock is sock:
            self._set_low_water(sock, 1)

    def _await_pubacks(self, sock: socket.socket) -> None:
        """Sleep until all PUBACKs that are due can be read at once.

        If none is due, nothing changes: the next packet is longer, or closes the connection. See
        docs/decisions/0005.
        """
        low_water = 1
        if not self._incoming and not self._pinged_tick:
            due = len(self._outbox.in_flight)
            if not due:
                return
            if due > 1:
                low_water = min(due, self._factory.limits.pubacks_together) * SHORTEST_PUBACK
        if low_water != self._low_water:
            self._set_low_water(sock, low_water)

    def _set_low_water(self, sock: socket.socket, low_water: int) -> None:
        self._low_water = low_water
        # uvloop may have closed the socket already; then `connection_lost` is on its way.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low_water)

    # Writing

    def pause_writing(self) -> None:
        """Handle the event loop's report that the peer has stopped reading."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Handle the event loop's report that the peer reads again."""
        self._is_paused = False
        self._guarded(self._pump)

    def _send(self, packet: bytes) -> None:
        if self._outgoing:
            self._outgoing.append(packet)
        else:
            self._outgoing = [packet]
            self._factory.will_write(self.flush)

    def _gather_pubacks(self, packet_ids: list[int]) -> None:
        """Hold PUBACKs back for others, but not where they may be all that the broker waits for."""
        factory, before = self._factory, len(self._pubacks)
        self._pubacks = [*self._pubacks, *packet_ids]
        if not before and self._gathers_pubacks:
            factory.loop.call_later(factory.limits.acknowledge_after_s, self.flush)
        elif not before:
            factory.will_write(self.flush)
        if before < _SMALLEST_WINDOW <= len(self._pubacks):
            factory.will_write(self.flush)

    def flush(self) -> None:
        """Write what has gathered; called by the factory once an iteration."""
        if self._pubacks:
            self._gathers_pubacks = len(self._pubacks) > 1
            self._outgoing = [puback_packets(self._pubacks), *self._outgoing]
            self._pubacks = ()
        outgoing, transport = self._outgoing, self._transport
        if not outgoing or transport is None or self._is_frozen:
            return
        self._outgoing = ()
        self._last_sent_tick = self._factory.wheel.tick
        transport.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))
        if self._sock is not None and not self._factory.limits.read_together_s:
            self._await_pubacks(self._sock)

    # Keepalive

    def _start_pings(self) -> None:
        wheel = self._factory.wheel
        if self._keepalive_s:
            wheel.watch(self, self._ping_interval())
        self._last_sent_tick = wheel.tick  # `watch` has brought it up to date

    def check(self, tick: int) -> int:
        """Ping when nothing was sent for the interval; end when no answer came. For the wheel."""
        if self._is_frozen:
            return tick + 1
        timeout = self._factory.limits.ping_timeout_s
        if self._pinged_tick and tick - self._pinged_tick >= timeout:
            self._end_connection(
                Disconnected(EndReason.KEEPALIVE, detail=f"no PINGRESP in {timeout} s")
            )
            return 0
        if tick - self._last_sent_tick >= self._ping_interval():
            self._send(pingreq_packet())
            self._last_sent_tick = tick
            self._pinged_tick = self._pinged_tick or tick
        due = self._last_sent_tick + self._ping_interval()
        return min(due, self._pinged_tick + timeout) if self._pinged_tick else due

    def _ping_interval(self) -> int:
        return max(1, self._keepalive_s - 1)

    # Freezing

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
            if self._outgoing:
                self._factory.will_write(self.flush)
            self._factory.loop.call_soon(self._guarded, self._read_on)
        else:
            self._factory.loop.call_soon(self._notice_loss, "connection closed while frozen")

    def _read_on(self) -> None:
        self._read(b"")
        self._pump()

    def _pause_while_frozen(self) -> None:
        if self._is_frozen and self._transport is not None:
            self._transport.pause_reading()


def _acknowledge_tcp_at_once(transport: asyncio.Transport) -> None:
    if sys.platform == "linux":
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
