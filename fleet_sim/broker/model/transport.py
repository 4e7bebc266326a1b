"""Carries packets for the broker model: what leaves one end arrives at the other a hop later.

The broker does one thing at a time. While it works, packets that arrive wait in one queue, whoever
sent them. Packets that the broker sends leave when the work is done.

Each packet is a call of the scheduler, which keeps the order of those that fall due together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from fleet_sim.broker.model.session import Connection


class Scheduler(Protocol):
    """The source of time: virtual, never the wall clock."""

    def now_s(self) -> float:
        """Return the present; it never goes back."""
        ...

    def call_later(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> object:
        """Call `then(*arguments)` after `delay_s`.

        The call never runs before this method has returned, even without a delay. Calls due at the
        same moment run in the order of their requests.
        """
        ...

    def call_at(self, at_s: float, then: Callable[..., None], *arguments: Any) -> object:
        """Call `then(*arguments)` at `at_s`, which is not past, as `call_later` does."""
        ...


Hop = float | Callable[[], float]
"""The time of a packet one way in seconds, or a function that draws it."""


class Transport:
    """Carries packets between the clients and the broker, in order on each connection."""

    __slots__ = (
        "_call_at",
        "_call_later",
        "_draw_hop_s",
        "_free_s",
        "_hop_s",
        "_is_busy",
        "_line",
        "_sent",
        "is_reading",
        "now_s",
    )

    def __init__(self, scheduler: Scheduler, hop: Hop) -> None:
        self.now_s = scheduler.now_s
        self.is_reading = True
        """Whether the broker reads."""
        self._is_busy = False
        """Whether it may be at work or not reading, or packets wait: most packets ask only this."""
        self._free_s = 0.0
        """When the broker has done its work."""
        self._line: deque[tuple[Any, ...]] = deque()
        """Packets that have arrived and were not read yet."""
        self._call_at = scheduler.call_at
        self._call_later = scheduler.call_later
        self._hop_s = 0.0
        self._draw_hop_s: Callable[[], float] | None = None
        self.set_hop(hop)
        self._sent = 0

    def set_hop(self, hop: Hop) -> None:
        """Change the time of a packet one way."""
        if callable(hop):
            self._draw_hop_s = hop
        else:
            self._draw_hop_s, self._hop_s = None, hop

    def up(
        self,
        connection: Connection,
        take: Callable[[Connection, Any], None],
        packet: Any,
    ) -> float:
        """Run `take(connection, packet)` at the broker a hop later; return the present."""
        now_s = self.now_s()
        due_s = now_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        if due_s > connection.up_due_s:
            connection.up_due_s = due_s
        else:
            due_s = connection.up_due_s
        self._sent += 1
        self._call_at(due_s, self._come_up, connection, take, packet)
        return now_s

    def _come_up(
        self,
        connection: Connection,
        take: Callable[[Connection, Any], None],
        packet: Any,
    ) -> None:
        if self._is_busy and self._must_wait():
            self._line.append((connection, take, packet))
        else:
            take(connection, packet)

    def down(self, connection: Connection, take: Callable[[Any], None], packet: Any) -> None:
        """Run `take(packet)` at the client a hop later, if it still has `connection`."""
        now_s = self.now_s()
        left_s = max(now_s, self._free_s) if self._is_busy else now_s
        due_s = left_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        if due_s > connection.down_due_s:
            connection.down_due_s = due_s
        else:
            due_s = connection.down_due_s
        self._sent += 1
        self._call_at(due_s, connection.client.arrive, connection, take, packet)

    def soon(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """Run `step(connection)` now, but after what runs now has returned."""
        self._call_later(0.0, step, connection)

    # Work of the broker before it reads on

    def work(self, duration_s: float) -> None:
        """Occupy the broker for this long with the packet that it handles now."""
        self._is_busy = True
        self._free_s = max(self.now_s(), self._free_s) + duration_s

    def stop_reading(self) -> None:
        """Hold packets to the broker until it reads again."""
        self._is_busy = True
        self.is_reading = False

    def continue_reading(self) -> None:
        """Undo `stop_reading`: the broker reads what waited, in order."""
        self.is_reading = True
        self._free_s = max(self.now_s(), self._free_s)
        self._read_when_free()

    def crash(self) -> list[Connection]:
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
            self._read_when_free()
            return True
        self._is_busy = False
        return False

    def _read(self, free_s: float) -> None:
        """Handle queued packets until one of them makes the broker work."""
        if not self.is_reading or free_s != self._free_s:
            return  # another call comes when it reads on
        while self._line and free_s == self._free_s:
            connection, take, packet = self._line.popleft()
            take(connection, packet)
        if self._line:
            self._read_when_free()

    def _read_when_free(self) -> None:
        self._call_later(self._free_s - self.now_s(), self._read, self._free_s)
