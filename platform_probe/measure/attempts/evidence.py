"""What is known about each car besides its answers: presence, last signs of life, build.

This is what a cause is concluded from when an answer is missing. All times are seconds on the
probe's monotonic clock. A retained message tells what was true before the probe connected, so it
sets facts but no times.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from fleet_wire.contract.messages import (
    Presence,
    PresenceReason,
    PresenceStatus,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from fleet_wire.profiles.profile import CONTRACT, WireTraits
from platform_probe.measure.attempts.broker_events import BrokerEvents

MAX_VEHICLES: Final = 2_000_000
"""Cars remembered; of more, some of those that were seen first are forgotten."""


class BoxPresence(StrEnum):
    """Presence as it matters here: a box that said goodbye to sleep can be woken."""

    ONLINE = "online"
    ASLEEP = "asleep"
    OFFLINE = "offline"


class Build(NamedTuple):
    """The kind of a car: the dimensions by which failures are compared.

    Shared between equal cars.
    """

    region: str | None = None
    operator: str | None = None
    firmware: str | None = None
    hardware: str | None = None
    site: str | None = None


UNKNOWN_BUILD: Final = Build()
"""The build of a car that has not sent its state yet."""


class VehicleEvidence:
    """What is known about one car."""

    __slots__ = (
        "build",
        "heard_s",
        "heartbeat_s",
        "is_locked",
        "offline_reason",
        "presence",
        "presence_changed_s",
        "voltage_v",
    )

    def __init__(self) -> None:
        self.presence: BoxPresence | None = None
        self.presence_changed_s: float | None = None
        self.offline_reason: PresenceReason | None = None
        self.heard_s: float | None = None
        """When the box itself last sent anything; its last will does not count."""
        self.heartbeat_s: float | None = None
        self.is_locked: bool | None = None
        self.voltage_v: float | None = None
        self.build = UNKNOWN_BUILD

    def take_telemetry(self, telemetry: Telemetry | PartialTelemetry, now_s: float) -> None:
        """Add a heartbeat: it alone reports a battery that runs down."""
        self.heard_s = self.heartbeat_s = now_s
        if telemetry.voltage_v is not None:
            self.voltage_v = telemetry.voltage_v


NOTHING_KNOWN: Final = VehicleEvidence()
"""Stands for a car that was never heard of. Never changed."""


class FleetEvidence:
    """What is known about every car, with the counts that the gauges show."""

    def __init__(self, *, max_vehicles: int = MAX_VEHICLES, wire: WireTraits = CONTRACT) -> None:
        self.wire = wire
        """What can be known at all: which messages the fleet has."""
        self._max_vehicles = max_vehicles
        self._vehicles: dict[str, VehicleEvidence] = {}
        self._builds: dict[Build, Build] = {}
        self.by_presence: Counter[str] = Counter()
        self.by_region: Counter[tuple[str | None, str]] = Counter()
        """Cars by region and presence."""
        self.broker = BrokerEvents()
        """Broker log events by client, if the broker's log is followed."""
        self.reconnects: Counter[str | None] = Counter()
        """Reconnections by region, of boxes that had not said goodbye."""

    def __len__(self) -> int:
        return len(self._vehicles)

    def of(self, vehicle_id: str) -> VehicleEvidence:
        """Return what is known about a car. Not to be changed by the caller."""
        return self._vehicles.get(vehicle_id, NOTHING_KNOWN)

    def without_presence_or_state(self) -> int:
        """Return how many cars sent only one of the two messages that a broker retains of each.

        None where the fleet does not have both, or says only a part of a state at a time.
        """
        if not self.wire.names_last_command:
            return 0
        return sum(
            (vehicle.presence is None) != (vehicle.build is UNKNOWN_BUILD)
            for vehicle in self._vehicles.values()
        )

    def forget(self, vehicle_id: str) -> None:
        """Forget a car: it is counted no longer."""
        vehicle = self._vehicles.pop(vehicle_id, None)
        if vehicle is not None:
            self._count(vehicle, -1)

    def heard(self, vehicle_id: str, now_s: float) -> None:
        """Note that the box sent something: an answer to a command."""
        self._vehicle(vehicle_id).heard_s = now_s

    def telemetry(
        self, vehicle_id: str, telemetry: Telemetry | PartialTelemetry, now_s: float
    ) -> None:
        """Note a heartbeat."""
        self._vehicle(vehicle_id).take_telemetry(telemetry, now_s)

    def state(
        self, vehicle_id: str, state: VehicleState | PartialState, now_s: float, *, retained: bool
    ) -> None:
        """Note what the car is like; what a message does not say stays as it was."""
        vehicle = self._vehicle(vehicle_id)
        if state.is_locked is not None:
            vehicle.is_locked = state.is_locked
        if state.voltage_v is not None:
            vehicle.voltage_v = state.voltage_v
        if not retained:
            vehicle.heard_s = now_s
        build = Build(state.region, state.operator, state.firmware, state.hardware, state.site)
        if isinstance(state, PartialState):
            known = zip(build, vehicle.build, strict=True)
            build = Build(*(old if new is None else new for new, old in known))
        if build != vehicle.build:
            self._count(vehicle, -1)
            vehicle.build = self._shared(build)
            self._count(vehicle, 1)

    def presence(
        self, vehicle_id: str, presence: Presence, now_s: float, *, retained: bool
    ) -> None:
        """Note whether the box holds a connection."""
        vehicle = self._vehicle(vehicle_id)
        if not retained:
            self._count_reconnect(vehicle, presence)
            vehicle.presence_changed_s = now_s
            if not presence.is_last_will:
                vehicle.heard_s = now_s
        self._count(vehicle, -1)
        vehicle.presence = _box_presence(presence)
        vehicle.offline_reason = presence.reason
        self._count(vehicle, 1)

    def _vehicle(self, vehicle_id: str) -> VehicleEvidence:
        vehicle = self._vehicles.get(vehicle_id)
        if vehicle is None:
            if len(self._vehicles) >= self._max_vehicles:
                for oldest in [*islice(self._vehicles, self._max_vehicles // 100 + 1)]:
                    self.forget(oldest)
            vehicle = self._vehicles[vehicle_id] = VehicleEvidence()
        return vehicle

    def _count_reconnect(self, vehicle: VehicleEvidence, presence: Presence) -> None:
        """Count a box that is back without a goodbye: its connection was lost, or taken over."""
        said_goodbye = vehicle.offline_reason is PresenceReason.SHUTDOWN
        was_lost = vehicle.presence is BoxPresence.ONLINE or (
            vehicle.presence is BoxPresence.OFFLINE and not said_goodbye
        )
        if was_lost and presence.status is PresenceStatus.ONLINE:
            self.reconnects[vehicle.build.region] += 1

    def _shared(self, build: Build) -> Build:
        if len(self._builds) > self._max_vehicles:
            self._builds.clear()
        return self._builds.setdefault(build, build)

    def _count(self, vehicle: VehicleEvidence, step: int) -> None:
        if vehicle.presence is None:
            return
        self.by_presence[vehicle.presence.value] += step
        place = vehicle.build.region, vehicle.presence.value
        self.by_region[place] += step
        if not self.by_region[place]:
            del self.by_region[place]


def _box_presence(presence: Presence) -> BoxPresence:
    if presence.status is PresenceStatus.ONLINE:
        return BoxPresence.ONLINE
    if presence.reason is PresenceReason.SLEEP:
        return BoxPresence.ASLEEP
    return BoxPresence.OFFLINE
