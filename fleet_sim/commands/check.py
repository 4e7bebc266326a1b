"""The command `fleet-sim check`."""

from __future__ import annotations

from pathlib import Path

import click

from fleet_sim.commands.options import scenario_argument, set_option
from fleet_sim.results import readable
from fleet_sim.scenario.loading import load_scenario


@click.command()
@scenario_argument
@set_option
def check(*, scenario: Path, overrides: tuple[str, ...]) -> None:
    """Check SCENARIO without running it; every error names file, line and key."""
    loaded = load_scenario(scenario, list(overrides))
    cars = readable.number_of(loaded.fleet.count, "car")
    groups = readable.number_of(len(loaded.fleet.groups), "group")
    faults = readable.number_of(len(loaded.faults), "fault")
    expectations = readable.number_of(len(loaded.expect), "expectation")
    click.echo(
        f"{scenario}: {cars} in {groups}, {loaded.load_duration_s:g} s of load,"
        f" {faults}, {expectations}: fine"
    )
