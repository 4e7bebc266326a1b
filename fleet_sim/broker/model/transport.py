"""Carries packets for the broker model: what leaves one end arrives at the other a hop later.

The broker does one thing at a time. While it works, packets that arrive wait in one queue, whoever
sent them. Packets that the broker sends leave when the work is done.

Packets that arrive at one moment at one place are one call of the scheduler.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
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


_NEVER_S = -math.inf


class Transport:
    """Carries packets between the clients and the broker, in order on each connection."""

    __slots__ = (
        "_arrive_s",
        "_arriving",
        "_call_at",
        "_call_later",
        "_free_s",
        "_handlers",
        "_hop_s",
        "_is_busy",
        "_line",
        "_sent",
        "is_reading",
        "now_s",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        hop_s: float,
        handlers: Mapping[type, Callable[[Connection, Any], None]],
    ) -> None:
        """Make a transport to a broker that handles each type of packet by one of `handlers`."""
        self.now_s = scheduler.now_s
        self._handlers = handlers
        self.is_reading = True
        """Whether the broker reads."""
        self._is_busy = False
        """Whether it may be at work or not reading, or packets wait: most packets ask only this."""
        self._free_s = 0.0
        """When the broker has done its work."""
        self._line: deque[tuple[Connection, Any]] = deque()
        """Packets that have arrived and were not read yet."""
        self._arriving: list[tuple[Connection, Any]] = []
        """Packets that arrive together at `_arrive_s`."""
        self._arrive_s = _NEVER_S
        self._call_at = scheduler.call_at
        self._call_later = scheduler.call_later
        self._hop_s = hop_s
        self._sent = 0

    def up(self, connection: Connection, packet: Any) -> float:
        """Bring a packet to the broker a hop later; return the present."""
        now_s = self.now_s()
        due_s = now_s + self._hop_s
        self._sent += 1
        if due_s == self._arrive_s:
            self._arriving.append((connection, packet))
        else:
            self._arrive_s = due_s
            self._arriving = [(connection, packet)]
            self._call_at(due_s, self._come_up, self._arriving)
        return now_s

    def _come_up(self, arrived: list[tuple[Connection, Any]]) -> None:
        if arrived is self._arriving:
            self._arrive_s = _NEVER_S  # what is sent now, without a hop even, comes after these
        for number, (connection, packet) in enumerate(arrived, 1):
            if self._is_busy and self._must_wait():
                self._line.append((connection, packet))
                continue
            try:
                self._handlers[type(packet)](connection, packet)
            except Exception:
                self._call_later(0.0, self._come_up, arrived[number:])
                raise

    def down(self, connection: Connection, packet: Any) -> None:
        """Bring a packet to the client a hop later, if it still has `connection`."""
        now_s = self.now_s()
        left_s = max(now_s, self._free_s) if self._is_busy else now_s
        due_s = left_s + self._hop_s
        self._sent += 1
        if due_s > connection.down_due_s:
            connection.down_due_s = due_s
        elif connection.coming:
            connection.coming.append(packet)
            return
        else:
            due_s = connection.down_due_s
        connection.coming = [packet]
        self._call_at(due_s, self._come_down, connection, connection.coming)

    def _come_down(self, connection: Connection, arrived: list[Any]) -> None:
        if arrived is connection.coming:
            connection.coming = ()
        connection.client.arrive(connection, arrived)

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
        return [connection for connection, _ in line]

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
            connection, packet = self._line.popleft()
            self._handlers[type(packet)](connection, packet)
        if self._line:
            self._read_when_free()

    def _read_when_free(self) -> None:
        self._call_later(self._free_s - self.now_s(), self._read, self._free_s)
