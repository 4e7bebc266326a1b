"""Worlds fitted to what the monitor observed: how severe the failure is, and how many cars it hits.

The time from the failure's beginning to the decision is played without a mitigation, with several
severities. The customers of struck and of well cars say how likely the observed ones are, for each
severity and each number of struck cars. Futures are then played with severities and shares
drawn in proportion to that, and each world is as likely as its diagnosis and its fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from fleet_sim.faults import FAULTS
from fleet_sim.futures.future import PARTS, PastCounts, checked_world
from fleet_sim.futures.playing import FutureTask, Player, World
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.form import Scenario, select
from fleet_wire.randomness import RandomStream

SEVERITIES: Final = 4
"""Severities that are tried of a failure mode which is drawn with several [E]."""
PLAYS: Final = 24
"""Plays of the past for each world [E]."""
SHARES: Final = 24
"""Shares of struck cars that are tried, each as much larger as the one before [E]."""
LEAST_SHARE: Final = 0.01
STRUCK_IN_PLAY: Final = 0.5
"""Share of struck cars in a play of the past: both kinds of cars have enough customers [E]."""
USUAL: Final = ((0.4, 0.05, 0.05), (8.0, 0.4, 0.1))
"""Customers of struck and of well cars that are added to those of the plays: where a play has none,
nearly all customers of well cars get in at once [E]."""
LEAST_WEIGHT: Final = 0.01
"""Worlds less likely than this are not played [E]."""


class _Candidate(NamedTuple):
    """A world with one severity and one number of struck cars."""

    scenario: Scenario
    struck: int
    log_weight: float


def past_tasks(worlds: Sequence[World]) -> list[FutureTask]:
    """Return the plays of the past that `fitted_worlds` needs, one for each world and severity."""
    return [
        FutureTask(
            f"past-{severity}",
            number,
            msgspec.structs.replace(world, scenario=checked_world(played, world.decision_s)[0]),
            None,
            range(severity, PLAYS, len(severities)),
            versions(),
            is_past=True,
        )
        for number, world in enumerate(worlds)
        if world.observed
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
    pasts: dict[tuple[int, str], list[PastCounts]] = {}
    for task, counts in play(past_tasks(worlds)):
        pasts[task.number, task.name] = counts
        on_played(len(counts))
    found = []
    for number, world in enumerate(worlds):
        if not world.observed:
            found.append((world, math.log(world.weight)))
            continue
        candidates = [
            candidate
            for severity, scenario in enumerate(_severities(world))
            for candidate in _candidates(world, scenario, pasts[number, f"past-{severity}"])
        ]
        fit = math.log(world.weight) + _log_mean([each.log_weight for each in candidates])
        found.append(
            (msgspec.structs.replace(world, variants=_variants(world, candidates, seeds)), fit)
        )
    most = max(fit for _, fit in found)
    total = sum(math.exp(fit - most) for _, fit in found)
    weighed = [
        msgspec.structs.replace(world, weight=math.exp(fit - most) / total) for world, fit in found
    ]
    return [world for world in weighed if world.weight >= LEAST_WEIGHT]


def _severities(world: World) -> list[Scenario]:
    """Return the world's scenario as it is, and with other severities of its failure mode."""
    scenario = world.scenario
    stream = RandomStream.named(0, f"futures/severity/{world.mode}")
    found = [scenario]
    if world.mode in FAULTS and FAULTS[world.mode].drawing.ranges:
        for _ in range(SEVERITIES - 1):
            drawn = FAULTS[world.mode].drawn_severity(stream)
            faults = tuple(
                entry.model_copy(update={"parameters": {**entry.parameters, **drawn}})
                if entry.name == world.mode
                else entry
                for entry in scenario.faults
            )
            found.append(scenario.model_copy(update={"faults": faults}))
    return found


def _with_struck(scenario: Scenario, struck: int) -> Scenario:
    """Return a scenario of as many cars, of which so many are struck, in proportion.

    Each group keeps a car. A scenario stays as it is where no group or every one is struck.
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


def _candidates(world: World, scenario: Scenario, pasts: Sequence[PastCounts]) -> list[_Candidate]:
    """Return one severity with each number of struck cars."""
    hit = _struck_groups(scenario)
    cars = scenario.fleet.count
    now = sum(group.count for group in scenario.fleet.groups if group.name in hit)
    ratio = (1 / LEAST_SHARE) ** (1 / (SHARES - 1))
    numbers = {max(1, round(cars * LEAST_SHARE * ratio**step)) for step in range(SHARES)}
    if now in (0, cars):
        numbers = {now}
    struck, well = (_shares(pasts, is_struck=which) for which in (True, False))
    found = []
    for number in sorted(numbers):
        away = checked_world(_with_struck(scenario, number), world.decision_s)[2]
        there = number + (cars - number) * (1.0 - away)
        meets = number / there if there else 1.0
        log_weight = sum(
            count * math.log(meets * of_struck + (1.0 - meets) * of_well)
            for part, counts in enumerate(world.observed)
            for count, of_struck, of_well in zip(counts, struck[part], well[part], strict=True)
        )
        found.append(_Candidate(scenario, number, log_weight))
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


def _variants(world: World, candidates: Sequence[_Candidate], number: int) -> tuple[World, ...]:
    """Return candidates in proportion to their weights, spread evenly over them."""
    most = max(each.log_weight for each in candidates)
    weights = [math.exp(each.log_weight - most) for each in candidates]
    step = sum(weights) / number
    found: list[World] = []
    passed = 0.0
    for candidate, weight in zip(candidates, weights, strict=True):
        passed += weight
        while len(found) < number and (len(found) + 0.5) * step <= passed:
            scenario = _with_struck(candidate.scenario, candidate.struck)
            checked, _, away = checked_world(scenario, world.decision_s)
            found.append(msgspec.structs.replace(world, scenario=checked, away=away))
    return tuple(found)
