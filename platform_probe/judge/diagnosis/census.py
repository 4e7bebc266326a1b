"""Counts of cars that are lost now, by shared traits. No I/O.

A car is lost that said so by its last will, or that is silent for longer than it ever is. One count
serves all unlocks that fail within seconds of each other, and of a large fleet a sample is looked
at. A count examines only cars with messages since the one before, or with a silence that means
something.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, takewhile
from typing import Final, NamedTuple

from fleet_wire.links.routine import Routine
from platform_probe.judge.diagnosis.car_history import MAX_KINDS, CarHistory
from platform_probe.judge.diagnosis.entries import Session
from platform_probe.judge.diagnosis.known_cars import KnownCars
from platform_probe.judge.diagnosis.neighbours import ALL, Comparison, Place, Share, both_of

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
ROUNDING_S: Final = 0.001
"""A car is looked at by so much before it is lost: sums of times are not exact."""


class Heard(NamedTuple):
    """The number of cars, and of those that were heard of."""

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


class Known(NamedTuple):
    """The latest count's result for one car."""

    places: tuple[Place, ...]
    is_lost: bool
    is_awake: bool
    routine: Routine | None
    """The batch that brings its heartbeats."""
    at_s: float
    """When it was last heard of by itself."""
    connected_s: float
    """When it had connected before."""
    looked_s: float
    """When it was looked at."""


class Census:
    """The latest count."""

    def __init__(self, cars: KnownCars) -> None:
        self._cars = cars
        self._at_s = -HOLDS_S
        self._sample: list[CarHistory] = []
        self._sampled_at = 0
        """How often cars had been added or removed then."""
        self._changed: list[CarHistory] = []
        """Those of the sample that have told something since the count."""
        self._known: dict[CarHistory, Known] = {}
        self._lost: Counter[Place] = Counter()
        self._total: Counter[Place] = Counter()
        self._awake: Counter[Place] = Counter()
        """How many do not sleep: of each operator in a region, of each region, of all."""
        self._used: dict[CarHistory, int] = {}
        self._due: list[tuple[float, int, CarHistory, Known]] = []
        """A heap of when cars would be lost by their silence, those by routine aside."""
        self._number = 0
        self._members: dict[Routine, dict[CarHistory, Known]] = {}
        self._awake_of: defaultdict[Routine, Counter[tuple[Place, ...]]] = defaultdict(Counter)
        """How many of these do not sleep, by shared traits."""
        self._silent: dict[Routine, float] = {}
        """Routines of which a round has not come, with when they were last heard of before."""
        self._doubtful: dict[CarHistory, float] = {}
        """Cars of such, or that speak more often by themselves; with the same time."""
        self._heard_s: dict[Routine | None, float] = {}
        """When each routine was last heard of, as of the count."""
        self._heard_of: dict[tuple[Place, ...], list[tuple[float, float]]] = {}
        """Cars that do not sleep, by shared traits: when each was last heard of before the count,
        and when it had connected.
        """
        self._heard_at: dict[Place, list[tuple[float, float]]] = {}
        """The same of the places that were asked for, in order."""
        self._since_s = math.inf
        """Those that were heard of later are in it."""
        self.usual_interval_s: float | None = None
        """How often the car in the middle of some sends a heartbeat, as of the last count."""
        self.usual_data_bytes: float | None = None
        """The median data usage of all modems, as of the last count."""
        self._used_when_lost: dict[str | None, tuple[float, float] | None] = {}

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
            for place in _counted_at(places)
        }

    def heard_since(self, places: tuple[Place, ...], at_s: float) -> HeardSince | None:
        """Return how many cars were heard of after a moment, as of the last count.

        None: the operator or the region is not known.
        """
        known = dict(places)
        if "operator" not in known or "region" not in known:
            return None
        return HeardSince(*(self._heard(place, at_s) for place in _heard_at(places)[:3]))

    def heard_alike(self, places: tuple[Place, ...], at_s: float) -> Heard | None:
        """Return how many cars with modems like a car's were heard of after a moment.

        Those of its technology, operator and region; `kept` is not counted. None: one of these is
        not known.
        """
        radio = radio_of(places)
        if radio is None:
            return None
        heard_s = self._heard_s
        heard = sum(
            number
            for routine, awake in self._awake_of.items()
            if heard_s[routine] > at_s
            for alike, number in awake.items()
            if radio in _heard_at(alike)
        )
        heard += sum(radio in _heard_at(one.places) for one in self._heard_alone(at_s))
        return Heard(heard, self._awake[radio], 0)

    def connected_between(self, places: tuple[Place, ...], from_s: float, to_s: float) -> int:
        """Return how many cars of an operator in its region connected last between two moments.

        0 where operator or region are not known.
        """
        if from_s >= to_s or not {"operator", "region"} <= dict(places).keys():
            return 0
        there, heard_s = both_of(places), self._heard_s
        return sum(
            one.is_awake
            and from_s < one.connected_s < to_s
            and max(one.at_s, heard_s[one.routine]) > from_s
            and there in _heard_at(one.places)
            for one in self._looked_at_since(from_s)
        )

    def _heard(self, place: Place, at_s: float) -> Heard:
        """Return how many cars of a place were heard of after a moment."""
        heard = self._heard_after(place, at_s)
        kept = sum(connected_s <= at_s for _, connected_s in heard[:MOST_KEPT])
        return Heard(len(heard), self._awake[place], kept)

    def _heard_after(self, place: Place, at_s: float) -> list[tuple[float, float]]:
        """Return when cars of a place were last heard of, after a moment, and had connected before.

        Many unlocks that fail at once ask this, of one moment or another. Each look back covers
        twice the requested time, and serves them until the next count.
        """
        if at_s < self._since_s:
            self._since_s = at_s - max(self._at_s - at_s, 0.0)
            self._heard_of = self._looked_back()
            self._heard_at.clear()
        heard = self._heard_at.get(place)
        if heard is None:
            alike = (h for places, h in self._heard_of.items() if place in _heard_at(places))
            heard = self._heard_at[place] = sorted(chain.from_iterable(alike))
        return heard[bisect_right(heard, (at_s, math.inf)) :]

    def _looked_back(self) -> dict[tuple[Place, ...], list[tuple[float, float]]]:
        """Return the last contacts of the looked-back time, by shared traits.

        A car is heard of with its batch, or by itself. In the second case it was examined since,
        and is one of the last known ones. So nobody looks through all.
        """
        heard_s, since_s = self._heard_s, self._since_s
        found: defaultdict[tuple[Place, ...], list[tuple[float, float]]] = defaultdict(list)
        for routine, members in self._members.items():
            routine_s = heard_s[routine]
            if routine_s > since_s:
                for one in members.values():
                    if one.is_awake:
                        found[one.places].append((max(one.at_s, routine_s), one.connected_s))
        for one in self._heard_alone(since_s):
            found[one.places].append((one.at_s, one.connected_s))
        return found

    def _heard_alone(self, at_s: float) -> Iterator[Known]:
        """Yield the cars that do not sleep and were heard of after a moment by themselves alone."""
        heard_s = self._heard_s
        for one in self._looked_at_since(at_s):
            if one.is_awake and heard_s[one.routine] <= at_s < one.at_s:
                yield one

    def _looked_at_since(self, at_s: float) -> Iterator[Known]:
        """Yield the cars that were looked at after a moment, the last first."""
        return takewhile(lambda one: one.looked_s > at_s, reversed(self._known.values()))

    def _count(self, now_s: float) -> None:
        """Count anew."""
        self._at_s = now_s
        if self._sampled_at != self._cars.changes:
            self._sample_anew()
        due = (*self._overdue(now_s), *self._silent_since(now_s), *self._heard_again())
        looked_at = dict.fromkeys((*self._changed, *due))
        self._changed.clear()
        for car in looked_at:
            self._look_at(car, now_s)
        self._heard_s = {routine: routine.heard_s for routine in self._members}
        self._heard_s[None] = -math.inf
        self._heard_at.clear()
        self._since_s = math.inf
        self._note_use()
        self.usual_interval_s = _middle(
            car.interval_s for car in self._sample[:MOST_ASKED] if car.interval_s is not None
        )

    def _sample_anew(self) -> None:
        for car in self._sample:
            car.changed = None
        for kept in (self._known, self._used, self._doubtful, self._members, self._silent):
            kept.clear()
        self._awake_of.clear()
        for counter in (self._lost, self._total, self._awake):
            counter.clear()
        self._due.clear()
        self._sampled_at = self._cars.changes
        self._sample = self._cars.sample(MOST_CARS)
        self._changed[:] = self._sample

    def _overdue(self, now_s: float) -> list[CarHistory]:
        """Return the cars that are lost if they have told nothing since they were looked at."""
        cars, due = [], self._due
        while due and due[0][0] <= now_s:
            _, _, car, known = heapq.heappop(due)
            if self._known.get(car) is known:
                cars.append(car)
        return cars

    def _silent_since(self, now_s: float) -> list[CarHistory]:
        """Return the cars of which no round has come, once for each that has not."""
        cars: list[CarHistory] = []
        for routine, members in self._members.items():
            heard_s = routine.heard_s
            if now_s - heard_s >= routine.every_s and self._silent.get(routine) != heard_s:
                self._silent[routine] = heard_s
                cars += members
        return cars

    def _heard_again(self) -> list[CarHistory]:
        """Return the doubtful cars of which a round has come."""
        known = self._known
        return [
            car
            for car, heard_s in self._doubtful.items()
            if (routine := known[car].routine) is not None and routine.heard_s != heard_s
        ]

    def _look_at(self, car: CarHistory, now_s: float) -> None:
        """Count a car as it is now, and note when to look at it again though it tells nothing."""
        self._doubtful.pop(car, None)
        known = None
        if car.standing is not None:
            if car.interval_s is None:
                car.catch_up()
            is_by_routine = _is_by_routine(car, now_s)
            is_lost = not is_by_routine and is_lost_at(car, now_s)
            known = _known_of(car, now_s, is_lost=is_lost)
            if not is_by_routine:
                self._doubt(car, known)
        self._keep(car, known)
        if car.data_used_bytes is not None:
            self._used[car] = car.data_used_bytes
        car.changed = self._changed

    def _keep(self, car: CarHistory, known: Known | None) -> None:
        """Replace the count's result for a car, behind all others."""
        before = self._known.pop(car, None)
        if known is not None:
            self._known[car] = known
        if before is None or known is None or before[:4] != known[:4]:
            self._add(car, before, -1)
            self._add(car, known, 1)
        elif known.routine is not None:
            self._members[known.routine][car] = known

    def _doubt(self, car: CarHistory, known: Known) -> None:
        """Note when to look again at a car that others do not speak for."""
        if known.routine is not None:
            self._doubtful[car] = known.routine.heard_s
        if car.standing is Session.ONLINE and car.interval_s is not None and not known.is_lost:
            lost_s = known.at_s + car.interval_s * LATE_HEARTBEATS
            self._number += 1
            heapq.heappush(self._due, (lost_s - ROUNDING_S, self._number, car, known))

    def _add(self, car: CarHistory, known: Known | None, number: int) -> None:
        """Add a car to the count (1), or remove it (-1)."""
        if known is None:
            return
        for place in _counted_at(known.places):
            self._total[place] += number
            if known.is_lost:
                self._lost[place] += number
        if known.is_awake:
            for place in _heard_at(known.places):
                self._awake[place] += number
            if known.routine is not None:
                self._awake_of[known.routine][known.places] += number
        if known.routine is not None and number > 0:
            self._members.setdefault(known.routine, {})[car] = known
        elif known.routine is not None:
            members = self._members[known.routine]
            del members[car]
            if not members:
                del self._members[known.routine]
                self._awake_of.pop(known.routine, None)
                self._silent.pop(known.routine, None)

    def _note_use(self) -> None:
        """Note how much data is usual."""
        known = self._known
        self.usual_data_bytes = _middle(self._used.values())
        lost: defaultdict[str | None, list[float]] = defaultdict(list)
        others: defaultdict[str | None, list[float]] = defaultdict(list)
        for car, used in self._used.items():
            side = lost if car in known and known[car].is_lost else others
            side[operator_of(car.places)].append(used)
        self._used_when_lost = {
            operator: _spent_alike(lost=each, others=others[operator])
            for operator, each in lost.items()
        }

    def used_when_lost(self, places: tuple[Place, ...]) -> tuple[float, float] | None:
        """Return the least and the most data that lost cars have used, as of the last count.

        Those of the operator of a car with these `places`, whose plan is another than others'.
        None: they have not used the same, or another car of the operator has used more.
        """
        return self._used_when_lost.get(operator_of(places))


def _known_of(car: CarHistory, now_s: float, *, is_lost: bool) -> Known:
    connects = (c.at_s for c in reversed(car.changes) if c.session is Session.ONLINE)
    return Known(
        car.places,
        is_lost,
        car.standing is not Session.ASLEEP,
        None if car.member is None else car.member.routine,
        _last_s(car),
        next(connects, 0.0),
        now_s,
    )


@lru_cache(maxsize=MAX_KINDS)
def _counted_at(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return where a car counts."""
    radio = radio_of(places)
    counted = ALL, *places, both_of(places)
    return counted if radio is None else (*counted, radio)


@lru_cache(maxsize=MAX_KINDS)
def _heard_at(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return where it matters when a car was heard of.

    Its operator there, the region, all; and modems like its own, where these are known.
    """
    radio = radio_of(places)
    there = both_of(places), ("region", dict(places).get("region", "")), ALL
    return there if radio is None else (*there, radio)


def _is_by_routine(car: CarHistory, now_s: float) -> bool:
    """Return whether a car's heartbeat has just come with others: so it is not lost."""
    if car.member is None or car.standing is not Session.ONLINE or car.interval_s is None:
        return False
    routine = car.member.routine
    has_just_come = now_s - routine.heard_s < routine.every_s
    return has_just_come and routine.every_s < car.interval_s * LATE_HEARTBEATS


def _middle(values: Iterable[float]) -> float | None:
    in_order = sorted(values)
    return in_order[len(in_order) // 2] if in_order else None


def _spent_alike(*, lost: Sequence[float], others: Sequence[float]) -> tuple[float, float] | None:
    """Return the least and most that lost cars have used, if alike, and no other has so much.

    A plan ends for all at the same number; cars that are lost for another reason have used what
    their neighbours have, who go on. One that is lost for a reason of its own does not matter.
    """
    alike = sorted(used for used in lost if used * ALIKE >= max(lost))
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
    car.catch_up()
    if car.interval_s is None:
        return False
    return now_s - _last_s(car) > car.interval_s * LATE_HEARTBEATS


def _last_s(car: CarHistory) -> float:
    """Return when a car was last heard of by itself; 0: never."""
    beat_s = car.beats[-1] if car.beats else 0.0
    return max(beat_s, car.heard[-1]) if car.heard else beat_s
