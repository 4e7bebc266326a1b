"""The command `platform-probe schema`: the JSON Schema of the settings file."""

from __future__ import annotations

import click
import msgspec

from platform_probe.settings import settings_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors.

    \b
    For example, with the YAML extension of VS Code:
      platform-probe schema > probe.schema.json
      and as first line of probe.yaml: # yaml-language-server: $schema=probe.schema.json
    """  # noqa: D301 - click's own escape
    click.echo(msgspec.json.format(msgspec.json.encode(settings_schema())).decode())
