"""How many cars are lost now, by what they have in common. No I/O.

A car is lost that said so by its last will, or that is silent for longer than it ever is. Counting
takes a moment, so one count serves all unlocks that fail within seconds of each other, and of a
large fleet a sample is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Final

from platform_probe.diagnosis.car_history import CarHistory, Session
from platform_probe.diagnosis.neighbours import ALL, Comparison, Place, Share

HOLDS_S: Final = 5.0
MOST_CARS: Final = 4_000
LATE_HEARTBEATS: Final = 1.7
"""So many intervals without any heartbeat: one may be lost, or late."""


class _Row:
    """How many cars that are alike were counted."""

    __slots__ = ("lost", "places", "total")

    def __init__(self, places: tuple[Place, ...]) -> None:
        self.places = places
        self.total = 0
        self.lost = 0


class Census:
    """The latest count."""

    def __init__(self, cars: Mapping[str, CarHistory]) -> None:
        self._cars = cars
        self._at_s = -HOLDS_S
        self._lost: Counter[Place] = Counter()
        self._total: Counter[Place] = Counter()
        self.usual_data_bytes: float | None = None
        """What the modem in the middle of all has used, as of the last count."""

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
            for place in (ALL, *places)
        }

    def _count(self, now_s: float) -> None:
        self._at_s = now_s
        used: list[int] = []
        rows: dict[int, _Row] = {}
        step = max(len(self._cars) // MOST_CARS, 1)
        for car in islice(self._cars.values(), 0, None, step):
            if car.data_used_bytes is not None:
                used.append(car.data_used_bytes)
            standing = car.standing
            if standing is None:
                continue
            row = rows.get(id(car.places))  # equal cars share it: its hash would be most of this
            if row is None:
                row = rows[id(car.places)] = _Row(car.places)
            row.total += 1
            if standing is not Session.ASLEEP:
                row.lost += is_lost_at(car, now_s)
        lost, total = Counter[Place](), Counter[Place]()
        for row in rows.values():
            for place in (ALL, *row.places):
                total[place] += row.total
                lost[place] += row.lost
        self._lost, self._total = lost, total
        self.usual_data_bytes = sorted(used)[len(used) // 2] if used else None


def _is_surely_heard(car: CarHistory, now_s: float) -> bool:
    """Return whether heartbeats by routine say that a car is not silent: nobody asks for more."""
    if car.member is None or car.interval_s is None:
        return False
    routine = car.member.routine
    every_s = min(car.interval_s, routine.every_s)
    return bool(routine.heard) and now_s - routine.heard[-1].heard_s < every_s


def is_lost_at(car: CarHistory, now_s: float) -> bool:
    """Return whether a car is lost: by its will, or by its silence."""
    if car.standing is Session.WILL or car.standing is Session.SHUTDOWN:
        return True
    if car.standing is not Session.ONLINE or _is_surely_heard(car, now_s):
        return False
    car.catch_up()
    if car.interval_s is None:
        return False
    last_s = max(car.beats[-1], car.heard[-1] if car.heard else 0.0)
    return now_s - last_s > car.interval_s * LATE_HEARTBEATS
