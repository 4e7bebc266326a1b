"""Output of commands for other programs."""

from __future__ import annotations

from typing import Any

import click
import msgspec


def print_json(value: Any) -> None:
    """Print one JSON document on stdout, indented by two."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
