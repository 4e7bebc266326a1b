"""What is known about each car besides its answers, as the causes of unlocks need it.

This is what a cause is concluded from when an answer is missing. All times are seconds on the
probe's monotonic clock.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from fleet_wire.contract.messages import Presence, PresenceStatus, Telemetry, VehicleState
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from fleet_wire.profiles.profile import CONTRACT, WireTraits
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import UNKNOWN_LABELS, CarState, Session
from platform_probe.measure.attempts.broker_events import BrokerEvents

MAX_VEHICLES: Final = 2_000_000
"""Cars remembered; of more, some of those that were seen first are forgotten."""
NOTHING_KNOWN: Final = CarState()
"""Stands for a car that was never heard of. Never changed."""
_MAY_BE_LOST: Final = (Session.ONLINE, Session.WILL)


class FleetEvidence:
    """What is known about every car, with the counts that the gauges show."""

    def __init__(self, *, max_vehicles: int = MAX_VEHICLES, wire: WireTraits = CONTRACT) -> None:
        self.wire = wire
        """What can be known at all: which messages the fleet has."""
        self._cars = Fleet(CarState, most=max_vehicles)
        self.broker = BrokerEvents()
        """Broker log events by client, if the broker's log is followed."""
        self.reconnects: Counter[str | None] = Counter()
        """Reconnections by region, of boxes that had not said goodbye."""

    def __len__(self) -> int:
        return len(self._cars)

    @property
    def by_presence(self) -> Counter[str]:
        """Cars by presence."""
        counts: Counter[str] = Counter()
        for (_, presence, _), number in self._cars.alike.items():
            counts[presence.value] += number
        return counts

    @property
    def by_region(self) -> Counter[tuple[str | None, str]]:
        """Cars by region and presence."""
        counts: Counter[tuple[str | None, str]] = Counter()
        for (labels, presence, _), number in self._cars.alike.items():
            counts[labels.region, presence.value] += number
        return counts

    def state_of(self, vehicle_id: str) -> CarState:
        """Return what is known about a car. Not to be changed by the caller."""
        return self._cars.get(vehicle_id) or NOTHING_KNOWN

    def without_presence_or_state(self) -> int:
        """Return how many cars sent only one of the two messages that a broker retains of each.

        0 where the fleet does not have both, or says only a part of a state at a time.
        """
        if not self.wire.names_last_command:
            return 0
        return sum(
            (car.standing is None) != (car.labels is UNKNOWN_LABELS)
            for _, car in self._cars.items()
        )

    def forget(self, vehicle_id: str) -> None:
        """Forget a car: it is counted no longer."""
        self._cars.remove(vehicle_id)

    def add_answer(self, vehicle_id: str, now_s: float) -> None:
        """Note that the box sent something: an answer to a command."""
        self._cars.car(vehicle_id).take_sign_of_life(now_s)

    def telemetry(
        self, vehicle_id: str, telemetry: Telemetry | PartialTelemetry, now_s: float
    ) -> None:
        """Note a heartbeat."""
        self._cars.car(vehicle_id).take_telemetry(telemetry, now_s)

    def state(
        self, vehicle_id: str, state: VehicleState | PartialState, now_s: float, *, retained: bool
    ) -> None:
        """Note what the car is like."""
        self._cars.take_state(vehicle_id, state, now_s, retained=retained)

    def presence(
        self, vehicle_id: str, presence: Presence, now_s: float, *, retained: bool
    ) -> None:
        """Note whether the box holds a connection.

        A box that is back without a goodbye counts as reconnected: its connection was lost, or
        taken over.
        """
        car = self._cars.car(vehicle_id)
        is_back = not retained and presence.status is PresenceStatus.ONLINE
        if is_back and car.standing in _MAY_BE_LOST:
            self.reconnects[car.labels.region] += 1
        self._cars.take_presence(vehicle_id, presence, now_s, retained=retained)
