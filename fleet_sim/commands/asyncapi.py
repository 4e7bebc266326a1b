"""The command `fleet-sim asyncapi`."""

from __future__ import annotations

from importlib.metadata import version

import click

from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.commands.options import profile_option
from fleet_wire.printing import print_json
from fleet_wire.profiles.asyncapi import asyncapi as document_of
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.native import NATIVE


@click.command()
@profile_option
def asyncapi(*, profile: str | None) -> None:
    """Print the wire contract as an AsyncAPI 3 document, in JSON.

    \b
    fleet-sim asyncapi > asyncapi.json
    fleet-sim asyncapi --profile ovms

    The document takes the box's view: it receives commands and sends the rest.
    """  # noqa: D301 - click's own escape
    loaded = load_profile(profile or NATIVE.name, box=BoxParameters)
    document = document_of(loaded, version=version("unlockpath"))
    print_json(document)
