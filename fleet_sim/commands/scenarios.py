"""The command `fleet-sim scenarios`."""

from __future__ import annotations

import click

from fleet_sim.scenario.shipped import described_scenarios


@click.command()
def scenarios() -> None:
    """List the scenarios that ship, each with what happens in it.

    A name of the list can stand wherever a command expects a SCENARIO.

    \b
    fleet-sim run first_rentals
    fleet-sim init my-fleet --scenario first_rentals
    """  # noqa: D301 - click's own escape
    described = [*described_scenarios()]
    width = max(len(name) for name, _ in described)
    for name, description in described:
        click.echo(f"{name:{width}}  {description}")
