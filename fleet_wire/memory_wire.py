"""Time and wires for the broker model: what leaves one end arrives at the other a hop later.

Packets that fall due at one moment share one call of the scheduler, so that an idle fleet costs
nothing and a busy one little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from fleet_wire.memory_link import MemoryLink
    from fleet_wire.memory_session import MemorySession


class Scheduler(Protocol):
    """Where time comes from: virtual, and never the wall clock."""

    def now_s(self) -> float:
        """Return the present; it never goes back."""
        ...

    def call_later(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then(*arguments)` after `delay_s`.

        Never before this call has returned, not even without a delay; calls that fall due at the
        same moment come in the order in which they were asked for.
        """
        ...


class Connection:
    """One network connection of a link, as both ends know it."""

    __slots__ = ("down_due_s", "is_closed", "link", "session", "up_due_s")

    def __init__(self, link: MemoryLink) -> None:
        self.link = link
        self.session: MemorySession | None = None
        """Set when the broker accepts the connection."""
        self.is_closed = False
        """Whether the broker has learned that the client closed it."""
        self.up_due_s = 0.0
        self.down_due_s = 0.0


_Entry = tuple[float, int, Callable[..., None], Connection, tuple[Any, ...]]


class Wire:
    """Carries packets between the links and the broker, in order on each connection.

    `hop` is the time one way in seconds, or draws it for each packet.
    """

    __slots__ = ("_armed_s", "_packets", "_scheduler", "_sent", "_stalled", "hop", "now_s")

    def __init__(self, scheduler: Scheduler, hop: float | Callable[[], float]) -> None:
        self.hop = hop if callable(hop) else float(hop)
        self.now_s = scheduler.now_s
        self._scheduler = scheduler
        self._sent = 0
        self._packets: list[_Entry] = []
        self._armed_s = math.inf
        self._stalled: list[tuple[Connection, Callable[..., None], tuple[Any, ...]]] | None = None

    @property
    def is_stalled(self) -> bool:
        """Whether the broker does not read."""
        return self._stalled is not None

    def up(self, connection: Connection, step: Callable[..., None], *arguments: Any) -> None:
        """Let the broker run `step(connection, *arguments)` a hop later."""
        if self._stalled is not None:
            self._stalled.append((connection, step, arguments))
            return
        hop = self.hop
        due_s = self.now_s() + (hop if isinstance(hop, float) else hop())
        connection.up_due_s = due_s = max(due_s, connection.up_due_s)
        self._add(due_s, step, connection, arguments)

    def down(self, connection: Connection, step: Callable[..., None], *arguments: Any) -> None:
        """Let the link run `step(link, *arguments)` a hop later, if it still has `connection`."""
        hop = self.hop
        due_s = self.now_s() + (hop if isinstance(hop, float) else hop())
        connection.down_due_s = due_s = max(due_s, connection.down_due_s)
        self._add(due_s, connection.link.arrive, connection, (step, *arguments))

    def soon(self, connection: Connection, step: Callable[..., None], *arguments: Any) -> None:
        """Run `step(connection, *arguments)` now, but after what runs now has returned."""
        self._add(self.now_s(), step, connection, arguments)

    def stall(self) -> None:
        """Let what goes up wait at the broker's door."""
        if self._stalled is None:
            self._stalled = []

    def flow(self) -> None:
        """Undo `stall`: what waited arrives in order."""
        stalled, self._stalled = self._stalled or [], None
        for connection, step, arguments in stalled:
            self.up(connection, step, *arguments)

    def drop_stalled(self) -> None:
        """Lose what waits at the broker's door, and open it."""
        self._stalled = None

    def _add(
        self,
        due_s: float,
        step: Callable[..., None],
        connection: Connection,
        arguments: tuple[Any, ...],
    ) -> None:
        self._sent += 1
        heappush(self._packets, (due_s, self._sent, step, connection, arguments))
        if due_s < self._armed_s:
            self._arm(due_s)

    def _arm(self, due_s: float) -> None:
        self._armed_s = due_s
        self._scheduler.call_later(max(0.0, due_s - self.now_s()), self._arrive, due_s)

    def _arrive(self, due_s: float) -> None:
        packets = self._packets
        # The scheduler may be a rounding error early; what it was armed for is due all the same.
        now_s = max(self.now_s(), due_s)
        armed_s = math.inf if due_s == self._armed_s else self._armed_s
        self._armed_s = -math.inf  # nothing that is sent meanwhile needs to arm
        try:
            while packets and packets[0][0] <= now_s:
                _, _, step, connection, arguments = heappop(packets)
                step(connection, *arguments)
        finally:
            self._armed_s = armed_s
            if packets and packets[0][0] < armed_s:
                self._arm(packets[0][0])
