"""Carries packets for the broker model: what leaves one end arrives at the other a hop later.

Packets that fall due at one moment share one call of the scheduler, so that an idle fleet costs
nothing and a busy one little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar


class Scheduler(Protocol):
    """Where time comes from: virtual, and never the wall clock."""

    def now_s(self) -> float:
        """Return the present; it never goes back."""
        ...

    def call_later(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> object:
        """Call `then(*arguments)` after `delay_s`.

        Never before this call has returned, not even without a delay; calls that fall due at the
        same moment come in the order in which they were asked for.
        """
        ...


class Receiver(Protocol):
    """A client, as far as the transport knows it."""

    def arrive(self, connection: Any, take: Callable[[Any], None], packet: Any) -> None:
        """Run `take(packet)` now or later, if the client still has `connection`."""
        ...


class Carried(Protocol):
    """A connection, as far as the transport knows it."""

    up_due_s: float
    """When the last packet to the broker arrives: the next may not overtake it."""
    down_due_s: float
    """When the last packet to the client arrives."""

    @property
    def client(self) -> Receiver:
        """Where packets to the client arrive."""
        ...


ConnectionT = TypeVar("ConnectionT", bound=Carried)
PacketT = TypeVar("PacketT")

Hop = float | Callable[[], float]
"""The time of a packet one way in seconds, or a function that draws it."""

_Entry = tuple[float, int, Callable[..., None], tuple[Any, ...]]
"""When it is due, a number that keeps the order of one moment, and what to call then."""


class Transport(Generic[ConnectionT]):
    """Carries packets between the clients and the broker, in order on each connection."""

    __slots__ = (
        "_armed_s",
        "_draw_hop_s",
        "_hop_s",
        "_packets",
        "_scheduler",
        "_sent",
        "_unread",
        "is_reading",
        "now_s",
    )

    def __init__(self, scheduler: Scheduler, hop: Hop) -> None:
        self.now_s = scheduler.now_s
        self.is_reading = True
        """Whether the broker takes what comes up."""
        self._scheduler = scheduler
        self._hop_s = 0.0
        self._draw_hop_s: Callable[[], float] | None = None
        self.set_hop(hop)
        self._sent = 0
        self._packets: list[_Entry] = []
        self._armed_s = math.inf
        self._unread: list[tuple[ConnectionT, Callable[[ConnectionT, Any], None], Any]] = []

    def set_hop(self, hop: Hop) -> None:
        """Change the time of a packet one way."""
        if callable(hop):
            self._draw_hop_s = hop
        else:
            self._draw_hop_s, self._hop_s = None, hop

    def up(
        self,
        connection: ConnectionT,
        take: Callable[[ConnectionT, PacketT], None],
        packet: PacketT,
    ) -> float:
        """Let the broker run `take(connection, packet)` a hop later; return the present."""
        now_s = self.now_s()
        if not self.is_reading:
            self._unread.append((connection, take, packet))
            return now_s
        due_s = now_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        due_s = connection.up_due_s = max(due_s, connection.up_due_s)
        self._sent += 1
        heappush(self._packets, (due_s, self._sent, take, (connection, packet)))
        if due_s < self._armed_s:
            self._arm(due_s, now_s)
        return now_s

    def down(
        self, connection: ConnectionT, take: Callable[[PacketT], None], packet: PacketT
    ) -> None:
        """Let the client run `take(packet)` a hop later, if it still has `connection`."""
        now_s = self.now_s()
        due_s = now_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        due_s = connection.down_due_s = max(due_s, connection.down_due_s)
        self._sent += 1
        arrive = connection.client.arrive
        heappush(self._packets, (due_s, self._sent, arrive, (connection, take, packet)))
        if due_s < self._armed_s:
            self._arm(due_s, now_s)

    def soon(self, connection: ConnectionT, step: Callable[[ConnectionT], None]) -> None:
        """Run `step(connection)` now, but after what runs now has returned."""
        now_s = self.now_s()
        self._sent += 1
        heappush(self._packets, (now_s, self._sent, step, (connection,)))
        if now_s < self._armed_s:
            self._arm(now_s, now_s)

    def stop_reading(self) -> None:
        """Let what goes up wait until the broker reads again."""
        self.is_reading = False

    def continue_reading(self) -> None:
        """Undo `stop_reading`: what waited arrives in order."""
        for connection, take, packet in self._read_again():
            self.up(connection, take, packet)

    def drop_unread(self) -> list[ConnectionT]:
        """Lose what waits to be read, and read again; return whose packets they were."""
        return [connection for connection, _, _ in self._read_again()]

    def _read_again(self) -> list[tuple[ConnectionT, Callable[[ConnectionT, Any], None], Any]]:
        unread, self._unread = self._unread, []
        self.is_reading = True
        return unread

    def _arm(self, due_s: float, now_s: float) -> None:
        self._armed_s = due_s
        delay_s = due_s - now_s
        self._scheduler.call_later(delay_s if delay_s > 0 else 0.0, self._arrive, due_s)

    def _arrive(self, due_s: float) -> None:
        packets = self._packets
        present_s = self.now_s()
        now_s = max(present_s, due_s)  # the scheduler came a rounding error early
        armed_s = math.inf if due_s == self._armed_s else self._armed_s
        self._armed_s = -math.inf  # nothing that is sent meanwhile needs to arm
        try:
            while packets and packets[0][0] <= now_s:
                _, _, step, arguments = heappop(packets)
                step(*arguments)
        finally:
            self._armed_s = armed_s
            if packets and packets[0][0] < armed_s:
                self._arm(packets[0][0], present_s)
