"""How many cars are lost now, by what they have in common. No I/O.

A car is lost that said so by its last will, or that is silent for longer than it ever is. Counting
takes a moment, so one count serves all unlocks that fail within seconds of each other, and of a
large fleet a sample is looked at.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from platform_probe.diagnosis.car_history import CarHistory, Session
from platform_probe.diagnosis.neighbours import ALL, Comparison, Place, Share

HOLDS_S: Final = 5.0
BOTH: Final = "region and operator"
MOST_CARS: Final = 4_000
FEW_LOST: Final = 3
MOST_KEPT: Final = 50
"""So many cars that were heard of are asked whether they have connected anew: a few suffice."""
ALIKE: Final = 1.3
"""Heartbeats tell of the data that was used before; the last of it is not told [E]."""
NO_MORE: Final = 1.05
LATE_HEARTBEATS: Final = 1.7
"""So many intervals without any heartbeat: one may be lost, or late."""


class LastHeard(NamedTuple):
    """When a car was last heard of, and when it had connected before."""

    at_s: float
    connected_s: float


class Heard(NamedTuple):
    """Of how many cars how many were heard of."""

    heard: int
    total: int
    kept: int
    """How many of those on the connection that they had, as far as was counted."""

    def without(self, others: Heard) -> Heard:
        """Return the cars that are not among others."""
        return Heard(self.heard - others.heard, self.total - others.total, 0)

    @property
    def rate(self) -> float:
        """The share, of 1; 0 of none."""
        return self.heard / self.total if self.total else 0.0


class HeardSince(NamedTuple):
    """Which cars were heard of since some moment."""

    here: Heard
    """Those of the car's operator in its region."""
    in_region: Heard
    everywhere: Heard


class Census:
    """The latest count."""

    def __init__(self, cars: Mapping[str, CarHistory]) -> None:
        self._cars = cars
        self._at_s = -HOLDS_S
        self._lost: Counter[Place] = Counter()
        self._total: Counter[Place] = Counter()
        self._heard: dict[Place, list[LastHeard]] = {}
        """Of the cars of each region, of each operator in it, and of all, in order."""
        self.usual_data_bytes: float | None = None
        """What the modem in the middle of all has used, as of the last count."""
        self.used_when_lost: tuple[float, float] | None = None
        """The least and the most data that lost cars have used, where no other has used more."""

    def compare(self, places: tuple[Place, ...], now_s: float) -> dict[Place, Comparison]:
        """Return for each place, and `ALL`, how many cars are lost there and elsewhere."""
        if now_s - self._at_s >= HOLDS_S:
            self._count(now_s)
        lost, total = self._lost, self._total
        everybody = Share(lost[ALL], total[ALL])
        return {
            place: Comparison(
                Share(lost[place], total[place]),
                Share(everybody.failed - lost[place], everybody.total - total[place]),
            )
            for place in (ALL, *places, both_of(places))
        }

    def heard_since(self, places: tuple[Place, ...], at_s: float) -> HeardSince | None:
        """Return how many cars were heard of after a moment, as of the last count.

        None: the operator or the region is not known.
        """
        known = dict(places)
        if "operator" not in known or "region" not in known:
            return None
        where = (both_of(places), ("region", known["region"]), ALL)
        return HeardSince(*(_since(self._heard.get(place, []), at_s) for place in where))

    def _count(self, now_s: float) -> None:
        """Count anew. A car whose heartbeat has just come with others by routine is not lost."""
        self._at_s = now_s
        step = max(len(self._cars) // MOST_CARS, 1)
        looked_at = [*islice(self._cars.values(), 0, None, step)]
        known = [car for car in looked_at if car.standing is not None]
        for car in known:
            if car.interval_s is None:
                car.catch_up()
        doubtful = [
            car
            for car in known
            if car.standing is not Session.ASLEEP
            and not (  # spelt out here: a call for each car would be most of a count
                car.standing is Session.ONLINE
                and (member := car.member) is not None
                and now_s - member.routine.heard_s < member.routine.every_s
                and car.interval_s is not None
                and member.routine.every_s < car.interval_s * LATE_HEARTBEATS
            )
        ]
        lost = [car for car in doubtful if is_lost_at(car, now_s)]
        self._total, self._lost = _by_place(known), _by_place(lost)
        self._heard = _last_heard([car for car in known if car.standing is not Session.ASLEEP])
        self._note_use(looked_at, {id(car) for car in lost})

    def _note_use(self, looked_at: Sequence[CarHistory], lost: set[int]) -> None:
        """Note how much data is usual."""
        used = [
            (car.data_used_bytes, id(car) in lost)
            for car in looked_at
            if car.data_used_bytes is not None
        ]
        self.usual_data_bytes = _middle([number for number, _ in used])
        self.used_when_lost = _spent_alike(
            lost=[number for number, is_lost in used if is_lost],
            others=[number for number, is_lost in used if not is_lost],
        )


def _since(cars: Sequence[LastHeard], at_s: float) -> Heard:
    """Return how many of some cars were heard of after a moment."""
    first = bisect_right(cars, (at_s, math.inf))
    kept = sum(each.connected_s <= at_s for each in islice(cars, first, first + MOST_KEPT))
    return Heard(len(cars) - first, len(cars), kept)


def _last_heard(cars: Sequence[CarHistory]) -> dict[Place, list[LastHeard]]:
    """Return when cars were last heard of, in order: those of each place that matters, and all.

    Equal cars share the object for what they have in common, so its places are found once.
    """
    found: defaultdict[Place, list[LastHeard]] = defaultdict(list)
    lists_of: dict[int, tuple[list[LastHeard], ...]] = {}
    for car in cars:
        at_s = max(car.beats[-1] if car.beats else 0.0, car.heard[-1] if car.heard else 0.0)
        if car.member is not None:
            at_s = max(at_s, car.member.routine.heard_s)
        connects = (c.at_s for c in reversed(car.changes) if c.session is Session.ONLINE)
        last = LastHeard(at_s, next(connects, 0.0))
        lists = lists_of.get(id(car.places))
        if lists is None:
            region = ("region", dict(car.places).get("region", ""))
            where = (both_of(car.places), region, ALL)
            lists = lists_of[id(car.places)] = tuple(found[place] for place in where)
        for each in lists:
            each.append(last)
    return {place: sorted(each) for place, each in found.items()}


def _middle(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _spent_alike(*, lost: Sequence[float], others: Sequence[float]) -> tuple[float, float] | None:
    """Return the least and most that lost cars have used, if alike, and no other has so much.

    A plan ends for all at the same number; cars that are lost for another reason have used what
    their neighbours have, who go on.
    """
    if len(lost) < FEW_LOST:
        return None
    least, most = min(lost), max(lost)
    has_more = any(used > NO_MORE * least for used in others)
    return None if has_more or not least or most > ALIKE * least else (least, most)


def _by_place(cars: list[CarHistory]) -> Counter[Place]:
    """Return how many cars there are at each place, and in all.

    Equal cars share the object for what they have in common, so that is what is counted.
    """
    places_of = {id(car.places): car.places for car in cars}
    counted = Counter[Place]()
    for key, number in Counter([id(car.places) for car in cars]).items():
        for place in (ALL, *places_of[key], both_of(places_of[key])):
            counted[place] += number
    return counted


def both_of(places: tuple[Place, ...]) -> Place:
    """Return region and operator as one place: an operator's outage takes all that stand there."""
    known = dict(places)
    return BOTH, f"{known.get('region')}/{known.get('operator')}"


def is_lost_at(car: CarHistory, now_s: float) -> bool:
    """Return whether a car is lost: by its will, or by its silence."""
    if car.standing is Session.WILL or car.standing is Session.SHUTDOWN:
        return True
    if car.standing is not Session.ONLINE:
        return False
    car.catch_up()
    if car.interval_s is None:
        return False
    last_s = max(car.beats[-1], car.heard[-1] if car.heard else 0.0)
    return now_s - last_s > car.interval_s * LATE_HEARTBEATS
