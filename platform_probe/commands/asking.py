"""What the commands that ask a store have in common: where it is, and in which zone to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import click

from fleet_wire.config.file import Loc
from fleet_wire.errors import ConfigError
from platform_probe.settings import load_settings
from platform_probe.store.reading import Source, Span
from platform_probe.support.times import DAY_S, moment_of, zone_named

DEFAULT_SPAN_S: Final = DAY_S


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, and how times are told."""

    source: Source
    zone: tzinfo

    def span(self, since: str | None, until: str | None) -> Span:
        """Return the time that is asked about: the last day there is, unless it is said.

        Raises `ConfigError`.
        """
        newest_s = self.source.newest_s()
        until_s = newest_s if until is None else moment_of(until, self.zone, newest_s=newest_s)
        if since is None:
            return Span(until_s - DEFAULT_SPAN_S, until_s)
        since_s = moment_of(since, self.zone, newest_s=until_s)
        if since_s > until_s:
            raise ConfigError([f"--since {since} is after --until {until or 'the newest record'}"])
        return Span(since_s, until_s)


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where to look, and how to tell times."""
    path = click.Path(path_type=Path)
    options = [
        click.option(
            "--store", "--run", "directory", type=path, metavar="DIR",
            help="A store, the directory of a run, or a monitor's records."
            "  [default: store.directory of the settings]",
        ),
        click.option("--config", type=path, metavar="FILE", help="The monitor's settings."),
        click.option(
            "--zone", metavar="NAME", help="Time zone, as Europe/Berlin.  [default: store.zone]"
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def asked_of(directory: Path | None, config: Path | None, zone: str | None) -> Asked:
    """Return what the options say, with what the settings say where they do not.

    Raises `ConfigError` where no store is named, or what is named is none.
    """
    flags: dict[Loc, tuple[Any, str]] = {}
    if directory is not None:
        flags["store", "directory"] = (str(directory), "--store")
    chosen = load_settings(config, flags).store
    if chosen is None:
        raise ConfigError(["which store? name it by --store DIR, or the settings by --config FILE"])
    return Asked(Source(chosen.directory), zone_named(zone or chosen.zone))
