"""How many cars are lost, and what those have in common."""

from __future__ import annotations

import pytest

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, Telemetry
from fleet_wire.contract.partial import PartialState
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import Labels
from platform_probe.judge.diagnosis import census as module
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.census import Census
from platform_probe.judge.diagnosis.neighbours import ALL, Share

HERE = (("region", "north"), ("operator", "a"))
TELEMETRY = Telemetry(-80.0, 12.5, 0.0)
ONLINE = Presence(PresenceStatus.ONLINE, "one")
LOST = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.LAST_WILL)
ASLEEP = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.SLEEP)


def test_lost_cars_are_counted_by_what_they_share() -> None:
    """One that sleeps is not lost, and is not expected to be heard of; of strangers nothing is."""
    cars = Fleet(CarHistory, most=10)
    for number, (region, said, heard_s) in enumerate(
        [
            ("north", LOST, 1.0), ("north", ONLINE, 8.0), ("north", ASLEEP, 1.0),
            ("south", LOST, 1.0), ("south", ONLINE, 8.0), ("south", ONLINE, 4.0),
        ]
    ):  # fmt: skip
        car = cars.car(f"car-{number}")
        car.take_presence(ONLINE, 1.0, retained=False)
        car.take_state(PartialState(region=region, operator="a"), 1.0, retained=False)
        car.take_telemetry(TELEMETRY, heard_s)
        car.take_presence(said, heard_s, retained=False)
    cars.car("stranger").take_telemetry(TELEMETRY, 9.0)
    census = Census(cars).at(10.0)
    compared = census.compare(HERE)
    assert compared[ALL].inside == Share(2, 6)
    assert compared[HERE[0]] == (Share(1, 3), Share(1, 3))
    assert compared[HERE[1]].inside == Share(2, 6)
    here, in_region, everywhere = census.counts_since(HERE, 5.0)
    assert [(one.heard, one.total) for one in (here, in_region)] == [(1, 2), (1, 2)]
    assert (everywhere.heard, everywhere.total) == (2, 5)


def test_a_large_fleet_is_counted_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is spread evenly, and never larger than the limit."""
    monkeypatch.setattr(module, "MOST_CARS", 25)
    cars = Fleet(CarHistory, most=60)
    for number in range(60):
        car = CarHistory()
        car.take_presence(ONLINE if number % 2 else LOST, 1.0, retained=False)
        cars.add(str(number), car)
    assert Census(cars).at(10.0).compare(())[ALL].inside == Share(10, 20)


def test_what_an_operators_lost_cars_have_used_is_held_against_its_own() -> None:
    """Another operator's plan is another one, and one car in ten may be lost for itself."""
    cars, each = Fleet(CarHistory, most=30), [CarHistory() for _ in range(30)]
    for number, car in enumerate(each):
        cars.add(str(number), car)
        car.labels = Labels(operator="a" if number < 20 else "b")
        is_lost = number < 11
        car.take_presence(LOST if is_lost else ONLINE, 1.0, retained=False)
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
