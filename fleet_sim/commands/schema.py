"""The command `fleet-sim schema`."""

from __future__ import annotations

import click

from fleet_sim.scenario.loading import scenario_schema
from fleet_wire.printing import print_json


@click.command()
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors and other programs."""
    print_json(scenario_schema())
