"""Possible worlds of an incident: one for each likely failure mode, as scenarios with customers.

`fleet-sim what-if` plays them on with each mitigation. Cars have made-up ids; times, accounts and
places are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, NamedTuple

from fleet_wire.contract.incident import Incident as Found
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.modes.catalogue import MODES
from platform_probe.store.reading import Source, Span
from platform_probe.tell.export.incident import Incident, Unlock, incident_of_unlocks, unlocks_in
from platform_probe.tell.export.scenario import ELSEWHERE, INCIDENT, scenario_of
from platform_probe.tell.support.rows import utc
from platform_probe.texts.catalogue import LANGUAGES, say_in
from platform_probe.texts.spoken_error import spoken_error

MOST_WORLDS: Final = 3
LEAST_WEIGHT: Final = 0.05
"""A less likely mode changes no ranking [E]."""
FLEET: Final = 200
"""Cars of a world: enough for a share of each group, and a future plays in .1 s [E]."""
HOUR_S: Final = 3_600.0
BEFORE_S: Final = 1_800.0
"""Customers of so long before the incident say how many come [E]."""
AWAY_S: Final = 7_200.0
"""Hardly a car is away for longer: one in fifty [E]."""
_BACK: Final = NormalDist(math.log(2_070.0), 0.6)
"""After so many seconds a car is back, as their logarithm: median and spread of walk and drive
[E]."""
TRIES_S: Final = 60.0
"""A customer who has pressed within so long may press again [E]."""
HABITS: Final = ("phone", "same_car", "tries_door")
"""Habits of a recipe's customers that bring its mode about; its hurry is left out."""
HURRY: Final = ("heartbeat_s", "keepalive_s", "reconnect", "network_stable", "boot")
"""Parameters that a recipe gives boxes only so that a minute shows the mode."""
UNKNOWN: Final = ("what_if.unknown_lasts", "what_if.unknown_cars", "what_if.unknown_customers")
"""Texts of what no monitor can know, and what is assumed instead."""


LEAST_S: Final = 1_800.0
"""Unlocks of so long from the beginning show what the fleet does, also if the incident is over."""
_CARS: Final = "SELECT DISTINCT vehicle_id FROM attempts WHERE list_contains($ids, attempt_id)"
_GOT_IN: Final = """
SELECT 60 * floor(epoch(started_at) / 60) AS minute_s,
    count(DISTINCT coalesce(booking_id, vehicle_id))
FROM attempts WHERE source <> 'floor' AND cause IS NULL AND started_at BETWEEN $since AND $until
GROUP BY minute_s
"""
"""How many customers got in, by minute."""


def worlds_of(source: Source, incident: Found) -> dict[str, Any]:
    """Return the worlds of an incident as plain values, the likeliest first.

    Raises `ConfigError` where no unlock of it is diagnosed, or none has failed.
    """
    until_s = min(max(incident.ended_at or math.inf, incident.since + LEAST_S), source.newest_s())
    recorded = source.recorded()
    first_s = (recorded and recorded.since_s) or incident.since
    since_s = max(min(first_s, incident.since), incident.since - BEFORE_S)
    ids = {"ids": [*incident.examples]}
    rows = source.read(lambda duck: duck.query(_CARS, ids, limit=len(incident.examples) + 1)).rows
    cars = {car for (car,) in rows}
    all_seen = unlocks_in(source, Span(since_s, until_s))
    struck = [
        one
        for one in all_seen
        if one.at_s >= incident.since
        and not one.went_well
        and (one.vehicle_id in cars or _may_be_of(incident, one))
    ]
    seen = [one for one in all_seen if not _is_of_intruder(incident, one)]
    unlocks = [one for one in seen if one.at_s >= incident.since]
    weights = _weights(struck)
    if not weights:
        has_failed = any(not one.went_well for one in unlocks)
        raise spoken_error("asked.not_diagnosed_yet" if has_failed else "asked.nobody_failed")
    known = incident.cars if incident.ended_at is None else 0
    rentals = _rentals(source, Span(incident.since - AWAY_S, until_s))
    demand = _Demand(
        rate_per_s=len(_customers(seen)) / max(1.0, until_s - since_s),
        fleet=incident.fleet_cars,
        away=rentals.away_at(until_s),
        struck=_share_lost(unlocks, struck, until_s),
        known=known,
    )
    worlds = []
    for slug, weight in weights.items():
        played = incident_of_unlocks(slug, struck, unlocks)
        worlds.append({"weight": weight, "mode": slug, **_lasting(played, demand)})
    return {
        "incident": incident.incident_id,
        "unknown": [*map(say_in(LANGUAGES[0]), UNKNOWN)],
        "observed": {
            **_observed(incident, unlocks, until_s=until_s),
            "before": len({_customer_of(one) for one in seen if one.at_s < incident.since}),
            "before_s": round(incident.since - since_s, 1),
            "struck": known,
            "likely_struck": _likely_struck(incident),
            "away": round(rentals.away_at(incident.since)),
        },
        "worlds": worlds,
    }


def _likely_struck(incident: Found) -> int | None:
    """Return how many cars are struck if all of its cohort are, or all that were lost.

    A cohort without traits is the whole fleet. Intruders do not try all of it, so it is not known.
    """
    has_traits = all(incident.affected_cohorts)
    if incident.kind is IncidentKind.CARS_LOST and not has_traits:
        return incident.cars
    if incident.kind is IncidentKind.SUSPICIOUS and not has_traits:
        return None
    return incident.cohort_cars or None


def _is_of_intruder(incident: Found, unlock: Unlock) -> bool:
    """Return whether an unlock is of those whom a suspicious incident is about: no customer."""
    is_suspicious = incident.kind is IncidentKind.SUSPICIOUS and unlock.mode == incident.mode
    return is_suspicious and unlock.booking_id is None


def _may_be_of(incident: Found, unlock: Unlock) -> bool:
    """Return whether a failed unlock is of the incident's mode; without one, of its cohorts."""
    if incident.mode is not None:
        return unlock.mode == incident.mode
    return _is_in_cohort(incident, unlock)


def _is_in_cohort(incident: Found, unlock: Unlock) -> bool:
    """Return whether an unlock's car has the traits of the incident's cohorts."""
    traits = {*unlock.traits}
    return any(cohort.items() <= traits for cohort in incident.affected_cohorts)


def _observed(incident: Found, unlocks: Sequence[Unlock], *, until_s: float) -> dict[str, Any]:
    """Return how customers got in, for each half of the incident's time by their first press.

    They got in with one press, with more, or not at all. Those who may still try are counted apart.
    A failed unlock of the cohort is one of the incident, whatever its own diagnosis is.
    """
    since_s = incident.since
    half_s = (until_s - since_s) / 2
    presses = Counter(map(_customer_of, unlocks))
    first_s: dict[str, float] = {}
    for one in unlocks:
        first_s.setdefault(_customer_of(one), one.at_s)
    parts = [[0, 0, 0], [0, 0, 0]]
    trying = 0
    for who, last in _customers(unlocks).items():
        if last.at_s >= until_s - TRIES_S:
            trying += 1
            continue
        is_again = presses[who] > 1
        is_lost = (
            not last.went_well
            and (is_again or last.cause is not None)
            and (last.mode == incident.mode or _is_in_cohort(incident, last))
        )
        parts[first_s[who] >= since_s + half_s][2 if is_lost else is_again] += 1
    lasted_s = round(max(until_s - since_s, 1.0), 1)
    return {"lasted_s": lasted_s, "parts": parts, "trying": trying}


def _customer_of(unlock: Unlock) -> str:
    """Return who pressed: a booking is one customer, however often it presses."""
    return unlock.booking_id or unlock.vehicle_id


class _Rentals(NamedTuple):
    """Rentals of the last while: a monitor sees how each begins, and not how it ends."""

    begun: Sequence[tuple[float, int]]
    """Minutes, as Unix seconds, and how many customers got in."""

    def away_at(self, at_s: float) -> float:
        """Return how many cars are with customers."""
        return sum(
            count * (1.0 - _share_back(at_s - begun_s))
            for begun_s, count in self.begun
            if begun_s <= at_s
        )


def _rentals(source: Source, span: Span) -> _Rentals:
    """Return the rentals that began in a time."""
    values = {"since": utc(span.since_s or 0.0), "until": utc(span.until_s or 0.0)}
    limit = round(2 * AWAY_S)
    rows = source.read(lambda duck: duck.query(_GOT_IN, values, limit=limit), span).rows
    return _Rentals([(float(minute_s), int(count)) for minute_s, count in rows])


def _share_back(gone_s: float) -> float:
    """Return which share of the cars is back so long after its customer got in."""
    return _BACK.cdf(math.log(max(gone_s, 1.0)))


def _weights(struck: Sequence[Unlock]) -> dict[str, float]:
    """Return the mean probability of each likely mode over the unlocks of an incident."""
    total: Counter[str] = Counter()
    for one in struck:
        for ranked in one.modes:
            if ranked.mode in MODES:
                total[ranked.mode] += ranked.probability  # type: ignore[assignment] # a float
    number = sum(bool(one.modes) for one in struck)
    return {
        mode: round(weight / number, 4)
        for mode, weight in total.most_common(MOST_WORLDS)
        if weight / number >= LEAST_WEIGHT
    }


def _lasting(incident: Incident, demand: _Demand) -> dict[str, Any]:
    """Return the scenario of an incident that goes on, with its customers, and its scale."""
    scenario = scenario_of(incident)
    groups = scenario["fleet"]["groups"]
    cars = demand.cars(
        hit=len({one.vehicle_id for one in incident.struck}),
        others=len({one.vehicle_id for one in incident.others}),
    )
    struck = demand.struck_cars(cars)
    size = min(1.0, FLEET / cars)
    cars, struck = round(size * cars), max(1, round(size * struck))
    hit, others = (
        [group for group in groups if group["name"].startswith(whose)]
        for whose in (INCIDENT, ELSEWHERE)
    )
    _scale(hit, struck if others else cars)
    _scale(others, cars - struck)
    customers: Mapping[str, Any] = scenario.get("customers") or {}
    stage = {"kind": "poisson", "rate_per_s": size * demand.rate_per_s, "duration_s": HOUR_S}
    lasting = {
        "description": scenario["description"],
        "fleet": scenario["fleet"],
        "customers": {
            **{key: customers[key] for key in HABITS if key in customers},
            "stages": [stage],
        },
        **({"platform": scenario["platform"]} if "platform" in scenario else {}),
        "faults": [_lasting_fault(fault, incident.mode) for fault in scenario["faults"]],
    }
    return {"scenario": lasting, "stands_for": round(1 / size, 3)}


def _lasting_fault(fault: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """Return a fault that goes on; that of the mode is in no hurry, so its severity is open."""
    its = {key: it for key, it in fault.items() if fault["name"] != mode or key != "parameters"}
    return {**its, "window": {"start_s": 0}}


def _scale(groups: Sequence[dict[str, Any]], cars: int) -> None:
    """Give groups so many cars together, in proportion; their boxes are in no hurry."""
    before = sum(group["count"] for group in groups)
    for group in groups:
        group["box"] = {key: it for key, it in group.get("box", {}).items() if key not in HURRY}
        group["count"] = max(1, round(group["count"] * cars / before))


def _customers(unlocks: Sequence[Unlock]) -> dict[str, Unlock]:
    """Return the last unlock of each customer."""
    return {_customer_of(one): one for one in unlocks}


def _share_lost(unlocks: Sequence[Unlock], struck: Sequence[Unlock], until_s: float) -> float:
    """Return the share of customers whose last unlock is a struck one; who still tries is none."""
    ids = {one.attempt_id for one in struck}
    ended = [one for one in _customers(unlocks).values() if one.at_s < until_s - TRIES_S]
    lost = sum(one.attempt_id in ids for one in ended)
    return lost / max(1, len(ended))


@dataclass(frozen=True, slots=True)
class _Demand:
    """The customers of an incident's time: a booking is one, however often it presses."""

    rate_per_s: float
    struck: float
    """Share of them who did not get in because of the incident, of 1."""
    fleet: int
    """Cars that the monitor knows; 0: an older monitor did not write it."""
    away: float
    """Cars that are with customers now."""
    known: int
    """Cars that were hit; of those that lost their connection also those that nobody asked for."""

    def cars(self, *, hit: int, others: int) -> int:
        """Return how many cars the fleet has: no fewer than were seen, and serve customers."""
        seen = max(hit, self.known) + others
        return max(seen, self.fleet or round(self.rate_per_s * HOUR_S))

    def struck_cars(self, cars: int) -> int:
        """Return how many of the cars are struck, so that this share of the customers is lost.

        Each customer takes one of the cars that are there.
        """
        return max(self.known, round(self.struck * max(cars - self.away, 0.1 * cars)))
