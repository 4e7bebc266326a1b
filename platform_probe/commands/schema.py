"""The command `platform-probe schema`: the JSON Schema of the settings file."""

from __future__ import annotations

import click

from fleet_wire.printing import print_json
from platform_probe.settings.monitor import settings_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors.

    \b
    For example, with the YAML extension of VS Code:
      platform-probe schema > probe.schema.json
      and as first line of probe.yaml: # yaml-language-server: $schema=probe.schema.json
    """  # noqa: D301 - click's own escape
    print_json(settings_schema())
