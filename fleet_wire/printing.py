"""Output of commands for other programs."""

from __future__ import annotations

from typing import Any

import click
import msgspec


def json_text(value: Any) -> str:
    """Return a JSON document, indented by two."""
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def print_json(value: Any) -> None:
    """Print one JSON document on stdout, indented by two."""
    click.echo(json_text(value))
