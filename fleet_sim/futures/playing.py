"""Plays the futures of an incident in processes of this machine, and ranks the mitigations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from fleet_sim.futures.future import FutureCounts, checked_world, play_future
from fleet_sim.futures.ranking import NOTHING
from fleet_sim.mitigations.form import Mitigation
from fleet_sim.runs.injection import strikes_boxes
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import scenario_of
from fleet_sim.sweeps.pool import begin_worker, forked_with
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, load_document

IMPORTED_TO_PLAY: Final = "fleet_sim.futures.future"
SEEDS_AT_ONCE: Final = 5
"""Seeds that a process plays before it reports: handing over one future at a time costs 5 % [E]."""


class WeightedWorld(BaseModel):
    """A possible world of the incident, and how likely it is the real one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(gt=0, le=1, description="how likely it is, against the others")
    mode: str = Field("", description="the failure mode that it plays")
    scenario: dict[str, Any] = Field(description="the world, as a scenario")


class WorldsFile(BaseModel):
    """Several worlds of one incident, as `platform-probe what-if` exports them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    incident: str = Field("", description="the incident's id")
    unknown: list[str] = Field([], description="what the monitor could not know")
    worlds: list[WeightedWorld] = Field(min_length=1, max_length=10)


class World(msgspec.Struct, frozen=True):
    """A checked world."""

    weight: float
    mode: str
    scenario: Scenario


def read_worlds(path: Path) -> tuple[list[World], list[str]]:
    """Return the worlds of a file, and what its monitor could not know.

    A scenario with customers and faults is one world. Raises `ConfigError` with file, line and key.
    """
    document = load_document(path)
    if "worlds" not in document.values:
        scenario = checked_world(scenario_of(document))
        modes = ", ".join(dict.fromkeys(entry.name for entry in scenario.faults))
        return [World(1.0, modes, scenario)], []
    file = validated_model(document, WorldsFile)
    worlds = [
        World(
            each.weight,
            each.mode,
            checked_world(scenario_of(_scenario_document(document, number))),
        )
        for number, each in enumerate(file.worlds)
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
    if mitigation.platform or mitigation.boxes is not None:
        return True
    if mitigation.avoids is not None and any(map(strikes_boxes, faults)):
        return True
    ending = mitigation.ends
    return ending is not None and any(fault.name in ending.modes for fault in faults)


def play_all(
    worlds: Sequence[World],
    mitigations: Mapping[str, Mitigation],
    *,
    seeds: Sequence[int],
    jobs: int,
    on_played: Callable[[int], None],
) -> dict[str, list[list[FutureCounts]]]:
    """Return the counts of each future: by mitigation, `NOTHING` first, then world, then seed.

    A mitigation that changes nothing in a world has the counts of doing nothing there.

    `on_played` is told how many more were played. Raises what a future raises.
    """
    names: list[tuple[str, Mitigation | None]] = [(NOTHING, None), *mitigations.items()]
    chunks = [seeds[at : at + SEEDS_AT_ONCE] for at in range(0, len(seeds), SEEDS_AT_ONCE)]
    played: dict[str, list[list[FutureCounts]]] = {}
    with _pool(jobs, [world.scenario for world in worlds]) as pool:
        tasks = {
            (name, number): [pool.submit(_play, number, mitigation, chunk) for chunk in chunks]
            for name, mitigation in names
            for number, world in enumerate(worlds)
            if mitigation is None or changes_something(mitigation, world)
        }
        for name, _ in names:
            played[name] = []
            for number in range(len(worlds)):
                futures = tasks.get((name, number))
                if futures is None:
                    played[name].append(played[NOTHING][number])
                    continue
                counts: list[FutureCounts] = []
                for future in futures:
                    found = future.result()
                    on_played(len(found))
                    counts += found
                played[name].append(counts)
    return played


_scenarios: list[Scenario] = []
"""The worlds of this process: set once when it begins."""


def _start_worker(scenarios: list[Scenario]) -> None:
    begin_worker()
    _scenarios[:] = scenarios


def _play(number: int, mitigation: Mitigation | None, seeds: Sequence[int]) -> list[FutureCounts]:
    return [play_future(_scenarios[number], mitigation, seed) for seed in seeds]


@contextmanager
def _pool(jobs: int, scenarios: list[Scenario]) -> Iterator[ProcessPoolExecutor]:
    """Give processes that know the worlds; what is left to do when the block fails is dropped."""
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=forked_with(IMPORTED_TO_PLAY),
        initializer=_start_worker,
        initargs=(scenarios,),
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
