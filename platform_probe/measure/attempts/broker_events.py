"""Recent broker log events of each client: evidence for why a car did not open."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Final

from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind

MAX_CLIENTS: Final = 100_000
"""The most clients that are kept; above it, the one first heard of is forgotten."""
MAX_EACH: Final = 16
"""The latest events that are kept of each client: boxes that throw each other out cause four a
round.
"""
MAX_NAMELESS: Final = 64
"""The latest events that are kept without a client's name: TLS handshakes that failed."""


class BrokerEvents:
    """Takes what the broker says, and remembers the latest of it. No I/O, and bounded."""

    def __init__(self, *, max_clients: int = MAX_CLIENTS) -> None:
        self._max_clients = max_clients
        self._of_client: OrderedDict[str, tuple[BrokerEvent, ...]] = OrderedDict()
        self.nameless: deque[BrokerEvent] = deque(maxlen=MAX_NAMELESS)
        """Events that name no client, the latest last."""
        self.taken = 0
        """Events so far; 0: the broker's log is not there, and says nothing by its silence."""

    def add(self, event: BrokerEvent) -> None:
        """Remember an event."""
        self.taken += 1
        client_id = event.client_id
        if client_id is None:
            self.nameless.append(event)
            return
        known = self._of_client.get(client_id, ())
        if not known and len(self._of_client) >= self._max_clients:
            self._of_client.popitem(last=False)
        self._of_client[client_id] = (*known[1 - MAX_EACH :], event)

    def counts_since(self, client_id: str, from_at: float) -> dict[str, int]:
        """Return by kind how often the broker spoke of a client since a Unix time.

        A box's client id is its car's id.
        Everyday events are left out: that a client connected, or said goodbye.
        """
        events = self._of_client.get(client_id)
        if events is None:  # so with most cars, at the end of each unlock
            return {}
        kinds = Counter(
            event.kind.value for event in events if event.at >= from_at and event.kind not in _USUAL
        )
        return dict(sorted(kinds.items()))


_USUAL: Final = (BrokerEventKind.CONNECTED, BrokerEventKind.LEFT)
