"""Which of several brokers are away while others are there."""

from __future__ import annotations

from typing import Final

from fleet_wire.error_text import first_few
from fleet_wire.links.link import BrokerAddress, Disconnected

MOST_NAMED: Final = 3
"""Largest number of absent brokers to list by name."""


class Away:
    """The brokers of a list that are away, each with the reason."""

    def __init__(self) -> None:
        self._ends: dict[BrokerAddress, Disconnected] = {}

    def record(self, broker: BrokerAddress, end: Disconnected | None) -> bool:
        """Record a broker as away with its reason, or as back (None).

        Return whether that is new.
        """
        was_away = broker in self._ends
        if end is None:
            self._ends.pop(broker, None)
        else:
            self._ends[broker] = end
        return was_away is (end is None)

    def clear(self) -> None:
        """Forget them: none of the list is there."""
        self._ends.clear()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ends)

    def __str__(self) -> str:
        """Return the first few with their reasons, and that there are more; "" for none."""
        named = (f"{broker} ({end})" for broker, end in self._ends.items())
        return first_few(named, len(self), MOST_NAMED)
