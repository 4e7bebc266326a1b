"""Carries packets for the broker model: what leaves one end arrives at the other a hop later.

The broker does one thing at a time. While it is at work, what arrives waits in one line, whoever
has sent it, and what the broker sends leaves when the work is done.

Packets that fall due at one moment share one call of the scheduler, so that an idle fleet costs
nothing and a busy one little.
"""

from __future__ import annotations

import math
from collections import deque
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

_Entry = tuple[float, int, Callable[..., None] | None, tuple[Any, ...]]
"""When it is due, a number that keeps the order of one moment, and what to call then.

None stands for a packet to the broker: `(connection, take, packet)`.
"""


class Transport(Generic[ConnectionT]):
    """Carries packets between the clients and the broker, in order on each connection."""

    __slots__ = (
        "_armed_s",
        "_draw_hop_s",
        "_free_s",
        "_hop_s",
        "_is_busy",
        "_line",
        "_packets",
        "_scheduler",
        "_sent",
        "is_reading",
        "now_s",
    )

    def __init__(self, scheduler: Scheduler, hop: Hop) -> None:
        self.now_s = scheduler.now_s
        self.is_reading = True
        """Whether the broker takes what comes up."""
        self._is_busy = False
        """Whether it may be at work or not reading, or packets wait: most packets ask only this."""
        self._free_s = 0.0
        """When the broker has done its work."""
        self._line: deque[tuple[Any, ...]] = deque()
        """What has arrived and was not read yet."""
        self._scheduler = scheduler
        self._hop_s = 0.0
        self._draw_hop_s: Callable[[], float] | None = None
        self.set_hop(hop)
        self._sent = 0
        self._packets: list[_Entry] = []
        self._armed_s = math.inf

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
        due_s = now_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        due_s = connection.up_due_s = max(due_s, connection.up_due_s)
        self._sent += 1
        heappush(self._packets, (due_s, self._sent, None, (connection, take, packet)))
        if due_s < self._armed_s:
            self._arm(due_s, now_s)
        return now_s

    def down(
        self, connection: ConnectionT, take: Callable[[PacketT], None], packet: PacketT
    ) -> None:
        """Let the client run `take(packet)` a hop later, if it still has `connection`."""
        now_s = self.now_s()
        left_s = max(now_s, self._free_s) if self._is_busy else now_s
        due_s = left_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        due_s = connection.down_due_s = max(due_s, connection.down_due_s)
        self._sent += 1
        arrive = connection.client.arrive
        heappush(self._packets, (due_s, self._sent, arrive, (connection, take, packet)))
        if due_s < self._armed_s:
            self._arm(due_s, now_s)

    def soon(self, connection: ConnectionT, step: Callable[[ConnectionT], None]) -> None:
        """Run `step(connection)` now, but after what runs now has returned."""
        self._run_at(self.now_s(), step, connection)

    def _run_at(self, due_s: float, step: Callable[..., None], *arguments: Any) -> None:
        self._sent += 1
        heappush(self._packets, (due_s, self._sent, step, arguments))
        if due_s < self._armed_s:
            self._arm(due_s, self.now_s())

    # What the broker has to do before it reads on

    def work(self, duration_s: float) -> None:
        """Let the broker be at work for so long on the packet that it takes now."""
        self._is_busy = True
        self._free_s = max(self.now_s(), self._free_s) + duration_s

    def stop_reading(self) -> None:
        """Let what goes up wait until the broker reads again."""
        self._is_busy = True
        self.is_reading = False

    def continue_reading(self) -> None:
        """Undo `stop_reading`: the broker reads what waited, in order."""
        self.is_reading = True
        self._free_s = max(self.now_s(), self._free_s)
        self._run_at(self._free_s, self._read, self._free_s)

    def crash(self) -> list[ConnectionT]:
        """Lose what waits to be read, and be not at work; return whose it was."""
        line, self._line = self._line, deque()
        self._is_busy = False
        self.is_reading = True
        self._free_s = 0.0
        return [connection for connection, _, _ in line]

    def _must_wait(self) -> bool:
        """Return whether something is before what has arrived; else the broker is not busy."""
        if not self.is_reading or self._line:
            return True
        if self.now_s() < self._free_s:
            self._run_at(self._free_s, self._read, self._free_s)
            return True
        self._is_busy = False
        return False

    def _read(self, free_s: float) -> None:
        """Take what waits in line, until something of it sets the broker to work."""
        if not self.is_reading or free_s != self._free_s:
            return  # another call comes when it reads on
        while self._line and free_s == self._free_s:
            connection, take, packet = self._line.popleft()
            take(connection, packet)
        if self._line:
            self._run_at(self._free_s, self._read, self._free_s)

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
                if step is not None:
                    step(*arguments)
                elif self._is_busy and self._must_wait():
                    self._line.append(arguments)
                else:
                    connection, take, packet = arguments
                    take(connection, packet)
        finally:
            self._armed_s = armed_s
            if packets and packets[0][0] < armed_s:
                self._arm(packets[0][0], present_s)
