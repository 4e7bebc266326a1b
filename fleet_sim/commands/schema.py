"""The command `fleet-sim schema`."""

from __future__ import annotations

import click
import msgspec

from fleet_sim.scenario.loading import scenario_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors and other programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(scenario_schema()), indent=2).decode())
