"""Whom an incident harmed, when the first of them called, and how soon any test could have known.

All of it follows from the ground truth: from what the faults did and from what customers did. The
monitor's findings have no part in it. An incident is what one entry of a scenario strikes: with all
that it strikes at once. It counts where it harms five customers.

A customer is harmed if a fault hit the unlock and the first press did not open the car. Such a
customer pressed again, pulled a locked door, or gave up. For synthetic unlocks, without a customer
at the car, a car is harmed whose unlock failed.

`Bound` is the test that knows all but whether there is an incident: whom it strikes, since when,
and how many of them. It adds the log likelihood ratio of each unlock of the cohort as soon as its
outcome can be known. It stops at ln(ARL), for one false alarm a month (Lorden, 1971; Wald's
sequential test). The cohort is all cars that have in common what all struck cars have: whose garage
it is no record says. A monitor is not told whom: it looks at every cohort of one or two traits, and
has enough at ln(ARL x cohorts). An incident about which somebody calls before that could not have
been told by any test of unlocks: it is counted apart.

Nobody can know what looks as on any day. If boxes sleep, customers press again during the wake-up,
also in towns without an incident. So a second press after a successful unlock is weighed against
its share among customers without a fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NamedTuple

from fleet_sim.customers.records import CustomerEvent, CustomerStep
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.conclude import ATTEMPTS, COMPLAINTS, GROUND_TRUTH
from fleet_wire.contract.attempt import Attempt, Complaint, Source

CUSTOMERS: Final = "customers.jsonl"
USUAL: Final = 0.02
"""The share of unlocks that the service level lets fail: what the bound starts from."""
MONTH_S: Final = 30 * 86_400.0
MOST: Final = 0.99
"""Nobody knows beforehand that every single one will fail."""
_HARM: Final = (CustomerStep.PULLED, CustomerStep.GAVE_UP, CustomerStep.CALLED_SUPPORT)


class Try(NamedTuple):
    """A customer's first unlock of a struck car, or one of the monitor's own."""

    who: str
    began_at: float
    """Unix seconds."""
    known_at: float
    """The earliest time at which the outcome could be known. A failure is known with its record. A
    recorded success is known to be none with the customer's next record, or the call. Infinite:
    never."""
    is_hit: bool
    looks_well: bool = False
    """Whether its record says that it went well: only its customer's pressing again, or call, says
    otherwise."""


class Bound(NamedTuple):
    """The numbers behind the ideal test. Its numbers are None if the run has too few unlocks."""

    unlocks: int | None = None
    knowable_at: float | None = None
    """When it would have enough if it were not told whom, Unix seconds."""


class Harm(NamedTuple):
    """The harm of an incident."""

    began_at: float
    """When the fault began, Unix seconds; 0 where there is none."""
    harmed: int
    """Customers, or cars where there are none."""
    first_hit_at: float | None
    """When the first of them pressed, Unix seconds."""
    first_call_at: float | None
    tries: tuple[Try, ...]
    """The attempts on affected cars since then, by their ends."""
    bound: Bound

    def unlocks_until(self, at: float) -> int:
        """Return how many of the struck cars' unlocks had ended by a moment."""
        return sum(one.known_at <= at for one in self.tries)


def harm_of(path: Path, entries: int) -> Harm:
    """Read a run's directory: the first `entries` of its faults are the incident."""
    truth, people = _truth(path, entries), _people(path)
    attempts = [
        one for one in JsonLines(path / ATTEMPTS, Attempt) if one.source is not Source.FLOOR
    ]
    attempts = sorted((one for one in attempts if not one.same_as), key=lambda one: one.started_at)
    calls = [
        one
        for one in JsonLines(path / COMPLAINTS, Complaint)
        if one.complaint_id in truth.complaints
    ]
    load_at = next((one.started_at - one.scheduled_s for one in attempts), 0.0)
    called = {one.account_id: one.at for one in calls[::-1]}
    cars = _cohort(attempts, truth.cars)
    own = _by_customer(attempts, people)
    tries = [*_tries(own, truth, people, called, cars=cars, load_at=load_at)]
    harmed = {one.who: one.began_at for one in reversed(tries) if one.is_hit}
    first_hit_at = min(harmed.values(), default=None)
    since = math.inf if first_hit_at is None else first_hit_at
    counted = sorted(
        (one for one in tries if one.began_at >= since and one.known_at < math.inf),
        key=lambda one: one.known_at,
    )
    return Harm(
        began_at=load_at + truth.start_s[0] if truth.start_s else 0.0,
        harmed=len(harmed),
        first_hit_at=first_hit_at,
        first_call_at=min((one.at for one in calls), default=None),
        tries=tuple(counted),
        bound=_bound(
            counted,
            _a_month(attempts),
            _cohorts(attempts),
            usual_again=max(USUAL, _press_again(own, truth, people)),
        ),
    )


def _by_customer(attempts: list[Attempt], people: _People) -> dict[str, list[Attempt]]:
    """Return the unlocks of each customer, or each by itself where nobody stands there."""
    own: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        who = people.of_trace.get(attempt.trace_id, "") if people.of_trace else attempt.attempt_id
        own.setdefault(who, []).append(attempt)
    return own


def _press_again(own: dict[str, list[Attempt]], truth: _Truth, people: _People) -> float:
    """Return which share of customers press again, or do worse, of those that no fault touched.

    Only unlocks that ended well by their record count.
    """
    well = [
        name in people.unlucky
        for name, (first, *later) in own.items()
        if first.cause is None
        and name not in truth.customers
        and not any(one.attempt_id in truth.attempts for one in (first, *later))
    ]
    return sum(well) / max(len(well), 1)


def _tries(
    own: dict[str, list[Attempt]],
    truth: _Truth,
    people: _People,
    called: dict[str | None, float],
    *,
    cars: set[str],
    load_at: float,
) -> Iterator[Try]:
    """Yield the first unlock of each customer, or all where nobody stands there."""
    for name, (first, *later) in own.items():
        who = name if people.of_trace else first.vehicle_id
        is_hit = any(one.attempt_id in truth.attempts for one in (first, *later))
        is_hit &= who in people.unlucky if people.of_trace else first.cause is not None
        if not is_hit and first.vehicle_id not in cars:
            continue
        known_at = _ended_at(first)
        looks_well = is_hit and first.cause is None and bool(people.of_trace)
        if looks_well:
            known_at = min([*map(_ended_at, later), called.get(who, math.inf)], default=math.inf)
        yield Try(who, first.started_at, known_at, is_hit, looks_well)
    for who in (truth.customers & people.unlucky) - own.keys():  # whom no record tells of
        began_at = load_at + people.pressed_s.get(who, 0.0)
        yield Try(who, began_at, called.get(who, math.inf), is_hit=True)


def _ended_at(attempt: Attempt) -> float:
    return attempt.started_at + attempt.total_s


class _Truth(NamedTuple):
    start_s: list[float]
    """When each of the faults began, seconds of the load."""
    cars: set[str]
    """That were struck."""
    customers: set[str]
    """The customers whom the fault affected."""
    attempts: set[str]
    complaints: set[str]


def _truth(path: Path, entries: int) -> _Truth:
    """Return what the first faults of a run did."""
    truth = _Truth([], set(), set(), set(), set())
    for line in JsonLines(path / GROUND_TRUTH, dict[str, Any]):
        if line.get("injection", entries) >= entries:
            continue
        if "start_s" in line:
            truth.start_s.append(line["start_s"])
        truth.cars.update(line.get("vehicles", ()))
        truth.attempts.update(line.get("attempts", ()))
        truth.complaints.update(line.get("complaints", ()))
        if line.get("customer_id"):
            truth.customers.add(line["customer_id"])
    return truth


class _People(NamedTuple):
    unlucky: set[str]
    """Customers who did not get in at once."""
    of_trace: dict[str, str]
    """The customer of each request."""
    pressed_s: dict[str, float]
    """When each pressed first, seconds of the load."""


def _people(path: Path) -> _People:
    """Return what became of the customers, if the run has any."""
    people = _People(set(), {}, {})
    for event in JsonLines(path / CUSTOMERS, CustomerEvent):
        if event.step is CustomerStep.PRESSED:
            people.of_trace[event.trace_id or ""] = event.customer_id
            people.pressed_s.setdefault(event.customer_id, event.at_s)
        if event.step in _HARM or (event.step is CustomerStep.PRESSED and (event.press or 1) > 1):
            people.unlucky.add(event.customer_id)
    return people


def _a_month(attempts: list[Attempt]) -> float:
    """Return how many unlocks the town has a month, at the rate of the run."""
    lasted_s = max((one.scheduled_s for one in attempts), default=0.0)
    return max(len(attempts) * MONTH_S / max(lasted_s, 600.0), 1_000.0)


def _values(attempt: Attempt) -> tuple[str | None, ...]:
    return attempt.region, attempt.operator, attempt.firmware, attempt.hardware


def _cohort(attempts: list[Attempt], struck: set[str]) -> set[str]:
    """Return the cars that have in common what all struck cars have."""
    of_car = {one.vehicle_id: _values(one) for one in attempts}
    kinds = {values for vehicle_id, values in of_car.items() if vehicle_id in struck}
    shared = [{one[place] for one in kinds} for place in range(len(next(iter(kinds), ())))]
    return {
        vehicle_id
        for vehicle_id, values in of_car.items()
        if all(
            len(among) > 1 or value in among for among, value in zip(shared, values, strict=False)
        )
    }


def _cohorts(attempts: list[Attempt]) -> int:
    """Return how many cohorts of no, one or two traits there are."""
    kinds = {_values(one) for one in attempts}
    places = range(len(next(iter(kinds), ())))
    singles = sum(len({one[place] for one in kinds}) for place in places)
    pairs = sum(
        len({(one[first], one[second]) for one in kinds})
        for first, second in combinations(places, 2)
    )
    return 1 + singles + pairs


def _bound(tries: list[Try], a_month: float, cohorts: int, *, usual_again: float) -> Bound:
    """Return when the log likelihood ratio of the tries is enough.

    `usual_again`: so many of those that look well press again on any day.
    """
    last = max((place for place, one in enumerate(tries) if one.is_hit), default=-1)
    during = tries[: last + 1]
    share = min(sum(one.is_hit for one in during) / max(len(during), 1), MOST)
    if share <= USUAL:
        return Bound()
    hit, again = math.log(share / USUAL), math.log(share / usual_again)
    miss = math.log((1.0 - share) / (1.0 - USUAL))
    score, enough = 0.0, math.log(a_month)
    unlocks: int | None = None
    for number, one in enumerate(during, start=1):
        score += miss if not one.is_hit else again if one.looks_well else hit
        if score >= enough and unlocks is None:
            unlocks = number
        if score >= enough + math.log(cohorts):
            return Bound(unlocks, one.known_at)
    return Bound(unlocks)
