"""The command `fleet-sim check`."""

from __future__ import annotations

from pathlib import Path

import click

from fleet_sim.commands.options import scenario_argument, set_option
from fleet_sim.scenario.loading import load_scenario


@click.command()
@scenario_argument
@set_option
def check(*, scenario: Path, overrides: tuple[str, ...]) -> None:
    """Check SCENARIO without running it; every error names file, line and key."""
    loaded = load_scenario(scenario, list(overrides))
    click.echo(
        f"{scenario}: {loaded.fleet.count} cars in {len(loaded.fleet.groups)} groups,"
        f" {loaded.load_duration_s:g} s of load, {len(loaded.faults)} faults,"
        f" {len(loaded.expect)} expectations: fine"
    )
