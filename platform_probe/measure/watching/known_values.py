"""How many different regions, firmwares and the like cars and platform may name.

Counters, tests and searches downstream keep something of every value. Boxes send these values, so
they are bounded here, before anything else sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    def bound_state(
        self, state: VehicleState | PartialState, vehicle_id: str
    ) -> VehicleState | PartialState:
        """Return what a car says of itself, with values that are kept."""
        return self._bound(state, OF_CARS, vehicle_id)

    def bound_event(self, event: PlatformEvent) -> PlatformEvent:
        """Return what the platform logs, with values that are kept."""
        return self._bound(event, OF_PLATFORM, "")

    def _bound(self, message: _T, traits: tuple[str, ...], by: str) -> _T:
        now_s = self._clock.unix_s()
        capped: dict[str, Any] = {}
        for trait in traits:
            value = getattr(message, trait)
            if value is None:
                continue
            if self._places[trait].label(value, now_s, by) == OTHER != value:
                capped[trait] = OTHER
                self._capped[trait].inc()
        return msgspec.structs.replace(message, **capped) if capped else message
