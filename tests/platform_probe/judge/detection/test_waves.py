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
from platform_probe.judge.detection.waves import STABLE_S, Flapping, Waves

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


class _Links:
    """Sixty cars whose connections are watched for a while."""

    def __init__(self) -> None:
        self.cars: Fleet[CarState] = Fleet(CarState, most=1_000)
        self.flapping = Flapping(count(1), self.cars)
        self.cars.on_connected_anew = self.flapping.on_connected_anew
        for number in range(60):
            self.cars.take_presence(f"{number}", ONLINE, 0.0, retained=True)

    def connect(self, cars: int, *, times: int, every_s: float, bye: Presence | None) -> float:
        """Let some cars connect again, with a message before or another session; return when."""
        now_s = 0.0
        for time in range(times):
            now_s = 60.0 + time * every_s
            for number in range(cars):
                if bye is not None:
                    self.cars.take_presence(f"{number}", bye, now_s, retained=False)
                online = Presence(PresenceStatus.ONLINE, "s" if bye else f"s{time}")
                self.cars.take_presence(f"{number}", online, now_s + 1.0, retained=False)
            self.flapping.waves.tick(now_s + 2.0)
        self.flapping.waves.tick(now_s + 20.0)
        self.flapping.waves.tick(now_s + 20.0)
        return now_s


@pytest.mark.parametrize("bye", [WILL, None], ids=["a last will", "another session"])
def test_cars_that_connect_again_and_again_are_one_problem(bye: Presence | None) -> None:
    """A broker tells of the older of two boxes by its last will, or by the new session alone."""
    links = _Links()
    last_s = links.connect(7, times=6, every_s=7.0, bye=bye)
    (found,) = links.flapping.waves.sightings
    assert (found.what, found.failed, found.total) == ("flapping", 7, 60)
    assert not found.is_over
    links.flapping.waves.tick(last_s + STABLE_S + 20.0)
    assert found.is_over


@pytest.mark.parametrize(
    ("cars", "times", "every_s", "bye"),
    [
        (2, 20, 7.0, WILL),
        (60, 2, 7.0, WILL),
        (7, 20, 400.0, WILL),
        (7, 20, 7.0, Presence(PresenceStatus.OFFLINE, "s", PresenceReason.SLEEP)),
    ],
    ids=["two sick cars", "a restart of the broker", "now and then", "they sleep"],
)
def test_that_is_no_flapping(cars: int, times: int, every_s: float, bye: Presence) -> None:
    """Single cars do so on any day, and many cars once."""
    links = _Links()
    links.connect(cars, times=times, every_s=every_s, bye=bye)
    assert not links.flapping.waves.sightings
