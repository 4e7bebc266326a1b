"""Incidents of our own making, by seed: unlocks of a fleet, and which cohort of them was struck.

Each number gives the same incident. A third have no cohort: nothing happens, a few cars are sick,
all fail alike, a place is as bad as ever, or one region has a busy hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bench.cohorts.fleet import TRAITS, Car, Values, make_fleet, weighted
from fleet_wire.randomness import RandomStream
from platform_probe.judge.diagnosis.cohorts.counts import Count

Names = frozenset[tuple[str, str]]
"""A cohort: names of traits and their values."""

EPOCH: Final = 1_767_225_600.0
"""When every history begins, Unix seconds."""
LEAST_STRUCK: Final = 6
"""Cars that fail by the incident, at least: with fewer nobody could say."""
LEAST_BESIDE: Final = 8
"""Attempts in each parent of the cohort that are not in it, at least: else the two are one."""
_MOST_SHARE: Final = 0.7
"""Of the window's unlocks, at most: a cohort of nearly all is everywhere."""
_TRIES: Final = 100
_LEAST_PER_S: Final = 3.0 / 60.0
"""Unlocks of the quietest fleet; the busiest has ten times as many."""
_MOST_UNLOCKS: Final = 6_000.0
"""In one history."""
_PRESSES: Final = 3
_PRESSES_AGAIN: Final = 0.6
"""How many customers try again after a failure. [E]"""
_STAYS: Final = 0.5
"""How often what failed on a usual day fails again a minute later. [E]"""


class Kind(StrEnum):
    """What happens."""

    COHORT = "cohort"
    TWO_COHORTS = "two cohorts"
    QUIET = "quiet"
    SICK_CARS = "sick cars"
    EVERYWHERE = "everywhere"
    BAD_PLACE = "bad place"
    BUSY_REGION = "busy region"


_KINDS: Final = (
    (Kind.COHORT, 0.60),
    (Kind.TWO_COHORTS, 0.07),
    (Kind.QUIET, 0.07),
    (Kind.SICK_CARS, 0.07),
    (Kind.EVERYWHERE, 0.07),
    (Kind.BAD_PLACE, 0.06),
    (Kind.BUSY_REGION, 0.06),
)


@dataclass(slots=True)
class Incident:
    """What the search gets, and what it should find."""

    number: int
    kind: Kind
    counts: list[Count]
    since: float
    """The guess that the search is given."""
    began_at: float
    cohorts: tuple[Names, ...] = ()


@dataclass(slots=True)
class Unlock:
    """A customer at a car, who may press more than once."""

    at: float
    car: Car
    values: Values
    chance: float
    """A number from 0 to 1 by which it fails or not on a usual day."""


@dataclass(slots=True)
class Struck:
    """A cohort, and how hard it is struck."""

    names: Names
    severity: float
    """The share of its cars, or of the attempts of each, that fail."""
    by_car: bool
    places: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {TRAITS.index(name): value for name, value in self.names}

    def has(self, values: Values) -> bool:
        """Return whether attempts of these values are in it."""
        return all(values[place] == value for place, value in self.places.items())

    def fails(self, car: Car, stream: RandomStream) -> bool:
        """Return whether it makes an attempt of this car fail."""
        if not self.by_car:
            return stream.uniform() < self.severity
        return RandomStream.named(0, f"{car.vehicle_id} {self.severity}").constant() < self.severity


def make_incident(seed: int, number: int) -> Incident:
    """Return the incident of this number: its kind, in a fleet where it can be told."""
    kind = weighted(_KINDS, RandomStream.named(seed, f"incident-{number}"))
    fleets = (RandomStream.named(seed, f"incident-{number}/{one}") for one in range(1_000))
    made = (_Maker(stream, number, kind).make() for stream in fleets)
    return next(incident for incident in made if incident is not None)


class _Maker:
    """Makes one incident: who is at which car, then what fails."""

    def __init__(self, stream: RandomStream, number: int, kind: Kind) -> None:
        self._stream = stream
        self._number = number
        self._kind = kind
        self._fleet = make_fleet(stream)
        length_s = stream.between(15.0, 90.0) * 60.0
        self._began_at = EPOCH + stream.between(3.0, 6.0) * 3600.0
        self._ends_at = self._began_at + length_s
        most_per_s = _MOST_UNLOCKS / (self._ends_at - EPOCH)
        self._rate_per_s = min(_LEAST_PER_S * 10.0 ** stream.uniform(), most_per_s)

    def make(self) -> Incident | None:
        """Return the incident; None where nobody could tell its cohort."""
        stream = self._stream
        unlocks = self._usual_unlocks()
        struck: tuple[Struck, ...] = ()
        if self._kind is Kind.EVERYWHERE:
            everything = Struck(frozenset(), stream.between(0.1, 0.6), by_car=False)
            counts = self._counts(unlocks, (everything,))
        else:
            if self._kind is Kind.SICK_CARS:
                self._make_cars_sick(unlocks)
            elif self._kind is Kind.BAD_PLACE:
                self._make_a_place_bad()
            elif self._kind is Kind.BUSY_REGION:
                self._make_a_region_busy(unlocks)
            elif self._kind in (Kind.COHORT, Kind.TWO_COHORTS):
                struck = self._strike(unlocks)
                if not struck:
                    return None
            counts = self._counts(unlocks, struck)
        since = self._began_at + stream.between(-15.0, 10.0) * 60.0
        names = tuple(one.names for one in struck)
        return Incident(self._number, self._kind, counts, since, self._began_at, names)

    def _usual_unlocks(self) -> list[Unlock]:
        stream, cars = self._stream, self._fleet.cars
        unlocks = []
        at = EPOCH + stream.exponential(1.0 / self._rate_per_s)
        while at < self._ends_at:
            unlocks.append(self._unlock(at, cars[stream.index(len(cars))]))
            at += stream.exponential(1.0 / self._rate_per_s)
        return unlocks

    def _unlock(self, at: float, car: Car) -> Unlock:
        values = self._fleet.values[car.vehicle_id] + self._fleet.phones.draw(self._stream)
        return Unlock(at, car, values, self._stream.uniform())

    def _make_cars_sick(self, unlocks: list[Unlock]) -> None:
        """Let one to three cars fail from now on, with several customers each."""
        stream = self._stream
        for _ in range(1 + stream.index(3)):
            car = self._fleet.cars[stream.index(len(self._fleet.cars))]
            car.failing = 0.97
            unlocks.extend(
                self._unlock(stream.between(self._began_at, self._ends_at), car)
                for _ in range(2 + stream.index(5))
            )

    def _make_a_place_bad(self) -> None:
        """Let a site be bad, as it always was."""
        stream = self._stream
        site = self._fleet.cars[stream.index(len(self._fleet.cars))].site
        failing = stream.between(0.2, 0.6)
        for car in self._fleet.cars:
            if car.site == site:
                car.failing = failing

    def _make_a_region_busy(self, unlocks: list[Unlock]) -> None:
        """Let a region have three times as many customers more, who fail as usual."""
        stream = self._stream
        region = self._fleet.cars[stream.index(len(self._fleet.cars))].region
        cars = [car for car in self._fleet.cars if car.region == region]
        there = [one for one in unlocks if one.at >= self._began_at and one.car.region == region]
        for _ in range(3 * len(there)):
            at = stream.between(self._began_at, self._ends_at)
            unlocks.append(self._unlock(at, cars[stream.index(len(cars))]))

    def _strike(self, unlocks: list[Unlock]) -> tuple[Struck, ...]:
        """Return one or two cohorts that can be told, of one to three traits; none if none can."""
        window = [one for one in unlocks if one.at >= self._began_at]
        wanted = 2 if self._kind is Kind.TWO_COHORTS else 1
        size = 1 + self._stream.index(3)
        found: list[Struck] = []
        for _ in range(_TRIES):
            struck = self._draw(window, size)
            if self._can_be_told(struck, window, found):
                found.append(struck)
                window = [one for one in window if not struck.has(one.values)]
            if len(found) == wanted:
                return tuple(found)
        return ()

    def _draw(self, window: list[Unlock], size: int) -> Struck:
        stream = self._stream
        values = window[stream.index(len(window))].values
        places = sorted(range(len(TRAITS)), key=lambda _: stream.uniform())[:size]
        names = frozenset((TRAITS[place], values[place]) for place in places)
        return Struck(names, stream.between(0.3, 1.0), by_car=stream.uniform() < 0.5)

    def _can_be_told(self, struck: Struck, window: list[Unlock], others: list[Struck]) -> bool:
        """Return whether enough fails in it, and enough of each parent is outside of it."""
        inside = [one for one in window if struck.has(one.values)]
        cars = {one.car.vehicle_id for one in inside}
        if struck.severity * len(cars) < LEAST_STRUCK or len(inside) > _MOST_SHARE * len(window):
            return False
        if any(one.names & struck.names for one in others):
            return False  # the two would rather be one
        for left_out in struck.places:
            kept = {place: value for place, value in struck.places.items() if place != left_out}
            in_parent = sum(
                all(one.values[place] == value for place, value in kept.items()) for one in window
            )
            if in_parent - len(inside) < LEAST_BESIDE:
                return False
        return True

    def _counts(self, unlocks: list[Unlock], struck: tuple[Struck, ...]) -> list[Count]:
        """Return every attempt, and whether it failed."""
        stream = self._stream
        counts = []
        for unlock in sorted(unlocks, key=lambda one: one.at):
            at, is_usual_failure = unlock.at, unlock.chance < unlock.car.failing
            for _ in range(_PRESSES):
                hit = at >= self._began_at and any(
                    one.has(unlock.values) and one.fails(unlock.car, stream) for one in struck
                )
                failed = hit or is_usual_failure
                counts.append(
                    Count(
                        at=at,
                        values=unlock.values,
                        vehicle_id=unlock.car.vehicle_id,
                        failures=int(failed),
                    )
                )
                if not failed or stream.uniform() > _PRESSES_AGAIN:
                    break
                is_usual_failure = is_usual_failure and stream.uniform() < _STAYS
                at += stream.between(15.0, 60.0)
        return [count for count in counts if count.at < self._ends_at]
