"""How many cars are lost, against a look at every car."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, Telemetry
from fleet_wire.contract.partial import PartialState
from fleet_wire.randomness import RandomStream
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import Labels, Session
from platform_probe.judge.diagnosis import census as module
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.census import HOLDS_S, CarCount, Census, CountsSince, is_lost_at
from platform_probe.judge.diagnosis.neighbours import ALL, Share

EVERY_S = 60.0
CARS, TALKATIVE = 60, 40
STEPS = 1_500
REGIONS, OPERATORS = ("north", "south"), ("a", "b", "c")
PLACES = (("region", "north"), ("operator", "a"))
HERE = ("region and operator", "north/a")
TELEMETRY = Telemetry(-80.0, 12.5, 0.0)
ONLINE = Presence(PresenceStatus.ONLINE, "one")
AWAY = [
    Presence(PresenceStatus.OFFLINE, "one", reason)
    for reason in (PresenceReason.LAST_WILL, PresenceReason.SLEEP, PresenceReason.SHUTDOWN)
]


class TalkingFleet:
    """Cars that tell something, one after the other; most send heartbeats all the time."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.cars = Fleet(CarHistory, most=CARS)
        self.stream = RandomStream.named(1, "fleet")
        for number in range(CARS):
            car = self.cars.car(f"car-{number}")
            car.take_presence(ONLINE, self.now_s, retained=False)
            self.rebuild(car, number)
            for at_s in (self.now_s - EVERY_S, self.now_s):
                car.take_telemetry(TELEMETRY, at_s)

    def step(self) -> None:
        """Let time pass, and something happen."""
        self.now_s += 2 * self.stream.uniform()
        number = int(self.stream.uniform() * TALKATIVE)
        vehicle_id = f"car-{number}"
        car = self.cars.car(vehicle_id)
        what = int(self.stream.uniform() * 12)
        happenings: tuple[Callable[[], object], ...] = (
            lambda: car.take_presence(ONLINE, self.now_s, retained=False),
            lambda: car.take_presence(AWAY[number % 3], self.now_s, retained=False),
            lambda: self.rebuild(car, number),
            lambda: self.cars.remove(vehicle_id),
        )
        if what < len(happenings):
            happenings[what]()
        else:
            car.take_telemetry(TELEMETRY, self.now_s)

    def rebuild(self, car: CarHistory, number: int) -> None:
        """Let a car say where it is, and what it has used."""
        region, operator = REGIONS[number % 2], OPERATORS[number % 3]
        state = PartialState(is_locked=True, region=region, operator=operator)
        car.take_state(state, self.now_s, retained=False)
        car.data_used_bytes = number

    # A look at every car

    def known(self) -> list[CarHistory]:
        """Return the cars of which presence is known."""
        return [car for car in self.cars.sample(CARS) if car.standing is not None]

    def lost(self) -> list[CarHistory]:
        """Return those that are lost."""
        return [car for car in self.known() if is_lost_at(car, self.now_s)]

    def heard(self, place: tuple[str, str], at_s: float) -> CarCount:
        """Return how many cars of a place were heard of after a moment."""
        times = []
        for car in self.known():
            region, operator = (dict(car.shared_traits).get(key) for key in ("region", "operator"))
            is_there = place in (ALL, ("region", region), (HERE[0], f"{region}/{operator}"))
            if is_there and car.standing is not Session.ASLEEP:
                online = [c.at_s for c in car.changes if c.session is Session.ONLINE]
                heard_s = car.heard_s or 0.0
                times.append((heard_s, online[-1] if online else 0.0))
        after = sorted(one for one in times if one[0] > at_s)
        kept = sum(connected_s <= at_s for _, connected_s in after[: module.MOST_KEPT])
        return CarCount(len(after), len(times), kept)


def test_a_count_finds_what_a_look_at_every_car_finds() -> None:
    """Whatever cars tell: lost or not, heard of or not."""
    fleet = TalkingFleet()
    census = Census(fleet.cars)
    counted_s, found = -HOLDS_S, 0
    for _ in range(STEPS):
        fleet.step()
        if fleet.now_s - counted_s < HOLDS_S:
            continue
        counted_s = fleet.now_s
        compared = census.at(fleet.now_s).compare(PLACES)
        lost, known = fleet.lost(), fleet.known()
        found += len(lost)
        assert compared[ALL].inside == Share(len(lost), len(known))
        for place in PLACES:
            inside = [car for car in known if place in car.shared_traits]
            failed = [car for car in lost if place in car.shared_traits]
            assert compared[place].inside == Share(len(failed), len(inside))
            assert compared[place].outside.total == len(known) - len(inside)
        for ago_s in (20.0, 3.0, 100.0, 30.0):
            at_s = fleet.now_s - ago_s
            places = (HERE, ("region", "north"), ALL)
            expected = CountsSince(*(fleet.heard(place, at_s) for place in places))
            assert census.counts_since(PLACES, at_s) == expected
    assert found > STEPS


def test_a_large_fleet_is_counted_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is spread evenly, and never larger than the limit."""
    monkeypatch.setattr(module, "MOST_CARS", 25)
    cars = Fleet(CarHistory, most=60)
    for number in range(60):
        car = CarHistory()
        car.take_presence(ONLINE if number % 2 else AWAY[0], 1.0, retained=False)
        cars.add(str(number), car)
    assert Census(cars).at(10.0).compare(())[ALL].inside == Share(10, 20)


def test_what_an_operators_lost_cars_have_used_is_held_against_its_own() -> None:
    """Another operator's plan is another one, and one car in ten may be lost for itself."""
    cars, each = Fleet(CarHistory, most=30), [CarHistory() for _ in range(30)]
    for number, car in enumerate(each):
        cars.add(str(number), car)
        car.labels = Labels(operator="a" if number < 20 else "b")
        is_lost = number < 11
        car.take_presence(AWAY[0] if is_lost else ONLINE, 1.0, retained=False)
        car.take_telemetry(TELEMETRY, 1.0)
        car.data_used_bytes = 100 if is_lost else 60 if number < 20 else 500
    each[0].data_used_bytes = 20
    census = Census(cars)
    census.at(10.0)
    assert census.used_when_lost((("operator", "a"),)) == (100, 100)
    assert census.used_when_lost((("operator", "b"),)) is None
    each[15].data_used_bytes = 120
    each[15].take_presence(ONLINE, 11.0, retained=False)
    census.at(20.0)
    assert census.used_when_lost((("operator", "a"),)) is None
