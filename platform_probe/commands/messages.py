"""`platform-probe messages`: tries whether messages about incidents arrive."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import click

from fleet_wire.contract.text import Text, Value
from fleet_wire.printing import print_json
from platform_probe.commands.asking import with_spoken_errors
from platform_probe.settings.messages import MessagesSettings
from platform_probe.settings.monitor import load_settings
from platform_probe.tell.messages.trying import try_all
from platform_probe.tell.messages.webhook import schema as webhook_schema
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.spoken_error import spoken_error

FAILED: Final = 1


@click.group()
def messages() -> None:
    """Try whether messages about incidents arrive, and see their form."""


@messages.command()
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", required=True,
    help="The monitor's settings, with the section `messages`.",
)  # fmt: skip
@with_spoken_errors
def test(config: Path) -> None:
    """Send a test message to every backend of the settings, and report what is wrong.

    \b
    platform-probe messages test --config probe.yaml

    The message is marked as a test. It goes to each channel, Alertmanager and webhook that is
    named. In Alertmanager it ends after a minute. The exit code is 1 if one did not work.
    """  # noqa: D301 - click's own escape
    chosen = load_settings(config).messages
    if chosen is None:
        raise spoken_error("try.no_messages", config=str(config))
    if not chosen.backends:
        raise spoken_error("try.no_backends", config=str(config))
    if not asyncio.run(_try(chosen)):
        sys.exit(FAILED)


@messages.command()
def schema() -> None:
    """Print the JSON Schema of a webhook's posts."""
    print_json(webhook_schema())


async def _try(chosen: MessagesSettings) -> bool:
    works, speaker = True, Speaker(chosen.language)
    async for tried in try_all(chosen):
        works = works and tried.problem is None
        values: dict[str, Value] = {"where": tried.where, "what": tried.problem or tried.said}
        click.echo(speaker.say(Text(key="try.line", values=values)))
    return works
