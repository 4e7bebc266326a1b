"""`platform-probe what-if`: which mitigation of an incident would save most rentals."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click
import msgspec

from fleet_wire.child_process import BOUND_COMMAND, open_input
from fleet_wire.command_line import write_file
from fleet_wire.config.file import yaml_text
from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from platform_probe.commands.asking import StoreOptions, store_options
from platform_probe.commands.incidents import one_incident
from platform_probe.commands.person import PersonOptions, person_options
from platform_probe.settings.messages import WHAT_IFS_PATH
from platform_probe.tell.export.worlds import worlds_of
from platform_probe.tell.posting import MonitorAddress
from platform_probe.tell.posting import post as post_to
from platform_probe.tell.what_if import WhatIfPost, WhatIfResult, what_if_lines
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.spoken_error import spoken_error


@click.command("what-if", context_settings={"ignore_unknown_options": True})
@click.argument("incident_id", metavar="ID")
@store_options
@click.option(
    "--worlds", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the worlds there, and play nothing: fleet-sim what-if FILE plays them.",
)  # fmt: skip
@click.option(
    "--post", is_flag=True,
    help="Also have the monitor post the ranking into the incident's thread in Slack.",
)  # fmt: skip
@person_options
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF FLEET-SIM]")
def what_if(
    *,
    incident_id: str,
    store: StoreOptions,
    worlds: Path | None,
    post: bool,
    person: PersonOptions,
    options: tuple[str, ...],
) -> None:
    """Play on incident ID with each mitigation, and rank them by rentals lost.

    The worlds are its likeliest failure modes, each as likely as the diagnoses say. Later
    options go to `fleet-sim what-if`: --seeds, --mitigations, --only, --json.

    \b
    platform-probe what-if inc-1b2c --store store
    platform-probe what-if inc-1b2c --run runs/morning --seeds 50 --mitigations ours/
    platform-probe what-if inc-1b2c --config probe.yaml --post
    """  # noqa: D301 - click's own escape
    if worlds is None and find_spec("fleet_sim") is None:
        problem = "fleet_sim, which plays the worlds, is not installed here: write them with"
        problem += " --worlds FILE, and play them where it is: fleet-sim what-if FILE"
        raise ConfigError([problem])
    if post and "--json" in options:
        raise ConfigError(["--json: --post prints what it posts; leave one of them out"])
    if post and worlds is not None:
        raise ConfigError(["--post: --worlds plays nothing that could be posted"])
    monitor, name = (person.monitor(store.config), person.name()) if post else (None, "")
    if post and monitor is None:
        raise spoken_error("asked.no_token")
    asked = store.question()
    text = yaml_text(worlds_of(asked.source, one_incident(asked.source, incident_id)))
    if worlds is not None:
        write_file(worlds, text, option="--worlds")
        click.echo(f"{worlds}: play it with fleet-sim what-if {worlds}", err=True)
        return
    with tempfile.TemporaryDirectory(prefix="what-if-") as folder:
        path = Path(folder) / "worlds.yaml"
        write_file(path, text, option="--worlds")
        command = [*BOUND_COMMAND, "fleet_sim", "what-if", str(path), *options]
        if monitor is not None:
            command.append("--json")
        stdout = None if monitor is None else subprocess.PIPE
        with open_input() as stdin:
            played = subprocess.run(  # noqa: S603 - our own program
                command, check=False, stdin=stdin, stdout=stdout
            )
    if monitor is not None and played.returncode == 0:
        result = msgspec.json.decode(played.stdout, type=WhatIfResult)
        _post(monitor, WhatIfPost(incident_id, name, result), asked.speaker)
    sys.exit(played.returncode)


def _post(monitor: MonitorAddress, asked: WhatIfPost, speaker: Speaker) -> None:
    """Print a result, and have the monitor post it. Raises `ConfigError` where it cannot."""
    click.echo("\n".join(what_if_lines(asked.result, speaker)))
    asyncio.run(post_to(monitor, WHAT_IFS_PATH, asked))
    click.echo(speaker.say(Text(key="what_if.posted")), err=True)
