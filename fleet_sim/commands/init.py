"""The command `fleet-sim init`."""

from __future__ import annotations

from pathlib import Path

import click

from fleet_sim.commands.scenario_path import ScenarioPath
from fleet_sim.scenario.shipped import DEPLOY, copy_start


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--scenario",
    type=ScenarioPath(exists=True, dir_okay=False),
    default="first_rentals",
    show_default=True,
    help="The scenario to begin with: a name of `fleet-sim scenarios`, or a file.",
)
def init(*, directory: Path, scenario: Path) -> None:
    """Copy a scenario and the files that deploy a monitor to DIR, as a start of your own.

    DIR/deploy holds monitor settings, Prometheus rules and Grafana dashboards. It also holds an
    Alertmanager configuration, systemd units and Kubernetes manifests.

    \b
    fleet-sim init my-fleet
    fleet-sim init my-fleet --scenario carrier_outage
    """  # noqa: D301 - click's own escape
    count = len(copy_start(scenario, directory)) - 1
    copied = directory / scenario.name
    click.echo(f"{copied}: the scenario; try it by: fleet-sim run {copied}")
    click.echo(f"{directory / DEPLOY}: {count} files; systemd/platform-probe.yaml has the settings")
