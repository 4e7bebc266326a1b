"""Worlds fitted to what the monitor observed: how severe the failure is, and how many cars it hits.

The time from the failure's beginning to the decision is played without a mitigation, with several
severities. The customers of struck and of well cars say how likely the observed ones are, for each
severity and each number of struck cars. Futures are then played with severities and shares
drawn in proportion to that, and each world is as likely as its diagnosis and its fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import msgspec

from fleet_sim.faults import FAULTS, Strikes
from fleet_sim.futures.future import PARTS, PastCounts, checked_world
from fleet_sim.futures.playing import FutureTask, ObservedCustomers, Player, World
from fleet_sim.runs.course import RENTAL_S
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.form import FaultEntry, Scenario, Selector, select
from fleet_wire.arrivals import Poisson

SEVERITIES: Final = 12
"""Severities that are tried of a failure mode whose incidents are drawn with several [E]."""
BEYOND: Final = 0.25
"""A failure may be milder or worse than any known one, by this part of the known range [E]."""
PLAYS: Final = 48
"""Plays of the past for each world [E]."""
SHARES: Final = 24
"""Shares of struck cars that are tried, each as much larger as the one before [E]."""
LEAST_SHARE: Final = 0.01
LIKELY: Final = 0.8
"""Probability that as many cars are struck as have the incident's traits [E]."""
STRUCK_IN_PLAY: Final = 0.5
"""Share of struck cars in a play of the past: both kinds of cars have enough customers [E]."""
USUAL: Final = ((0.4, 0.05, 0.05, 0.0), (8.0, 0.4, 0.1, 0.0))
"""Customers of struck and of well cars that are added to those of the plays: where a play has none,
nearly all customers of well cars get in at once [E]."""
LEAST_WEIGHT: Final = 0.01
"""Worlds less likely than this are not played [E]."""
STEP_S: Final = 60.0
"""Steps in which it is followed which cars are there [E]."""
GOLDEN: Final = (math.sqrt(5) - 1) / 2
"""Multiples of it, less their whole part, are spread evenly in any order."""


class _Candidate(NamedTuple):
    """A world with one severity and one number of struck cars."""

    scenario: Scenario
    struck: int
    seen: float
    """Share of the customers whom a monitor sees: the others could book no car."""
    lost: float
    """Share of all customers who did not get in, or could book no car."""
    log_weight: float


def past_tasks(worlds: Sequence[World]) -> list[FutureTask]:
    """Return the plays of the past that `fitted_worlds` needs, one for each world and severity."""
    return [
        FutureTask(
            number,
            msgspec.structs.replace(world, scenario=checked_world(played, world.decision_s)[0]),
            {},
            range(severity, PLAYS, len(severities)),
            versions(),
            severity,
        )
        for number, world in enumerate(worlds)
        if world.observed is not None
        for severities in [_severities(world)]
        for severity, scenario in enumerate(severities)
        for played in [_with_struck(scenario, round(STRUCK_IN_PLAY * scenario.fleet.count))]
    ]


def fitted_worlds(
    worlds: Sequence[World], *, seeds: int, play: Player, on_played: Callable[[int], None]
) -> list[World]:
    """Return the worlds that may be the real one, each with `seeds` variants that may be it.

    A world without observed customers stays as it is. Raises what `play` raises.
    """
    pasts: dict[tuple[int, int], list[PastCounts]] = {}
    for task, counts in play(past_tasks(worlds)):
        pasts[task.number, task.severity] = counts
        on_played(task.futures)
    found = []
    for number, world in enumerate(worlds):
        if world.observed is None:
            found.append((world, math.log(world.weight)))
            continue
        steps = _steps_of(world.mode)
        candidates = [
            candidate
            for severity, scenario in enumerate(_severities(world))
            for candidate in _candidates(
                world, world.observed, scenario, _near(pasts, number, severity, steps)
            )
        ]
        fit = math.log(world.weight) + _log_mean([each.log_weight for each in candidates])
        variants = _variants(world, world.observed, candidates, seeds)
        found.append((msgspec.structs.replace(world, variants=variants), fit))
    most = max(fit for _, fit in found)
    total = sum(math.exp(fit - most) for _, fit in found)
    weighed = [
        msgspec.structs.replace(world, weight=math.exp(fit - most) / total) for world, fit in found
    ]
    return [world for world in weighed if world.weight >= LEAST_WEIGHT]


class _Steps:
    """Draws each parameter at a part of its range; those of two differ in it."""

    def __init__(self, part: float) -> None:
        self._part = part

    def between(self, low: float, high: float) -> float:
        """Return the number at the part, and go on to that of the next parameter."""
        number = low + (high - low) * self._part
        self._part = (self._part + GOLDEN) % 1.0
        return number


def _steps_of(mode: str) -> int:
    """Return how many severities are tried of each kind of a failure mode."""
    fault = FAULTS.get(mode)
    if fault is None or not fault.drawing.ranges:
        return 1
    return max(1, SEVERITIES // len(fault.drawing.variants))


def _severities(world: World) -> list[Scenario]:
    """Return the world's scenario with each kind and severity of its failure mode.

    Those of one kind go from one end of its range to the other. Parameters that the scenario has
    stay as they are.
    """
    fault = FAULTS.get(world.mode)
    if fault is None:
        return [world.scenario]
    steps = _steps_of(world.mode)
    drawn = [
        fault.drawn_severity(_Steps((step + 0.5) / steps), wider=BEYOND) for step in range(steps)
    ]
    return [
        _with_parameters(world, {**severity, **kind})
        for kind in fault.drawing.variants
        for severity in drawn
    ]


def _with_parameters(world: World, changes: Mapping[str, Any]) -> Scenario:
    """Return the world's scenario with these parameters of its failure mode where it has none.

    A failure of the platform strikes the next car that a customer tries too, so it has all cars for
    its target.
    """
    strikes_all = _strikes_all(world.mode)

    def changed(entry: FaultEntry) -> FaultEntry:
        target = Selector() if strikes_all else entry.target
        parameters = {**changes, **entry.parameters}
        return entry.model_copy(update={"parameters": parameters, "target": target})

    faults = tuple(
        changed(entry) if entry.name == world.mode else entry for entry in world.scenario.faults
    )
    return world.scenario.model_copy(update={"faults": faults})


def _strikes_all(mode: str) -> bool:
    """Return whether incidents of a mode are those of the platform, for whatever car."""
    fault = FAULTS.get(mode)
    if fault is None or fault.strikes is not Strikes.PLATFORM:
        return False
    return {*fault.drawing.strikes_alike, *fault.drawing.may_strike_alike} <= {"all"}


def _with_struck(scenario: Scenario, struck: int) -> Scenario:
    """Return a scenario of as many cars, of which so many are struck, in proportion.

    Each group keeps a car, unless all cars are struck: then the well groups are gone. A scenario
    stays as it is where no group or every one is struck.
    """
    groups = scenario.fleet.groups
    hit = _struck_groups(scenario)
    before = sum(group.count for group in groups if group.name in hit)
    cars = scenario.fleet.count
    if before in (0, cars):
        return scenario
    wanted = {True: struck / before, False: (cars - struck) / (cars - before)}
    scaled = tuple(
        group.model_copy(update={"count": max(1, round(group.count * wanted[group.name in hit]))})
        for group in groups
        if group.name in hit or struck < cars
    )
    fleet = scenario.fleet.model_copy(update={"groups": scaled})
    return scenario.model_copy(update={"fleet": fleet})


def _struck_groups(scenario: Scenario) -> frozenset[str]:
    specs = scenario.cars()
    return frozenset(
        spec.traits.group
        for entry in scenario.faults
        for spec in select(specs, entry.target, 0, "futures/struck")
    )


def _near(
    pasts: Mapping[tuple[int, int], list[PastCounts]], number: int, severity: int, steps: int
) -> list[PastCounts]:
    """Return the pasts of one severity, twice, and of those beside it: chance counts for less.

    Each kind of the failure has so many steps of severity.
    """
    beside = [
        past
        for other in (severity - 1, severity + 1)
        if other // steps == severity // steps
        for past in pasts.get((number, other), ())
    ]
    return 2 * pasts[number, severity] + beside


def _candidates(
    world: World, observed: ObservedCustomers, scenario: Scenario, pasts: Sequence[PastCounts]
) -> list[_Candidate]:
    """Return one severity with each number of struck cars."""
    hit = _struck_groups(scenario)
    cars = scenario.fleet.count
    now = sum(group.count for group in scenario.fleet.groups if group.name in hit)
    ratio = (1 / LEAST_SHARE) ** (1 / (SHARES - 1))
    known = min(max(round(observed.struck / world.stands_for), 1), cars)
    numbers = {max(known, round(cars * LEAST_SHARE * ratio**step)) for step in range(SHARES)}
    likely = None
    if observed.likely_struck is not None:
        likely = min(max(known, round(observed.likely_struck / world.stands_for)), cars)
        numbers.add(likely)
    if now in (0, cars):
        numbers = {now}
    shares = _Shares(*(_shares(pasts, is_struck=which) for which in (True, False)))
    found = []
    for number in sorted(numbers):
        parts = shares.mixed_shares(world, number, cars)
        seen = 1.0 - sum(part[-1] for part in parts) / PARTS
        lost = sum(part[-2] + part[-1] for part in parts) / PARTS
        log_weight = _log_weight(observed, parts) + _of_demand(observed, seen)
        log_weight += _log_prior(number, likely, len(numbers))
        found.append(_Candidate(scenario, number, seen, lost, log_weight))
    return found


def _log_prior(struck: int, likely: int | None, numbers: int) -> float:
    """Return how likely a number of struck cars is against the mean of the numbers that are tried.

    Nothing is known of it without a likely one.
    """
    if likely is None or numbers == 1:
        return 0.0
    return math.log(numbers * (LIKELY if struck == likely else (1.0 - LIKELY) / (numbers - 1)))


def _log_weight(observed: ObservedCustomers, parts: Sequence[Sequence[float]]) -> float:
    """Return how likely the observed customers are, among those whom a monitor sees."""
    return sum(
        count * math.log(share / (1.0 - unseen))
        for counts, (*ways, unseen) in zip(observed.parts, parts, strict=True)
        for count, share in zip(counts, ways, strict=True)
    )


def _of_demand(observed: ObservedCustomers, seen: float) -> float:
    """Return how likely it is that so many of the customers are not from before the incident."""
    before_s = observed.before_s
    if not before_s:
        return 0.0
    since = seen * observed.lasted_s / (before_s + seen * observed.lasted_s)
    return observed.customers * math.log(since) + observed.before * math.log(1.0 - since)


class _Shares(NamedTuple):
    """Which share of the customers got in how, for each part of the past, as in `PastCounts`."""

    struck: list[list[float]]
    well: list[list[float]]

    def mixed_shares(self, world: World, struck: int, cars: int) -> list[list[float]]:
        """Return the shares of all customers where so many cars are struck."""
        return [
            [
                meets * of_struck + (1.0 - meets) * of_well
                for of_struck, of_well in zip(self.struck[part], self.well[part], strict=True)
            ]
            for part, meets in enumerate(self._meets(world, struck, cars))
        ]

    def _meets(self, world: World, struck: int, cars: int) -> list[float]:
        """Return which share of the customers has a struck car, for each part.

        Each customer has one of the cars that are there; who gets in has it for `RENTAL_S`.
        """
        if struck == cars:
            return [1.0] * PARTS
        come = _stage_rate_per_s(world.scenario) * STEP_S
        steps = max(1, round(world.decision_s / PARTS / STEP_S))
        numbers = (struck, cars - struck)
        away = [world.away * number for number in numbers]
        found = []
        for part in range(PARTS):
            total = 0.0
            for _ in range(steps):
                there = [number - out for number, out in zip(numbers, away, strict=True)]
                meets = there[0] / max(sum(there), 1.0)
                total += meets
                for kind, (share, shares) in enumerate(
                    zip((meets, 1.0 - meets), (self.struck, self.well), strict=True)
                ):
                    leave = come * share * sum(shares[part][:2])
                    stay = away[kind] * (1.0 - STEP_S / RENTAL_S) + leave
                    away[kind] = min(stay, float(numbers[kind]))
            found.append(total / steps)
        return found


def _shares(pasts: Sequence[PastCounts], *, is_struck: bool) -> list[list[float]]:
    """Return which share of the customers got in how, for each part of the past."""
    usual = USUAL[not is_struck]
    found = []
    for part in range(PARTS):
        rows = [(past.struck if is_struck else past.well)[part] for past in pasts]
        counts = [sum(column) + more for *column, more in zip(*rows, usual, strict=True)]
        found.append([count / sum(counts) for count in counts])
    return found


def _log_mean(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs) / len(logs))


def _variants(
    world: World, observed: ObservedCustomers, candidates: Sequence[_Candidate], number: int
) -> tuple[World, ...]:
    """Return candidates in proportion to their weights, spread evenly from mild to bad ones.

    Each has a number of customers that may have come.
    """
    candidates = sorted(candidates, key=lambda each: each.lost)
    most = max(each.log_weight for each in candidates)
    weights = [math.exp(each.log_weight - most) for each in candidates]
    step = sum(weights) / number
    found: list[World] = []
    passed = 0.0
    for candidate, weight in zip(candidates, weights, strict=True):
        passed += weight
        while len(found) < number and (len(found) + 0.5) * step <= passed:
            chance = (0.5 + len(found) * GOLDEN) % 1.0
            rate_per_s = _rate_per_s(observed, candidate.seen, chance) / world.stands_for
            scenario = _with_struck(_with_rate(candidate.scenario, rate_per_s), candidate.struck)
            checked, scale, _ = checked_world(scenario, world.decision_s)
            scale *= world.stands_for
            found.append(msgspec.structs.replace(world, scenario=checked, scale=scale))
    return tuple(found)


def _rate_per_s(observed: ObservedCustomers, seen: float, chance: float) -> float:
    """Return how many customers come in a second: the quantile `chance` of what is likely.

    The square root of a number by chance has a standard deviation of a half.
    """
    known = observed.before + observed.customers
    root = max(math.sqrt(known + 0.25) + NormalDist().inv_cdf(chance) / 2, 0.5)
    return root**2 / (observed.before_s + seen * observed.lasted_s)


def _stage_rate_per_s(scenario: Scenario) -> float:
    assert scenario.customers is not None  # noqa: S101 - see `checked_world`
    (stage,) = scenario.customers.known_stages
    assert isinstance(stage, Poisson)  # noqa: S101 - see `checked_world`
    return stage.rate_per_s


def _with_rate(scenario: Scenario, rate_per_s: float) -> Scenario:
    assert scenario.customers is not None  # noqa: S101 - see `checked_world`
    (stage,) = scenario.customers.known_stages
    stages = [stage.model_copy(update={"rate_per_s": rate_per_s})]
    customers = scenario.customers.model_copy(update={"stages": stages})
    return scenario.model_copy(update={"customers": customers})
