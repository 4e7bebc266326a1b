"""Plays the futures of an incident in processes of this machine, or on the workers of Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from pydantic import Field

from fleet_sim.futures.future import (
    DECISION_S,
    PARTS,
    FutureCounts,
    checked_world,
    play_futures,
    play_past,
)
from fleet_sim.futures.ranking import NOTHING
from fleet_sim.mitigations.form import Mitigation
from fleet_sim.runs.course import Course
from fleet_sim.runs.injection import strikes_boxes
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import scenario_of
from fleet_sim.sweeps.dask import WorkersKilled, each_on_dask
from fleet_sim.sweeps.point import check_versions
from fleet_sim.sweeps.pool import pool_of
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, load_document
from fleet_wire.errors import LimitError
from fleet_wire.quantities import FrozenModel

IMPORTED_TO_PLAY: Final = __name__
LONGEST_PAST_S: Final = 1_800.0
"""Seconds of an incident that are played before the decision, at most [E]."""
Count = Annotated[int, Field(ge=0, le=10_000_000)]


class WeightedWorld(FrozenModel):
    """A possible world of the incident, and how likely it is the real one."""

    weight: float = Field(gt=0, le=1, description="how likely it is, against the others")
    mode: str = Field("", description="the failure mode that it plays")
    scenario: dict[str, Any] = Field(description="the world, as a scenario")
    stands_for: float = Field(
        1.0, gt=0, description="cars of the incident for each of the scenario, and customers too"
    )


class ObservedCustomers(FrozenModel):
    """How customers got in, from the incident's beginning until it was exported, and before."""

    lasted_s: float = Field(gt=0, description="seconds since the incident began")
    parts: list[tuple[Count, Count, Count]] = Field(
        min_length=PARTS,
        max_length=PARTS,
        description="customers of each half of that time: in with one press, with more, not at all",
    )
    trying: Count = Field(0, description="other customers since then, who may still press again")
    before: Count = Field(0, description="customers before the incident")
    before_s: float = Field(0.0, ge=0, description="seconds in which they came")
    struck: Count = Field(
        0, description="cars known to be hit, also by a lost connection: there may be more"
    )
    likely_struck: Count | None = Field(
        None,
        description="cars that are struck if all with the incident's traits are, or all that lost"
        " their connection; null: not known",
    )
    away: Count | None = Field(
        None,
        description="cars that were with customers when it began; null: as many as usual at the"
        " rate of the customers",
    )

    @property
    def customers(self) -> int:
        """Return how many customers pressed since the incident's beginning."""
        return self.trying + sum(map(sum, self.parts))

    def share_away(self, scenario: Scenario, stands_for: float, usual: float) -> float:
        """Return the share of a world's cars that customers have when the incident begins."""
        if self.away is None:
            return usual
        return min(self.away / stands_for / scenario.fleet.count, 1.0)


class WorldsFile(FrozenModel):
    """Several worlds of one incident, as `platform-probe what-if` exports them."""

    incident: str = Field("", description="the incident's id")
    unknown: list[str] = Field([], description="what the monitor could not know")
    observed: ObservedCustomers | None = Field(None, description="customers of the incident so far")
    worlds: list[WeightedWorld] = Field(min_length=1, max_length=10)


class World(msgspec.Struct, frozen=True):
    """A checked world."""

    weight: float
    mode: str
    scenario: Scenario
    scale: float = 1.0
    """Customers of the incident for each that is played."""
    stands_for: float = 1.0
    """Cars of the incident for each of the scenario."""
    away: float = 0.0
    """Share of the cars that are with customers at the beginning."""
    decision_s: float = DECISION_S
    """How long the failure has lasted at the decision."""
    observed: ObservedCustomers | None = None
    """The customers until the decision; None: they are not known."""
    variants: tuple[World, ...] = ()
    """Severities with which it may be the real one, one for each seed; none: as it is."""

    def of_seed(self, seed: int) -> World:
        """Return the variant that a seed plays."""
        return self.variants[seed % len(self.variants)] if self.variants else self


def read_worlds(path: Path) -> tuple[list[World], list[str]]:
    """Return the worlds of a file, and what its monitor could not know.

    A scenario with customers and faults is one world. Raises `ConfigError` with file, line and key.
    """
    document = load_document(path)
    if "worlds" not in document.values:
        scenario, scale, away = checked_world(scenario_of(document))
        modes = ", ".join(dict.fromkeys(entry.name for entry in scenario.faults))
        return [World(1.0, modes, scenario, scale, away=away)], []
    file = validated_model(document, WorldsFile)
    observed = file.observed
    decision_s = DECISION_S
    if observed is not None:
        decision_s = min(max(observed.lasted_s, DECISION_S), LONGEST_PAST_S)
    worlds = [
        World(
            each.weight,
            each.mode,
            scenario,
            scale * each.stands_for,
            each.stands_for,
            usual if observed is None else observed.share_away(scenario, each.stands_for, usual),
            decision_s,
            observed,
        )
        for number, each in enumerate(file.worlds)
        for scenario, scale, usual in [
            checked_world(scenario_of(_scenario_document(document, number)), decision_s)
        ]
    ]
    return worlds, file.unknown


def _scenario_document(document: Document, number: int) -> Document:
    """Return the part of a worlds file that is a scenario, with the lines of its keys."""
    at = ("worlds", number, "scenario")
    lines = {loc[len(at) :]: line for loc, line in document.lines.items() if loc[: len(at)] == at}
    return Document(
        path=document.path,
        values=document.values["worlds"][number]["scenario"],
        lines=lines,
    )


def changes_something(mitigation: Mitigation, world: World) -> bool:
    """Return whether a mitigation may change a world, where it acts on what is there."""
    faults = [entry.fault() for entry in world.scenario.faults]
    now = world.scenario.platform_parameters
    if any(getattr(now, name) != value for name, value in mitigation.platform.items()):
        return True
    if mitigation.boxes or mitigation.connects_per_s:
        return True
    if mitigation.avoids is not None and any(map(strikes_boxes, faults)):
        return True
    ending = mitigation.ends
    return ending is not None and any(fault.name in ending.modes for fault in faults)


class FutureTask(NamedTuple):
    """Futures of one world with some mitigations, or its pasts, for a process anywhere."""

    number: int
    """The world's."""
    world: World
    mitigations: Mapping[str, Mitigation | None]
    """They are named; without one the time before the decision is played."""
    seeds: Sequence[int]
    versions: Mapping[str, str]
    """Those of who asks: another version may play another future."""
    severity: int = 0
    """Which severity of the world's failure mode is played."""

    @property
    def futures(self) -> int:
        """Return how many futures or pasts are played."""
        return len(self.seeds) * max(len(self.mitigations), 1)


def play_task(task: FutureTask, *, forks: bool = True) -> list[Any]:
    """Play futures, by seed and mitigation, or pasts, by seed. Raises `UnlockpathError`."""
    check_versions(task.versions)
    if not task.mitigations:
        world = task.world
        course = Course(mitigation=None, decision_s=world.decision_s, away=world.away)
        return [play_past(world.scenario, course, seed) for seed in task.seeds]
    options = [*task.mitigations.values()]
    return [play_world(task.world.of_seed(seed), options, seed, forks=forks) for seed in task.seeds]


def play_world(
    world: World, mitigations: Sequence[Mitigation | None], seed: int, *, forks: bool = True
) -> list[FutureCounts]:
    """Play a world with each mitigation or none."""
    courses = [
        Course(mitigation=mitigation, decision_s=world.decision_s, away=world.away)
        for mitigation in mitigations
    ]
    played = play_futures(world.scenario, courses, seed, forks=forks)
    return [counts.scaled(world.scale) for counts in played]


Results = Iterator[tuple[FutureTask, list[Any]]]
Player = Callable[[Sequence[FutureTask]], Results]


def play_all(
    worlds: Sequence[World],
    mitigations: Mapping[str, Mitigation],
    *,
    seeds: Sequence[int],
    play: Player,
    on_played: Callable[[int], None],
) -> dict[str, list[list[FutureCounts]]]:
    """Return the counts of each future: by mitigation, `NOTHING` first, then world, then seed.

    A mitigation that changes nothing in a world has the counts of doing nothing there.

    `play` is `play_here` or `play_on_dask`; `on_played` is told how many more were played. Raises
    what they raise.
    """
    named: dict[str, Mitigation | None] = {NOTHING: None, **mitigations}
    tasks = [
        FutureTask(number, world, options, [seed], versions())
        for number, world in enumerate(worlds)
        for options in [_with_effect(named, world)]
        for seed in seeds
    ]
    found: dict[tuple[int, int], dict[str, FutureCounts]] = {}
    for task, (counts,) in play(tasks):
        found[task.number, task.seeds[0]] = dict(zip(task.mitigations, counts, strict=True))
        on_played(task.futures)

    def of(name: str, number: int) -> list[FutureCounts]:
        played = (found[number, seed] for seed in seeds)
        return [each.get(name, each[NOTHING]) for each in played]

    return {name: [of(name, number) for number in range(len(worlds))] for name in named}


def _with_effect(
    named: Mapping[str, Mitigation | None], world: World
) -> dict[str, Mitigation | None]:
    """Return the mitigations that may change a world, and doing nothing."""
    return {
        name: each for name, each in named.items() if each is None or changes_something(each, world)
    }


def play_here(tasks: Sequence[FutureTask], *, jobs: int) -> Results:
    """Play futures in processes of this machine, and yield them in order."""
    with pool_of(jobs, IMPORTED_TO_PLAY) as pool:
        yield from zip(tasks, pool.map(play_task, tasks), strict=True)


def play_on_dask(
    tasks: Sequence[FutureTask], address: str, *, note: Callable[[str], None]
) -> Results:
    """Play futures on the workers of a Dask scheduler, and yield them in any order.

    Raises as `each_on_dask` does, and `LimitError` for futures that killed their workers.
    """
    play = partial(play_task, forks=False)  # a worker has threads
    for task, counts in each_on_dask(play, tasks, address, note=note):
        if isinstance(counts, WorkersKilled):
            raise LimitError(counts.text, "give the workers more memory")
        yield task, counts
