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
from platform_probe.judge.detection.traits import named
from platform_probe.judge.detection.waves import Waves

ONLINE = Presence(PresenceStatus.ONLINE, "s")
WILL = Presence(PresenceStatus.OFFLINE, "s", PresenceReason.LAST_WILL)


class _Watched(Waves):
    """The tests on a fleet whose cars say something."""

    def __init__(self, *, most: int = 10_000) -> None:
        super().__init__(count(1), Fleet(CarState, most=most))
        self._cars.on_lost = self.on_last_will

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


def test_cars_are_lost_whose_last_wills_give_no_reason() -> None:
    """As on a wire on which presence says no more than offline."""
    waves = _Watched()
    for number in range(40):
        waves.heard(f"{number}", ONLINE, 0.0, is_retained=True)
    waves.tick(0.0)
    for number in range(30):
        gone = Presence(PresenceStatus.OFFLINE, "s")
        waves.heard(f"{number}", gone, 1.0, is_retained=False)
    waves.tick(20.0)
    (wave,) = waves.sightings
    assert len(wave.cars) == 30


def test_cars_of_unknown_kind_are_not_elsewhere() -> None:
    """Forty cars of one region are lost; of a hundred others nobody knows the region."""
    waves = _Watched()
    for number in range(180):
        waves.heard(f"{number}", ONLINE, 0.0, is_retained=True)
        if number < 80:
            region = PartialState(region="north" if number < 40 else "south")
            waves.heard(f"{number}", region, 0.0, is_retained=True)
    waves.tick(0.0)
    for number in range(40):
        waves.heard(f"{number}", WILL, 1.0, is_retained=False)
    waves.tick(20.0)
    (wave,) = waves.sightings
    assert (wave.total, wave.elsewhere_total) == (40, 40)


def test_a_report_without_labels_erases_none() -> None:
    """Cars say their region once, and then their lock alone: it is their region all the same."""
    waves = _Watched()
    for number in range(80):
        waves.heard(f"{number}", ONLINE, 0.0, is_retained=True)
        region = PartialState(region="north" if number < 40 else "south")
        for part in (region, PartialState(is_locked=True)):
            waves.heard(f"{number}", part, 0.0, is_retained=True)
    waves.tick(0.0)
    for number in range(40):
        waves.heard(f"{number}", WILL, 1.0, is_retained=False)
    waves.tick(20.0)
    (wave,) = waves.sightings
    assert named(wave.key) == {"region": "north"}


def test_cars_that_are_lost_all_the_time_delay_no_wave() -> None:
    """A large fleet loses a car every half second, and forty of one region are lost together."""
    waves = _Watched()
    for number in range(2_000):
        waves.heard(f"{number}", ONLINE, 0.0, is_retained=True)
        region = PartialState(region="north" if number < 40 else "south")
        waves.heard(f"{number}", region, 0.0, is_retained=True)
    waves.tick(0.0)
    for number in range(40):
        waves.heard(f"{number}", WILL, 1.0, is_retained=False)
    for step in range(2, 24):
        waves.heard(f"{100 + step}", WILL, step / 2, is_retained=False)
        waves.tick(step / 2)
    (wave,) = waves.sightings
    assert {f"{number}" for number in range(40)} <= {*wave.cars}
