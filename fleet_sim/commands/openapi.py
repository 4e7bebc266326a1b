"""The command `fleet-sim openapi`."""

from __future__ import annotations

import click

from fleet_sim.api.openapi import document_json


@click.command()
def openapi() -> None:
    """Print what the platform's API is asked and answers, as OpenAPI 3.1.

    \b
    fleet-sim openapi > openapi.json
    """  # noqa: D301 - click's own escape
    click.echo(document_json().decode(), nl=False)
