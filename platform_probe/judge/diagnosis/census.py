"""Counts of cars that are lost now, by shared traits. No I/O.

A car is lost that said so by its last will, or that is silent for longer than it ever is. One count
serves all unlocks that fail within seconds of each other. It looks at a sample of a large fleet.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import MAX_KINDS, Labels, Session
from platform_probe.judge.diagnosis.car_history import CarHistory, traits_of_labels
from platform_probe.judge.diagnosis.neighbours import (
    ALL,
    Comparison,
    Place,
    Share,
    region_and_operator,
)

HOLDS_S: Final = 5.0
RADIO: Final = "technology, operator and region"
MOST_CARS: Final = 4_000
FEW_LOST: Final = 3
MOST_KEPT: Final = 50
"""The number of heard cars that are checked for a new connection: a few suffice."""
ALIKE: Final = 1.3
"""Heartbeats report data used earlier; the last of it is not reported [E]."""
NO_MORE: Final = 1.05
MOSTLY: Final = 0.8
"""The share of lost cars from which others count as lost for other reasons [E]."""
MOST_ASKED: Final = 100
"""Cars that tell how often heartbeats come; most of a fleet send them alike [E]."""
LATE_HEARTBEATS: Final = 1.7
"""The intervals without any heartbeat after which a car is silent: one may be lost, or late."""


class CarCount(NamedTuple):
    """The number of cars, and of those that were heard of."""

    heard: int
    total: int
    kept: int
    """How many of those on the connection that they had, as far as was counted."""

    def without(self, others: CarCount) -> CarCount:
        """Return the cars that are not among others."""
        return CarCount(self.heard - others.heard, self.total - others.total, 0)

    @property
    def rate(self) -> float:
        """The share, of 1; 0 of none."""
        return self.heard / self.total if self.total else 0.0


class CountsSince(NamedTuple):
    """Which cars were heard of since some moment."""

    here: CarCount
    """Those of the car's operator in its region."""
    in_region: CarCount
    everywhere: CarCount


class Census:
    """The latest count. It serves all who ask within `HOLDS_S`."""

    def __init__(self, cars: Fleet[CarHistory]) -> None:
        self._cars = cars
        self._at_s = -HOLDS_S
        self._lost: Counter[Place] = Counter()
        self._total: Counter[Place] = Counter()
        self._awake: Counter[Place] = Counter()
        """How many do not sleep: of each operator in a region, of each region, of all."""
        self._heard: dict[Labels, list[tuple[float, float]]] = {}
        """Cars that do not sleep, by shared traits: when each was last heard of before the count,
        and when it had connected.
        """
        self._heard_at: dict[Place, list[tuple[float, float]]] = {}
        """The same of the places that were asked for, in order."""
        self._connected_at: dict[Place, list[tuple[float, float]]] = {}
        """The same in the order in which they connected: when each had, and was heard of."""
        self._compared: dict[tuple[Place, ...], dict[Place, Comparison]] = {}
        """The comparisons of this count."""
        self.usual_interval_s: float | None = None
        """How often the car in the middle of some sends a heartbeat, as of the last count."""
        self.usual_data_bytes: float | None = None
        """The median data usage of all modems, as of the last count."""
        self._used_when_lost: dict[str | None, tuple[float, float] | None] = {}

    def at(self, now_s: float) -> Census:
        """Return the count, of which the latest serves until `HOLDS_S` later."""
        if now_s - self._at_s >= HOLDS_S:
            self._count(now_s)
        return self

    def compare(self, places: tuple[Place, ...]) -> dict[Place, Comparison]:
        """Return for each place, and `ALL`, how many cars are lost there and elsewhere."""
        compared = self._compared.get(places)
        if compared is None:
            lost, total = self._lost, self._total
            everybody = Share(lost[ALL], total[ALL])
            shares = {place: Share(lost[place], total[place]) for place in _counted_at(places)}
            compared = self._compared[places] = {
                place: Comparison(share, everybody.without(share))
                for place, share in shares.items()
            }
        return compared

    def counts_since(self, places: tuple[Place, ...], at_s: float) -> CountsSince:
        """Return how many cars were heard of after a moment; `places` name operator and region."""
        return CountsSince(*(self._count_of(place, at_s) for place in _heard_at(places)[:3]))

    def count_of_modem(self, places: tuple[Place, ...], at_s: float) -> CarCount | None:
        """Return how many cars with modems like a car's were heard of after a moment.

        Those of its technology, operator and region; `kept` is not counted. None: one of these is
        not known.
        """
        radio = radio_of(places)
        if radio is None:
            return None
        heard = self._times_at(radio)
        return CarCount(len(heard) - _first_after(heard, at_s), self._awake[radio], 0)

    def connected_between(self, places: tuple[Place, ...], from_s: float, to_s: float) -> int:
        """Return how many cars of an operator in its region connected last between two moments.

        0 where operator or region are not known.
        """
        if from_s >= to_s or not {"operator", "region"} <= dict(places).keys():
            return 0
        place = region_and_operator(places)
        connected = self._connected_at.get(place)
        if connected is None:
            connected = sorted((when_s, heard_s) for heard_s, when_s in self._times_at(place))
            self._connected_at[place] = connected
        first, end = _first_after(connected, from_s), bisect_left(connected, (to_s,))
        return sum(heard_s > from_s for _, heard_s in connected[first:end])

    def _count_of(self, place: Place, at_s: float) -> CarCount:
        """Return how many cars of a place were heard of after a moment."""
        heard = self._times_at(place)
        first = _first_after(heard, at_s)
        kept = sum(connected_s <= at_s for _, connected_s in heard[first : first + MOST_KEPT])
        return CarCount(len(heard) - first, self._awake[place], kept)

    def _times_at(self, place: Place) -> list[tuple[float, float]]:
        """Return when cars of a place were last heard of, in order, and had connected."""
        heard = self._heard_at.get(place)
        if heard is None:
            alike = (
                times
                for labels, times in self._heard.items()
                if place in _heard_at(traits_of_labels(labels))
            )
            heard = self._heard_at[place] = sorted(chain.from_iterable(alike))
        return heard

    def _count(self, now_s: float) -> None:
        """Count anew."""
        self._at_s = now_s
        sample = self._cars.sample(MOST_CARS)
        alike: defaultdict[Labels, list[int]] = defaultdict(lambda: [0, 0])
        heard: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
        used: defaultdict[Labels, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
        for car in sample:
            labels, is_lost = car.labels, is_lost_at(car, now_s)
            if car.standing is not None:
                alike[labels][is_lost] += 1
                if car.standing is not Session.ASLEEP:
                    heard[labels].append((car.heard_s or 0.0, car.connected_s))
            if car.data_used_bytes is not None:
                used[labels][is_lost].append(car.data_used_bytes)
        self._sum_up(alike, heard)
        self._sum_up_use(used)
        self.usual_interval_s = _middle(
            car.interval_s for car in sample[:MOST_ASKED] if car.interval_s is not None
        )

    def _sum_up(
        self,
        alike: dict[Labels, list[int]],
        heard: dict[Labels, list[tuple[float, float]]],
    ) -> None:
        """Count cars by place, from those that are alike: how many are there, and are lost."""
        self._lost, self._total, self._awake = Counter(), Counter(), Counter()
        for labels, (there, lost) in alike.items():
            for place in _counted_at(traits_of_labels(labels)):
                self._total[place] += there + lost
                self._lost[place] += lost
        self._heard = heard
        for of_this_count in (self._heard_at, self._connected_at, self._compared):
            of_this_count.clear()
        for labels, times in heard.items():
            for place in _heard_at(traits_of_labels(labels)):
                self._awake[place] += len(times)

    def _sum_up_use(self, used: dict[Labels, tuple[list[float], list[float]]]) -> None:
        """Note how much data is usual, from what cars that are there have used, and lost ones."""
        lost: defaultdict[str | None, list[float]] = defaultdict(list)
        others: defaultdict[str | None, list[float]] = defaultdict(list)
        for labels, (of_others, of_lost) in used.items():
            others[labels.operator] += of_others
            if of_lost:
                lost[labels.operator] += of_lost
        self.usual_data_bytes = _middle(chain(*lost.values(), *others.values()))
        self._used_when_lost = {
            operator: _spent_alike(lost=each, others=others[operator])
            for operator, each in lost.items()
        }

    def used_when_lost(self, places: tuple[Place, ...]) -> tuple[float, float] | None:
        """Return the least and the most mobile data that lost cars of an operator have used.

        `places` are those of a car of the operator, as each operator has its own data plan. None if
        the lost cars differ, or another car of the operator has used more.
        """
        return self._used_when_lost.get(operator_of(places))


@lru_cache(maxsize=MAX_KINDS)
def _counted_at(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return where a car counts."""
    radio = radio_of(places)
    counted = ALL, *places, region_and_operator(places)
    return counted if radio is None else (*counted, radio)


@lru_cache(maxsize=MAX_KINDS)
def _heard_at(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return where it matters when a car was heard of.

    Its operator there, the region, all; and modems like its own, where these are known.
    """
    radio = radio_of(places)
    there = region_and_operator(places), ("region", dict(places).get("region", "")), ALL
    return there if radio is None else (*there, radio)


def _first_after(times: Sequence[tuple[float, float]], at_s: float) -> int:
    """Return where the times after a moment begin, in order."""
    return bisect_right(times, (at_s, math.inf))


def _middle(values: Iterable[float]) -> float | None:
    in_order = sorted(values)
    return in_order[len(in_order) // 2] if in_order else None


def _spent_alike(*, lost: Sequence[float], others: Sequence[float]) -> tuple[float, float] | None:
    """Return the least and most that lost cars have used, if alike, and no other has so much.

    A plan ends for all at the same number; cars that are lost for another reason have used what
    their neighbours have, who go on. One that is lost for a reason of its own does not matter.
    """
    most = max(lost)
    alike = sorted(used for used in lost if used * ALIKE >= most)
    if len(alike) < max(FEW_LOST, MOSTLY * len(lost)) or not alike[0]:
        return None
    has_more = any(used > NO_MORE * alike[len(alike) // 2] for used in others)
    return None if has_more else (alike[0], alike[-1])


@lru_cache(maxsize=MAX_KINDS)
def operator_of(places: tuple[Place, ...]) -> str | None:
    """Return the operator among what cars have in common, if it is known."""
    return dict(places).get("operator")


def radio_of(places: tuple[Place, ...]) -> Place | None:
    """Return technology, operator and region as one place, if they are known.

    That is what an operator switches off.
    """
    known = dict(places)
    its = [known.get(name) for name in ("technology", "operator", "region")]
    return None if None in its else (RADIO, "/".join(map(str, its)))


def is_lost_at(car: CarHistory, now_s: float) -> bool:
    """Return whether a car is lost: by its will, or by its silence."""
    if car.standing is Session.WILL or car.standing is Session.SHUTDOWN:
        return True
    if car.standing is not Session.ONLINE:
        return False
    interval_s = car.interval_s
    return interval_s is not None and now_s - (car.heard_s or 0.0) > interval_s * LATE_HEARTBEATS
