"""QoS 1 on its way out: a window in flight, and behind it what waits. No I/O.

Delivery is at least once: messages that a connection leaves unacknowledged go out again on the next
one.
"""

from __future__ import annotations

from collections import deque

from fleet_wire.links.lean.packets import with_duplicate_flag
from fleet_wire.links.link import OnAck

LAST_PACKET_ID = 65_535
MAX_QUEUED = 32_000
"""Most waiting messages; the limit keeps packet ids, which are counted upwards, from meeting those
in use."""

_Entry = tuple[int, bytes, OnAck | None]
"""Packet id, packet, and whom to tell of its PUBACK."""


class Outbox:
    """The outgoing QoS 1 messages of one link, in order."""

    __slots__ = ("_last_id", "in_flight", "waiting", "window")

    def __init__(self) -> None:
        self.window = 0
        """How many may be in flight: set at each CONNACK."""
        self._last_id = 0
        # Both are `()` while empty: that costs nothing, most of the time, for most links.
        self.in_flight: dict[int, tuple[bytes, OnAck | None]] | tuple[()] = ()
        """Messages that await their PUBACK, by packet id."""
        self.waiting: deque[_Entry] | tuple[()] = ()
        """Messages that wait for room in the window."""

    def next_id(self) -> int:
        """Return the packet id of the next message; it is taken by `start`, `wait` or `take`."""
        packet_id = self._last_id % LAST_PACKET_ID + 1
        while packet_id in self.in_flight:
            packet_id = packet_id % LAST_PACKET_ID + 1
        return packet_id

    def reserve_id(self, packet_id: int) -> None:
        """Use `packet_id` for something that is no message: a SUBSCRIBE."""
        self._last_id = packet_id

    def start(self, packet_id: int, packet: bytes, on_ack: OnAck | None) -> bool:
        """Keep a message as in flight and return True, if it may be sent now.

        It may not while others wait, or while the window is closed.
        """
        in_flight = self.in_flight
        if self.waiting or len(in_flight) >= self.window:
            return False
        self._last_id = packet_id
        if in_flight:
            in_flight[packet_id] = (packet, on_ack)
        else:
            self.in_flight = {packet_id: (packet, on_ack)}
        return True

    def wait(self, packet_id: int, packet: bytes, on_ack: OnAck | None) -> None:
        """Keep a message that cannot be sent yet."""
        self._last_id = packet_id
        if not self.waiting:
            self.waiting = deque()
        self.waiting.append((packet_id, packet, on_ack))

    def pop_sendable(self) -> tuple[int, bytes] | None:
        """Return id and packet of the next message that may be sent; it is in flight from now."""
        if not self.waiting or len(self.in_flight) >= self.window:
            return None
        packet_id, packet, on_ack = self.waiting.popleft()
        if not self.waiting:
            self.waiting = ()
        if not self.in_flight:
            self.in_flight = {}
        self.in_flight[packet_id] = (packet, on_ack)
        return packet_id, packet

    def acknowledged(self, packet_id: int) -> OnAck | None:
        """Forget a message whose PUBACK came, and return whom to tell; None for unknown ids."""
        in_flight = self.in_flight
        if not in_flight:
            return None
        entry = in_flight.pop(packet_id, None)
        if not in_flight:
            self.in_flight = ()
        return None if entry is None else entry[1]

    def reconnected(self, *, session_present: bool, window: int) -> None:
        """Put what is unacknowledged in front of what waits.

        It counts as a duplicate only where the broker still has the session.
        """
        self.window = window
        in_flight, self.in_flight = self.in_flight, ()
        unsent: list[_Entry] = []
        if in_flight:
            unsent = [
                (packet_id, with_duplicate_flag(packet, is_duplicate=True), on_ack)
                for packet_id, (packet, on_ack) in in_flight.items()
            ]
        unsent.extend(self.waiting)
        if not session_present:
            unsent = [
                (packet_id, with_duplicate_flag(packet, is_duplicate=False), on_ack)
                for packet_id, packet, on_ack in unsent
            ]
        self.waiting = deque(unsent) if unsent else ()
