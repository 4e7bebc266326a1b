"""The command `platform-probe config`: the settings that `run` would use."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from platform_probe.commands.settings_options import settings_of, settings_options


@click.command()
@settings_options
def config(**options: Any) -> None:
    """Print the settings that `run` would use with the same options, secrets hidden."""
    settings = settings_of(options).model_dump(mode="json")
    click.echo(msgspec.json.format(msgspec.json.encode(settings)).decode())
