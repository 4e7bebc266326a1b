"""The last messages of each car, from which a judge resumes."""

from __future__ import annotations

from typing import Any

from fleet_wire.contract.partial import PartialState
from fleet_wire.contract.topics import TopicKind
from platform_probe.cars.state import CarState
from platform_probe.journal.entries import CarMessage
from platform_probe.judge.resuming import LastOfCars


def _state(at: float, vehicle_id: str = "car-1", **said: Any) -> CarMessage:
    return CarMessage(at, TopicKind.STATE, vehicle_id, PartialState(**said))


def test_cars_without_end_are_forgotten_in_turn() -> None:
    """Whoever makes up cars does not fill the memory; those first heard of go first."""
    cars = LastOfCars(most=2)
    for number in range(5):
        cars.add(_state(number, f"car-{number}", region="west"))
    cars.add(_state(5.0, "car-3", region="east"))
    assert [(each.vehicle_id, each.at) for each in cars.messages()] == [
        ("car-3", 5.0), ("car-4", 4.0),
    ]  # fmt: skip


def test_the_last_message_with_each_field_is_kept_in_order() -> None:
    """A car that combines its fields in ever other ways fills no memory, and is what it said."""
    cars, live = LastOfCars(), CarState()
    messages = [
        _state(1.0, firmware="1.0", region="west"), _state(2.0, region="east"),
        _state(3.0, firmware="2.0", region="north"), _state(4.0, operator="operator-a"),
    ]  # fmt: skip
    for each in messages:
        cars.add(each)
        live.take_state(each.message, each.at, retained=False)
    kept = cars.messages()
    assert [each.at for each in kept] == [3.0, 4.0]
    resumed = CarState()
    for each in kept:
        resumed.take_state(each.message, each.at, retained=True)
    assert resumed.labels == live.labels
