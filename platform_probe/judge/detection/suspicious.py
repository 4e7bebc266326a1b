"""Traffic that no honest customer makes.

Rules over accounts, and what the diagnosis says of single unlocks: see docs/detection.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.latest import Latest, remember
from platform_probe.judge.detection.repeats import KEPT_S
from platform_probe.judge.detection.sighting import Sighting
from platform_probe.judge.diagnosis.accounts import is_not_yours

WITHIN_S: Final = 600.0
MANY_CARS: Final = 10
"""Cars that one account asks for within ten minutes: nobody drives so many [E]. (About 100 shared
cars were taken through accounts in Chicago on 17 April 2019.)"""
MANY_REFUSED: Final = 5
"""Cars that it is refused as not its own within ten minutes: who mistakes a number plate does so
once or twice."""
LEAST: Final = {
    "attack_replay": 2,
    "impossible_travel": 1,
    "insider_or_support_unlock": 1,
    "attack_bruteforce_vehicle_ids": 2,
}
"""Suspicious modes, and how many unlocks must surely have one: a single copy may be a slip."""
SURE: Final = 0.9
OVER_S: Final = 1800.0
"""It is over when nothing of it was seen for so long [E]."""
MOST_ACCOUNTS: Final = 40_000
MOST_CARS: Final = 200
"""The most cars of one account that are kept."""
BRUTEFORCE: Final = "attack_bruteforce_vehicle_ids"
MANY_OF_ONE: Final = "one_account_many_cars"


_Cars = dict[str, float]
"""Cars that an account asked for, the latest last, with when."""


class Suspicious:
    """Detects odd requests by account, booking and place."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._asked: Latest[str, _Cars] = Latest(MOST_ACCOUNTS, within_s=KEPT_S)
        self._refused: Latest[str, _Cars] = Latest(MOST_ACCOUNTS, within_s=KEPT_S)
        self._monitors: set[str] = set()
        """Accounts that a monitor asks with: of these many cars are no wonder."""
        self._waiting: dict[str, OrderedDict[str, Diagnosis]] = {
            mode: OrderedDict() for mode in LEAST
        }
        self.sightings: list[Sighting] = []

    def attempt(self, attempt: Attempt, at_s: float, now_s: float) -> None:
        """Add an unlock, whatever its end."""
        side = attempt.platform
        account_id = side.account_id if side else None
        if not side or account_id is None or not attempt.vehicle_id:
            return
        if attempt.source is not Source.CUSTOMER:
            self._monitors.add(account_id)
        if account_id in self._monitors:
            return
        many = self._cars_of(self._asked, account_id, attempt.vehicle_id, at_s)
        if len(many) >= MANY_CARS:
            self._note(MANY_OF_ONE, many, account_id, attempt, now_s)
        if is_not_yours(side):
            many = self._cars_of(self._refused, account_id, attempt.vehicle_id, at_s)
            if len(many) >= MANY_REFUSED:
                self._note(BRUTEFORCE, many, account_id, attempt, now_s)

    def diagnosis(self, diagnosis: Diagnosis, now_s: float) -> None:
        """Handle a diagnosis of an unlock."""
        first = diagnosis.first
        for mode, waiting in self._waiting.items():
            if first.mode != mode or first.probability < SURE:
                waiting.pop(diagnosis.attempt_id, None)  # it was so, and is no longer
                continue
            remember(waiting, diagnosis.attempt_id, diagnosis, 100)
            if len(waiting) >= LEAST[mode]:
                sighting = self._sighting(mode, now_s)
                for one in waiting.values():
                    sighting.note(now_s, car=one.vehicle_id, example=one.attempt_id)
                sighting.failed = len(sighting.cars)

    def tick(self, now_s: float) -> None:
        """See what is over."""
        for one in self.sightings:
            if now_s - one.last_s > OVER_S:
                one.is_over = True
                self._waiting.get(one.what, OrderedDict()).clear()

    # Within

    def _cars_of(
        self, accounts: Latest[str, _Cars], account_id: str, car: str, at_s: float
    ) -> _Cars:
        """Note that an account asked for a car; return which it asked for of late."""
        cars = accounts.get(account_id)
        if cars is None:
            cars = {car: at_s}
            accounts.keep(account_id, cars, at_s)
            return cars
        accounts.keep(account_id, cars, at_s)
        cars.pop(car, None)
        cars[car] = at_s
        if len(cars) > 1:
            while at_s - cars[first := next(iter(cars))] > WITHIN_S or len(cars) > MOST_CARS:
                del cars[first]
        return cars

    def _note(
        self, what: str, cars: _Cars, account_id: str, attempt: Attempt, now_s: float
    ) -> None:
        sighting = self._sighting(what, now_s)
        if account_id not in sighting.customers:  # else the others have been noted, each in turn
            for car in cars:
                sighting.note(now_s, car=car, customer=account_id)
        sighting.note(now_s, car=attempt.vehicle_id, example=attempt.attempt_id)
        sighting.failed = len(sighting.cars)

    def _sighting(self, what: str, now_s: float) -> Sighting:
        one = next((s for s in self.sightings if s.what == what and not s.is_over), None)
        if one is None:
            one = Sighting(
                number=next(self._numbers),
                kind=IncidentKind.SUSPICIOUS,
                what=what,
                since_s=now_s,
                last_s=now_s,
            )
            self.sightings.append(one)
        return one
