"""The command `platform-probe config`: the settings that `run` would use."""

from __future__ import annotations

from typing import Any

import click

from fleet_wire.printing import print_json
from platform_probe.commands.settings_options import settings_of, settings_options


@click.command()
@settings_options
def config(**options: Any) -> None:
    """Print the settings that `run` would use with the same options, secrets hidden."""
    settings = settings_of(options).model_dump(mode="json")
    print_json(settings)
