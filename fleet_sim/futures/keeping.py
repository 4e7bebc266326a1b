"""Futures kept as runs: each with its records, its monitor's judgements and its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from fleet_sim.futures.playing import World, changes_something
from fleet_sim.futures.ranking import NOTHING
from fleet_sim.mitigations.form import Mitigation
from fleet_sim.runs.course import Course
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import LineProgress
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.config.file import yaml_text

SCENARIO = "world.yaml"


def keep_futures(
    worlds: Sequence[World], mitigations: Mapping[str, Mitigation], *, seed: int, folder: Path
) -> Iterator[Path]:
    """Play one future of each mitigation and world with a monitor; yield each run's directory.

    Raises `UnlockpathError` where a directory holds another run, or a run cannot be done.
    """
    named: dict[str, Mitigation | None] = {NOTHING: None, **mitigations}
    for number, world in enumerate(worlds, start=1):
        for name, mitigation in named.items():
            if mitigation is None or changes_something(mitigation, world):
                path = folder / name / f"world-{number}"
                _keep_future(world.of_seed(seed), mitigation, seed=seed, path=path)
                yield path


def _keep_future(world: World, mitigation: Mitigation | None, *, seed: int, path: Path) -> None:
    file = path / SCENARIO
    source = ScenarioSource(file, own_name=f"{path.parent.name}-{path.name}")
    directory = RunDirectory.create(path, scenario_name=source.name, seed=seed)
    file.write_text(yaml_text(world.scenario.resolved()), encoding="utf-8")
    course = Course(mitigation=mitigation, decision_s=world.decision_s, away=world.away)
    options = VirtualOptions(seed=seed, course=course)
    scenario = load_scenario(file, [])
    VirtualRun(scenario, source, directory, options, LineProgress(StringIO())).run()
