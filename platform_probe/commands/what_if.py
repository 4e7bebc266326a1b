"""`platform-probe what-if`: which mitigation of an incident would save most rentals."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click

from fleet_wire.command_line import write_file
from fleet_wire.config.file import yaml_text
from fleet_wire.errors import ConfigError
from platform_probe.commands.asking import StoreOptions, store_options
from platform_probe.commands.incidents import one_incident
from platform_probe.tell.export.worlds import worlds_of


@click.command("what-if", context_settings={"ignore_unknown_options": True})
@click.argument("incident_id", metavar="ID")
@store_options
@click.option(
    "--worlds", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the worlds there, and play nothing: fleet-sim what-if FILE plays them.",
)  # fmt: skip
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF FLEET-SIM]")
def what_if(
    *,
    incident_id: str,
    store: StoreOptions,
    worlds: Path | None,
    options: tuple[str, ...],
) -> None:
    """Play on incident ID with each mitigation, and rank them by rentals lost.

    The worlds are its likeliest failure modes, each as likely as the diagnoses say. Later
    options go to `fleet-sim what-if`: --seeds, --mitigations, --only, --json.

    \b
    platform-probe what-if inc-1b2c --store store
    platform-probe what-if inc-1b2c --run runs/morning --seeds 50 --mitigations ours/
    """  # noqa: D301 - click's own escape
    if worlds is None and find_spec("fleet_sim") is None:
        problem = "fleet_sim, which plays the worlds, is not installed here: write them with"
        problem += " --worlds FILE, and play them where it is: fleet-sim what-if FILE"
        raise ConfigError([problem])
    asked = store.question()
    text = yaml_text(worlds_of(asked.source, one_incident(asked.source, incident_id)))
    if worlds is not None:
        write_file(worlds, text, option="--worlds")
        click.echo(f"{worlds}: play it with fleet-sim what-if {worlds}", err=True)
        return
    with tempfile.TemporaryDirectory(prefix="what-if-") as folder:
        path = Path(folder) / "worlds.yaml"
        write_file(path, text, option="--worlds")
        command = [sys.executable, "-m", "fleet_sim", "what-if", str(path), *options]
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - our own program
    sys.exit(code)
