"""Options that commands share which ask something of a monitor, as a person."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import click

from platform_probe.commands.asking import as_one
from platform_probe.settings.monitor import load_settings
from platform_probe.tell.posting import MonitorAddress, monitor_of
from platform_probe.texts.spoken_error import spoken_error

_SHARED: Final = "root"
"""The account whose name says nothing of a person."""


class PersonOptions(NamedTuple):
    """The options that say who asks something of a monitor, and where that is."""

    by: str | None
    url: str | None
    token_file: Path | None

    def name(self) -> str:
        """Return who it is. Raises `ConfigError` as `person_name` does."""
        return self.by or person_name()

    def monitor(self, config: Path | None) -> MonitorAddress | None:
        """Return where to ask; None where no token is named. Raises `ConfigError`."""
        return monitor_of(load_settings(config), url=self.url, token_file=self.token_file)


def person_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say who asks something of a monitor, and where, as `person`."""
    command = as_one(command, "person", PersonOptions._fields, PersonOptions)
    options = [
        click.option("--by", metavar="NAME", help="Who.  [default: your account; root is asked]"),
        click.option(
            "--monitor", "url", metavar="URL",
            help="Where the monitor is.  [default: `listen` of the settings]",
        ),
        click.option(
            "--token-file", type=click.Path(path_type=Path), metavar="FILE",
            help="Holds the token.  [default: messages.actions_token_file of the settings]",
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def person_name() -> str:
    """Return who types: the account, or that behind sudo; else ask, as many share `root`.

    Raises `ConfigError` where nobody can be asked, as in a pod.
    """
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # the first until Python 3.12
        account = ""
    if account == _SHARED:
        account = os.environ.get("SUDO_USER", _SHARED)
    if account not in ("", _SHARED):
        return account
    if sys.stdin.isatty():
        return str(click.prompt("Your name", err=True))
    if account:
        raise spoken_error("asked.shared_account", account=account)
    raise spoken_error("asked.no_name")
