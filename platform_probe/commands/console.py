"""`platform-probe console`: pages for support and on-call over a store or records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fleet_wire.config.file import Loc
from fleet_wire.errors import ConfigError
from platform_probe.commands.asking import StoreOptions, records_of, store_options
from platform_probe.settings.console import ConsoleSettings
from platform_probe.settings.monitor import load_settings
from platform_probe.tell.posting import monitor_of
from platform_probe.web.console.person import RIGHTS
from platform_probe.web.console.process import run, serve_console
from platform_probe.web.console.tokens import new_token, token_hash


@click.command()
@store_options
@click.option(
    "--listen", metavar="HOST:PORT",
    help="Where; beyond this machine only with tokens or a proxy.  [default: 127.0.0.1:9465]",
)  # fmt: skip
@click.option("--tokens", metavar="FILE", help="Who may look: names, roles, hashes of tokens.")
@click.option(
    "--audit", metavar="FILE", type=click.Path(path_type=Path),
    help="Every look at a customer.  [default: console_audit.jsonl in out_dir of the settings]",
)  # fmt: skip
@click.option(
    "--new-token",
    metavar="NAME:ROLE",
    help="Print a token, and the line about it for the file of --tokens; then end.",
)
def console(
    *,
    store: StoreOptions,
    listen: str | None,
    tokens: str | None,
    audit: Path | None,
    new_token: str | None,
) -> None:
    """Serve pages that find an unlock by anything a customer can name.

    \b
    platform-probe console --run runs/garage
    platform-probe console --store store --zone Europe/Paris
    platform-probe console --new-token amelie:support
    platform-probe console --store store --listen 0.0.0.0:9465 --tokens tokens.txt

    The console only reads, but for labels of unlocks. Ctrl-C or SIGTERM ends it.
    """  # noqa: D301 - click's own escape
    if new_token is not None:
        _print_token(new_token)
        return
    flags: dict[Loc, tuple[Any, str]] = {}
    for loc, value, flag in (
        (("store", "directory"), store.directory, "--store"),
        (("console", "listen"), listen, "--listen"),
        (("console", "tokens_file"), tokens, "--tokens"),
    ):
        if value is not None:
            flags[loc] = (str(value), flag)
    settings = load_settings(store.config, flags)
    records, its_zone = records_of(settings, store.config)
    chosen = settings.console or ConsoleSettings()
    run(
        serve_console(
            records,
            chosen,
            zone=store.zone or its_zone,
            monitor=monitor_of(settings),
            audit_file=audit or chosen.audit_file_in(settings.out_dir),
            trouble=lambda problem: click.echo(f"console: {problem}", err=True),
            say=lambda url: click.echo(f"the console is at {url}"),
        )
    )


def _print_token(who: str) -> None:
    name, colon, role = who.partition(":")
    if not colon or not name or name.split() != [name] or "#" in name or role not in RIGHTS:
        roles = ", ".join(RIGHTS)
        raise ConfigError([f"--new-token {who}: expected NAME:ROLE, with a role of {roles}"])
    token = new_token()
    click.echo(f"token, for {name} alone: {token}")
    click.echo("line for the file:")
    click.echo(f"{name} {role} {token_hash(token)}")
