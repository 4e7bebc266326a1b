"""What is known of cars that may be lost together is bounded."""

from __future__ import annotations

from itertools import count

import pytest

from fleet_wire.contract.incident import IncidentKind
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.contract.partial import PartialState
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import CarState
from platform_probe.judge.detection import waves as module
from platform_probe.judge.detection.waves import Waves

ONLINE = Presence(PresenceStatus.ONLINE, "s")
WILL = Presence(PresenceStatus.OFFLINE, "s", PresenceReason.LAST_WILL)


class _Watched(Waves):
    """The tests on a fleet whose cars say something."""

    def __init__(self, *, most: int = 10_000) -> None:
        super().__init__(count(1), Fleet(CarState, most=most))
        self._cars.on_lost = self.on_lost

    def heard(
        self, vehicle_id: str, message: Presence | PartialState, now_s: float, *, is_retained: bool
    ) -> None:
        """Let a car say something."""
        if isinstance(message, Presence):
            self._cars.take_presence(vehicle_id, message, now_s, retained=is_retained)
        else:
            self._cars.take_state(vehicle_id, message, now_s, retained=is_retained)


def test_of_too_many_cars_the_first_are_forgotten() -> None:
    """Cars that somebody makes up cost no more memory, and the others are watched as before."""
    waves = _Watched(most=1_000)
    for number in range(1_500):
        waves.heard(f"{number}", ONLINE, 0.0, is_retained=True)
    waves.tick(0.0)
    for number in range(600, 900):
        waves.heard(f"{number}", WILL, 1.0, is_retained=False)
    waves.tick(20.0)
    (wave,) = waves.sightings
    assert wave.kind is IncidentKind.CARS_LOST
    assert (len(wave.cars), wave.total) == (300, len(waves._cars))


def test_a_car_that_keeps_changing_leaves_no_kinds_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only kinds of cars that are connected are kept, and only so many cohorts are tested."""
    monkeypatch.setattr(module, "MOST_COHORTS", 50)
    waves = _Watched()
    for number in range(500):
        state = PartialState(region=f"r{number}", operator=f"o{number}", firmware=f"f{number}")
        waves.heard("car", state, number, is_retained=False)
        waves.heard("car", ONLINE, number, is_retained=False)
        waves.heard("another", ONLINE, number, is_retained=False)
        waves.heard("car" if number % 2 else "another", WILL, number * 700.0, is_retained=False)
        waves.tick(number * 700.0)
        assert len(waves._cars.alike) <= 2
        assert len(waves._tests) <= 50
    assert waves._tests
