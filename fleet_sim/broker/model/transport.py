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
    from fleet_sim.broker.model.link import ModelLink
    from fleet_sim.broker.model.session import BrokerSession


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


class Connection:
    """One network connection of a link, as both ends know it."""

    __slots__ = ("down_due_s", "is_closed", "link", "session", "up_due_s")

    def __init__(self, link: ModelLink) -> None:
        self.link = link
        self.session: BrokerSession | None = None
        """Set when the broker accepts the connection."""
        self.is_closed = False
        """Whether the broker has learned that the client closed it."""
        self.up_due_s = 0.0
        self.down_due_s = 0.0


Hop = float | Callable[[], float]
"""The time of a packet one way in seconds, or a function that draws it."""

_Entry = tuple[float, int, Callable[..., None], Connection, tuple[Any, ...]]


class Transport:
    """Carries packets between the links and the broker, in order on each connection."""

    __slots__ = (
        "_armed_s",
        "_draw_hop_s",
        "_hop_s",
        "_packets",
        "_scheduler",
        "_sent",
        "_stalled",
        "now_s",
    )

    def __init__(self, scheduler: Scheduler, hop: Hop) -> None:
        self.now_s = scheduler.now_s
        self._scheduler = scheduler
        self._hop_s = 0.0
        self._draw_hop_s: Callable[[], float] | None = None
        self.set_hop(hop)
        self._sent = 0
        self._packets: list[_Entry] = []
        self._armed_s = math.inf
        self._stalled: list[tuple[Connection, Callable[..., None], tuple[Any, ...]]] | None = None

    def set_hop(self, hop: Hop) -> None:
        """Change the time of a packet one way."""
        if callable(hop):
            self._draw_hop_s = hop
        else:
            self._draw_hop_s, self._hop_s = None, hop

    @property
    def is_stalled(self) -> bool:
        """Whether the broker does not read."""
        return self._stalled is not None

    def up(self, connection: Connection, step: Callable[..., None], *arguments: Any) -> float:
        """Let the broker run `step(connection, *arguments)` a hop later; return the present."""
        now_s = self.now_s()
        if self._stalled is not None:
            self._stalled.append((connection, step, arguments))
            return now_s
        due_s = now_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        due_s = connection.up_due_s = max(due_s, connection.up_due_s)
        self._sent += 1
        heappush(self._packets, (due_s, self._sent, step, connection, arguments))
        if due_s < self._armed_s:
            self._arm(due_s, now_s)
        return now_s

    def down(self, connection: Connection, step: Callable[..., None], *arguments: Any) -> None:
        """Let the link run `step(link, *arguments)` a hop later, if it still has `connection`."""
        now_s = self.now_s()
        due_s = now_s + (self._hop_s if self._draw_hop_s is None else self._draw_hop_s())
        due_s = connection.down_due_s = max(due_s, connection.down_due_s)
        self._sent += 1
        arrive = connection.link.arrive
        heappush(self._packets, (due_s, self._sent, arrive, connection, (step, arguments)))
        if due_s < self._armed_s:
            self._arm(due_s, now_s)

    def soon(self, connection: Connection, step: Callable[..., None]) -> None:
        """Run `step(connection)` now, but after what runs now has returned."""
        now_s = self.now_s()
        self._sent += 1
        heappush(self._packets, (now_s, self._sent, step, connection, ()))
        if now_s < self._armed_s:
            self._arm(now_s, now_s)

    def stall(self) -> None:
        """Let what goes up wait at the broker's door."""
        if self._stalled is None:
            self._stalled = []

    def flow(self) -> None:
        """Undo `stall`: what waited arrives in order."""
        stalled, self._stalled = self._stalled or [], None
        for connection, step, arguments in stalled:
            self.up(connection, step, *arguments)

    def drop_stalled(self) -> list[Connection]:
        """Lose what waits at the broker's door, and open it; return whose packets they were."""
        stalled, self._stalled = self._stalled or [], None
        return [connection for connection, _, _ in stalled]

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
                _, _, step, connection, arguments = heappop(packets)
                step(connection, *arguments)
        finally:
            self._armed_s = armed_s
            if packets and packets[0][0] < armed_s:
                self._arm(packets[0][0], present_s)
