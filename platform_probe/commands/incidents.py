"""`platform-probe incidents`: what is going on, and what people do about it."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.incident import ActionKind, IncidentAction
from fleet_wire.errors import ConfigError
from fleet_wire.web.client import HttpClient, NoAnswerError
from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.server import at_url
from platform_probe.outputs.messages.asking import ACTIONS_PATH
from platform_probe.settings import load_settings

TIMEOUT_S: Final = 10.0
DEFAULT_MUTE_S: Final = 3_600.0
_OK: Final = 200
_NOT_FOUND: Final = 404
_ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what a monitor listens on, as the settings say


@click.group()
def incidents() -> None:
    """Look at incidents, and acknowledge, mute or close them."""


def _acting(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all have in common that change an incident."""
    path = click.Path(path_type=Path)
    options = [
        click.argument("incident_id", metavar="ID"),
        click.option("--reason", required=True, metavar="TEXT", help="Why, for those who read it."),
        click.option("--by", metavar="NAME", help="Who.  [default: the name of this account]"),
        click.option("--config", type=path, metavar="FILE", help="The monitor's settings."),
        click.option(
            "--monitor", "url", metavar="URL",
            help="Where the monitor is.  [default: `listen` of the settings]",
        ),
        click.option(
            "--token-file", type=path, metavar="FILE",
            help="Holds the token.  [default: messages.actions_token_file of the settings]",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@incidents.command()
@_acting
def ack(**options: Any) -> None:
    """Say that you look after incident ID.

    \b
    platform-probe incidents ack ID --reason "calling the operator" --config probe.yaml

    Everybody who has a message of it sees your name. It asks the monitor over HTTP.
    """  # noqa: D301 - click's own escape
    _ask(ActionKind.ACKNOWLEDGE, **options)


@incidents.command()
@_acting
@click.option(
    "--for", "seconds", type=click.FloatRange(1, 30 * 86_400), default=DEFAULT_MUTE_S,
    show_default=True, metavar="SECONDS", help="How long.",
)  # fmt: skip
def mute(**options: Any) -> None:
    """Send no messages about incident ID for a while."""
    _ask(ActionKind.MUTE, **options)


@incidents.command()
@_acting
def unmute(**options: Any) -> None:
    """Send messages about incident ID again."""
    _ask(ActionKind.UNMUTE, **options)


@incidents.command()
@_acting
def close(**options: Any) -> None:
    """Say that incident ID is none, or is over."""
    _ask(ActionKind.CLOSE, **options)


def _ask(
    kind: ActionKind,
    *,
    incident_id: str,
    reason: str,
    by: str | None,
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    seconds: float | None = None,
) -> None:
    settings = load_settings(config)
    file = token_file
    if file is None and settings.messages is not None:
        file = settings.messages.actions_token_file
    if file is None:
        raise ConfigError(["no token: name its file by --token-file, or the settings by --config"])
    token = read_secret(file, name="token file").strip()
    host = settings.listen_host
    base_url = url or at_url("127.0.0.1" if host in _ANYWHERE else host, settings.listen_port)
    asked = {
        "incident_id": incident_id, "kind": kind, "by": by or getpass.getuser(), "reason": reason,
        **({} if seconds is None else {"seconds": seconds}),
    }  # fmt: skip
    answer = asyncio.run(_posted(base_url, token, msgspec.json.encode(asked)))
    if answer.status == _NOT_FOUND:
        raise ConfigError([f"{base_url}: this monitor takes none: set messages.actions_token_file"])
    if answer.status != _OK:
        raise ConfigError([f"{base_url}: {_detail(answer)}"])
    action = msgspec.json.decode(answer.body, type=IncidentAction)
    click.echo(f"{action.incident_id}: {action.kind.value} by {action.by}")


async def _posted(base_url: str, token: str, body: bytes) -> HttpResponse:
    """Post a request. Raises `ConfigError` where nobody answers."""
    client = HttpClient(base_url)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
    try:
        return await client.request(
            "POST", ACTIONS_PATH, timeout_s=TIMEOUT_S, headers=headers, body=body
        )
    except NoAnswerError as error:
        why = f"no answer from a monitor at {base_url} ({error}): name it by --monitor URL"
        raise ConfigError([why]) from None
    finally:
        await client.close()


def _detail(answer: HttpResponse) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["detail"])
    except (msgspec.MsgspecError, TypeError, KeyError):
        return f"HTTP {answer.status}"
