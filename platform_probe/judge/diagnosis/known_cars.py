"""The cars that are known. Those of which a broker has only retained something take little room.

When a monitor of a large fleet connects, brokers send presence and state of each car. Most cars
send nothing more for a long while. No I/O.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from sys import intern

import msgspec

from fleet_wire.contract.messages import Presence, VehicleState
from platform_probe.judge.diagnosis.car_history import MAX_KINDS, CarHistory

_Kind = tuple[str, ...]
"""The traits that many cars share: firmware, hardware, operator and region."""


class Retained(msgspec.Struct, gc=False):
    """The retained messages of a car, about 250 bytes instead of 700 of its history."""

    presence: Presence | None = None
    state_s: float = 0.0
    """When the state came, on the monitor's monotonic clock."""
    kind: _Kind | None = None
    """None: no state has come."""
    is_locked: bool = False
    is_open: bool = False
    voltage_v: float = 0.0
    last_command_id: str | None = None
    signals: dict[str, bool | str] | None = None
    technology: str | None = None

    def take_state(self, state: VehicleState, now_s: float) -> None:
        """Keep a retained state, the first one."""
        self.state_s = now_s
        self.kind = _shared(state.firmware, state.hardware, state.operator, state.region)
        self.is_locked, self.is_open = state.is_locked, state.is_open
        self.voltage_v = state.voltage_v
        self.last_command_id, self.signals = state.last_command_id, state.signals
        self.technology = None if state.technology is None else intern(state.technology)

    def history(self) -> CarHistory:
        """Return what it says as the history of a car."""
        car = CarHistory()
        if self.presence is not None:
            car.take_presence(self.presence, self.state_s, retained=True)
        if self.kind is not None:
            firmware, hardware, operator, region = self.kind
            state = VehicleState(
                is_locked=self.is_locked,
                is_open=self.is_open,
                voltage_v=self.voltage_v,
                firmware=firmware,
                hardware=hardware,
                operator=operator,
                region=region,
                last_command_id=self.last_command_id,
                signals=self.signals,
                technology=self.technology,
            )
            car.take_state(state, self.state_s, retained=True)
        return car


@lru_cache(maxsize=MAX_KINDS)
def _shared(*kind: str) -> _Kind:
    """Return one and the same object for all cars that are alike."""
    return kind


class KnownCars:
    """What is known of each car, in the order in which they were first heard of.

    Above `most` cars a hundredth is forgotten at once, those that were first heard of.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._cars: dict[str, CarHistory | Retained] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._cars)

    def __contains__(self, vehicle_id: object) -> bool:
        """Return whether a car is known."""
        return vehicle_id in self._cars

    def get(self, vehicle_id: str) -> CarHistory | None:
        """Return what is known of a car; None: nothing."""
        car = self._cars.get(vehicle_id)
        if type(car) is CarHistory:
            return car
        return None if car is None else self._opened(vehicle_id, car)

    def add(self, vehicle_id: str, car: CarHistory) -> None:
        """Know a car that was not known."""
        self._put(vehicle_id, car)

    def retained(self, vehicle_id: str) -> Retained | None:
        """Return where to keep what is retained of a car; None: more than that is known of it."""
        car = self._cars.get(vehicle_id)
        if car is None:
            car = Retained()
            self._put(vehicle_id, car)
        return car if type(car) is Retained else None

    def remove(self, vehicle_id: str) -> None:
        """Forget a car."""
        self._cars.pop(vehicle_id, None)

    def sample(self, most: int) -> list[CarHistory]:
        """Return some cars out of many, evenly, `most` of them at most; or all."""
        cars, step = self._cars, max(-(-len(self._cars) // most), 1)
        return [self._opened(each, cars[each]) for each in [*islice(cars, 0, None, step)]]

    def _opened(self, vehicle_id: str, car: CarHistory | Retained) -> CarHistory:
        if isinstance(car, CarHistory):
            return car
        history = self._cars[vehicle_id] = car.history()
        return history

    def _put(self, vehicle_id: str, car: CarHistory | Retained) -> None:
        if len(self._cars) >= self._most:
            for oldest in [*islice(self._cars, self._most // 100 + 1)]:
                self.remove(oldest)
        self._cars[vehicle_id] = car
