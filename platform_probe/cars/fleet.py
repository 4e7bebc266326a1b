"""The known cars, and how many of them are alike. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Generic, TypeVar

from fleet_wire.contract.messages import Presence, VehicleState
from fleet_wire.contract.partial import PartialState
from platform_probe.cars.state import MAX_KINDS, BoxPresence, CarState, Labels, Session

CarT = TypeVar("CarT", bound=CarState)
_Alike = tuple[Labels, BoxPresence, bool]


class Fleet(Generic[CarT]):
    """What is known of each car, in the order in which they were first heard of.

    Above `most` cars a hundredth is forgotten at once, those that were first heard of.
    """

    def __init__(self, make: Callable[[], CarT], *, most: int) -> None:
        self._make = make
        self._most = most
        self._cars: dict[str, CarT] = {}
        self.get: Callable[[str], CarT | None] = self._cars.get
        """Returns what is known of a car; None: nothing. The dict's own: each message calls it."""
        self.alike: Counter[_Alike] = Counter()
        """How many cars with a presence have the same labels, presence and connection."""
        self.on_lost: Callable[[str, float], None] = lambda _vehicle_id, _now_s: None
        """Called with each connected car whose last will comes, and when."""
        self.on_connected_anew: Callable[[str, float], None] = lambda _vehicle_id, _now_s: None
        """Called with each car that connects although it has not said goodbye, and when."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._cars)

    def __contains__(self, vehicle_id: object) -> bool:
        """Return whether a car is known."""
        return vehicle_id in self._cars

    def items(self) -> Iterable[tuple[str, CarT]]:
        """Return the cars by their ids."""
        return self._cars.items()

    def car(self, vehicle_id: str) -> CarT:
        """Return what is known of a car, which is known from now on."""
        car = self._cars.get(vehicle_id)
        if car is None:
            car = self._make()
            self.add(vehicle_id, car)
        return car

    def add(self, vehicle_id: str, car: CarT) -> None:
        """Add a car that was not known."""
        if len(self._cars) >= self._most:
            for oldest in [*islice(self._cars, self._most // 100 + 1)]:
                self.remove(oldest)
        self._cars[vehicle_id] = car
        self._recount(car)

    def remove(self, vehicle_id: str) -> None:
        """Forget a car: it is counted no longer."""
        car = self._cars.pop(vehicle_id, None)
        if car is not None:
            self._count(car, None)

    def sample(self, most: int) -> list[CarT]:
        """Return some cars out of many, evenly, `most` of them at most; or all."""
        step = max(-(-len(self._cars) // most), 1)
        return [*islice(self._cars.values(), 0, None, step)]

    def take_presence(
        self, vehicle_id: str, presence: Presence, now_s: float, *, retained: bool
    ) -> Session:
        """Note a presence message, and return what it means."""
        car = self.car(vehicle_id)
        was_connected, before, session_id = car.is_connected, car.standing, car.session_id
        session = car.take_presence(presence, now_s, retained=retained)
        self._recount(car)
        if retained:
            return session
        if was_connected and session is Session.WILL:
            self.on_lost(vehicle_id, now_s)
        elif session is Session.ONLINE and (
            before is Session.WILL or (was_connected and session_id != car.session_id)
        ):
            self.on_connected_anew(vehicle_id, now_s)
        return session

    def take_state(
        self, vehicle_id: str, state: VehicleState | PartialState, now_s: float, *, retained: bool
    ) -> bool:
        """Note what a car is like; return whether anything of it has moved."""
        car = self.car(vehicle_id)
        labels = car.labels
        has_moved = car.take_state(state, now_s, retained=retained)
        if car.labels is not labels:
            self._recount(car)
        return has_moved

    def _recount(self, car: CarT) -> None:
        presence = car.presence
        self._count(
            car,
            None if presence is None else _interned_kind(car.labels, presence, car.is_connected),
        )

    def _count(self, car: CarT, alike: _Alike | None) -> None:
        """Count a car with those that are alike; a kind without any is forgotten."""
        before, car.counted_as = car.counted_as, alike
        if before == alike:
            return
        if before is not None:
            self.alike[before] -= 1
            if not self.alike[before]:
                del self.alike[before]
        if alike is not None:
            self.alike[alike] += 1


@lru_cache(maxsize=MAX_KINDS)
def _interned_kind(labels: Labels, presence: BoxPresence, is_connected: bool) -> _Alike:  # noqa: FBT001 - in order
    """Return one and the same object for all cars that are alike."""
    return labels, presence, is_connected
