"""Runs scenarios in virtual time, in this process, and reads what they wrote."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import progress_on
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.scenario.form import Scenario
from tests.helpers.places import ROOT

SCENARIOS = {path.stem: path for path in sorted((ROOT / "scenarios").rglob("*.yaml"))}


def run_virtually(
    scenario: Scenario,
    directory: Path,
    *,
    seed: int,
    with_report: bool = False,
    journal: bool = False,
) -> dict[str, Any]:
    """Run a scenario in virtual time into a new directory, and return its summary.

    The report is a seventh of a short run, so it is made where it is asked for.
    """
    source = directory.with_suffix(".yaml")
    source.write_text("", encoding="utf-8")
    return VirtualRun(
        scenario,
        ScenarioSource(source),
        RunDirectory.create(directory, scenario_name=directory.name, seed=seed),
        VirtualOptions(seed=seed, with_report=with_report, journal=journal),
        progress_on(Console(file=io.StringIO())),
    ).run()


def broken_expectations(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the expectations that do not hold."""
    return [verdict for verdict in summary["expect"] if not verdict["holds"]]
