"""A fleet to have incidents in: what its cars and phones are, and how they fail on a usual day.

Sizes and shares are drawn anew for each fleet. They are estimates [E], wide enough to hold a town's
fleet of two hundred cars and a country's of three thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fleet_wire.randomness import RandomStream

TRAITS: Final = (
    "region",
    "site",
    "operator",
    "firmware",
    "hardware",
    "app_version",
    "endpoint",
    "api_release",
)
Values = tuple[str, ...]
ChoiceT = TypeVar("ChoiceT")


@dataclass(slots=True)
class Car:
    """A car, and what of it never changes while we look."""

    vehicle_id: str
    region: str
    site: str
    operator: str
    firmware: str
    hardware: str
    failing: float
    """The share of its unlocks that fail on a usual day."""


@dataclass(slots=True)
class Phones:
    """What customers' apps and the platform behind them are, by share."""

    versions: list[tuple[str, float]]
    new_endpoint_since: int
    """The place of the first app version that asks the new endpoint."""
    new_release: float
    """The share of requests that the new release of the API answers."""

    def draw(self, stream: RandomStream) -> Values:
        """Return app version, endpoint and API release of a request."""
        version = weighted(self.versions, stream)
        place = [name for name, _ in self.versions].index(version)
        is_new = (place >= self.new_endpoint_since) is (stream.uniform() < 0.95)
        release = "2026.11" if stream.uniform() < self.new_release else "2026.10"
        return version, "/v2/unlocks" if is_new else "/v1/unlock", release


@dataclass(slots=True)
class Fleet:
    """Cars, and the phones that open them."""

    cars: list[Car]
    phones: Phones
    failing: float
    """The share of unlocks that fail on a usual day, of most cars."""
    values: dict[str, Values] = field(default_factory=dict)
    """The traits of each car, by its id: those of `TRAITS` that a car has."""


def weighted(choices: Sequence[tuple[ChoiceT, float]], stream: RandomStream) -> ChoiceT:
    """Return one of the choices, by their weights."""
    left = stream.uniform() * sum(weight for _, weight in choices)
    for choice, weight in choices:
        left -= weight
        if left < 0.0:
            return choice
    return choices[-1][0]


def _falling(names: Sequence[str], stream: RandomStream) -> list[tuple[str, float]]:
    """Return names with weights: the first few have most, as towns, operators and versions do."""
    return [
        (name, (0.5 + stream.uniform()) / (place + 1) ** 0.8) for place, name in enumerate(names)
    ]


def _names(kind: str, stream: RandomStream, least: int, most: int) -> list[str]:
    return [f"{kind}-{number}" for number in range(least + stream.index(most - least + 1))]


def make_fleet(stream: RandomStream) -> Fleet:
    """Return a fleet: 200 to 3,000 cars in 3 to 10 regions with 3 to 12 sites each."""
    regions = _falling(_names("region", stream, 3, 10), stream)
    sites = {
        region: _falling([f"{region}/{name}" for name in _names("site", stream, 3, 12)], stream)
        for region, _ in regions
    }
    operator_names = _names("operator", stream, 2, 4)
    operators = {region: _falling(operator_names, stream) for region, _ in regions}
    hardware = _falling(_names("tcu", stream, 2, 4), stream)
    firmware_names = _names("fw", stream, 3, 6)
    firmware = {model: _falling(firmware_names, stream) for model, _ in hardware}
    failing = stream.between(0.005, 0.04)
    worse = {
        site: stream.between(3.0, 8.0) if stream.uniform() < 0.1 else 1.0
        for in_region in sites.values()
        for site, _ in in_region
    }
    cars = []
    for number in range(round(200 * 15 ** stream.uniform())):
        region = weighted(regions, stream)
        site = weighted(sites[region], stream)
        model = weighted(hardware, stream)
        is_sick = stream.uniform() < 0.005
        cars.append(
            Car(
                f"car-{number}",
                region,
                site,
                weighted(operators[region], stream),
                weighted(firmware[model], stream),
                model,
                0.7 if is_sick else min(0.3, failing * worse[site]),
            )
        )
    versions = _falling(_names("app", stream, 3, 6), stream)
    phones = Phones(versions, stream.index(len(versions)), stream.between(0.05, 0.6))
    values: dict[str, Values] = {
        car.vehicle_id: (car.region, car.site, car.operator, car.firmware, car.hardware)
        for car in cars
    }
    return Fleet(cars, phones, failing, values)
