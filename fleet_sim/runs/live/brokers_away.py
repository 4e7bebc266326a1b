"""Which brokers of a list none of their boxes is connected to: said once of each, with the reason.

Boxes tell it, and nobody else: a client of its own might be let in where they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from fleet_sim.cars.box import Box
from fleet_wire.links.brokers import Brokers, broker_of
from fleet_wire.links.link import Disconnected

AWAY_AFTER_S: Final = 2.0
"""A broker that is started again, or starts beside the boxes, is not worth a word."""

BrokerStates = Mapping[int, str]
"""The connection of each broker, by its index in the list: "" if a box is connected, else the
reason of the last failure. A broker that no box has tried is missing."""


class BoxesAtBrokers:
    """The boxes of a process by their broker, and why one could not connect last."""

    def __init__(self, brokers: int) -> None:
        self._boxes: list[list[Box]] = [[] for _ in range(brokers)]
        self._ends: dict[int, tuple[str, Disconnected]] = {}

    def add(self, boxes: Iterable[Box]) -> None:
        """Register the boxes, once they are made."""
        for box in boxes:
            self._boxes[broker_of(box.vehicle_id, len(self._boxes))].append(box)

    def record_failure(self, vehicle_id: str, end: Disconnected) -> None:
        """Record that a box could not connect, and why."""
        self._ends[broker_of(vehicle_id, len(self._boxes))] = vehicle_id, end

    def states(self, why: Callable[[Disconnected], str]) -> dict[int, str]:
        """Return how it is with each broker now; `why` puts an end into words."""
        states: dict[int, str] = {}
        for place, boxes in enumerate(self._boxes):
            if any(box.modem.connection.is_up for box in boxes):
                states[place] = ""
                self._ends.pop(place, None)
            elif place in self._ends:
                vehicle_id, end = self._ends[place]
                if any(box.vehicle_id == vehicle_id and not box.is_asleep for box in boxes):
                    states[place] = why(end)
        return states


def merge_states(each: Iterable[BrokerStates]) -> dict[int, str]:
    """Return the states that several processes have seen as one: a broker is there for all."""
    states: dict[int, str] = {}
    for one in each:
        for place, why in one.items():
            states[place] = why and states.get(place, why)
    return states


class BrokersAway:
    """Says once that a broker is away, and once that it is back."""

    def __init__(self, brokers: Brokers, note: Callable[[str], None]) -> None:
        self._brokers = brokers
        self._note = note
        self._since_s: dict[int, float] = {}
        self._said: set[int] = set()

    def update(self, states: BrokerStates, now_s: float) -> None:
        """Handle the present states of the brokers."""
        for place, why in states.items():
            address = self._brokers.addresses[place]
            if not why:
                self._since_s.pop(place, None)
                if place in self._said:
                    self._said.discard(place)
                    self._note(f"broker {address}: boxes connect to it now")
                continue
            away_s = now_s - self._since_s.setdefault(place, now_s)
            if away_s >= AWAY_AFTER_S and place not in self._said:
                self._said.add(place)
                self._note(f"broker {address}: none of its boxes is connected: {why}")
