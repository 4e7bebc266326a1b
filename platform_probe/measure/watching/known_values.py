"""How many different regions, firmwares and the like cars and platform may name.

Counters, tests and searches downstream keep something of every value. Boxes send these values, so
they are bounded here, before anything else sees them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.messages import VehicleState
from fleet_wire.contract.partial import PartialState
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.series import Counter
from platform_probe.outputs.dimension import OF_CARS, OF_PLATFORM, OTHER, LabelValues

MOST_VALUES: Final = 1_000
"""Different values of a trait in a fleet; the largest fleets have some tens [E]."""
MOST_SITES: Final = 10_000
"""Stations and car parks [E]."""
SEEN_EVERY_S: Final = 60.0
"""Values that are named together are looked up once in this time: cars repeat themselves."""
MOST_TOGETHER: Final = 10_000
_of_car: Final = attrgetter(*OF_CARS)
_of_platform: Final = attrgetter(*OF_PLATFORM)

_T = TypeVar("_T", bound=msgspec.Struct)


class KnownValues:
    """Replaces a value by "other" where its fleet, or its car, has named too many."""

    def __init__(self, clock: Clock, capped: Mapping[str, Counter]) -> None:
        """Count each value that is replaced, by its trait."""
        self._clock = clock
        self._capped = capped
        self._places = {
            trait: LabelValues(most=MOST_SITES if trait == "site" else MOST_VALUES)
            for trait in (*OF_CARS, *OF_PLATFORM)
        }
        self._kept: set[tuple[str | None, ...]] = set()
        """Values that were named together of late, all of which are kept."""
        self._look_again_s = -math.inf

    def bound_state(
        self, state: VehicleState | PartialState, vehicle_id: str
    ) -> VehicleState | PartialState:
        """Return what a car says of itself, with values that are kept."""
        return self._bound(state, OF_CARS, _of_car(state), vehicle_id)

    def bound_event(self, event: PlatformEvent) -> PlatformEvent:
        """Return what the platform logs, with values that are kept."""
        return self._bound(event, OF_PLATFORM, _of_platform(event), "")

    def _bound(
        self, message: _T, traits: tuple[str, ...], values: tuple[str | None, ...], by: str
    ) -> _T:
        now_s = self._clock.unix_s()
        if now_s >= self._look_again_s or len(self._kept) >= MOST_TOGETHER:
            self._kept.clear()
            self._look_again_s = now_s + SEEN_EVERY_S
        if values in self._kept:  # nearly always
            return message
        capped: dict[str, Any] = {}
        for trait, value in zip(traits, values, strict=True):
            if value is None:
                continue
            if self._places[trait].label(value, now_s, by) == OTHER != value:
                capped[trait] = OTHER
                self._capped[trait].inc()
        if capped:
            return msgspec.structs.replace(message, **capped)
        self._kept.add(values)
        return message
