"""Options that commands about a store share: its directory, and the zone of times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import wraps
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from fleet_wire.config.file import Loc
from fleet_wire.errors import ConfigError
from platform_probe.settings.monitor import ProbeSettings, load_settings
from platform_probe.store.reading import ALWAYS, Source, Span, has_records
from platform_probe.store.schema import Table
from platform_probe.texts.catalogue import LANGUAGES
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import DAY_S, date_and_clock, moment_of, zone_named

DEFAULT_SPAN_S: Final = DAY_S
DEFAULT_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True)
class StoreQuestion:
    """The store in question, and who says its sentences: language and zone."""

    source: Source
    speaker: Speaker

    @property
    def zone(self) -> tzinfo:
        """The zone of times."""
        return self.speaker.zone

    def moment(self, text: str | None) -> float | None:
        """Return the Unix time of a typed time; None for nothing.

        A time without a date is the last one not after the newest record. A car in question
        at 08:25 may be the first to fail since 08:20. Raises `ConfigError`.
        """
        if text is None:
            return None
        recorded = self.source.recorded() or ALWAYS
        return moment_of(text, self.zone, newest_s=recorded.until_s or 0.0)

    def span(self, since: str | None, until: str | None, also: Iterable[Table] = ()) -> Span:
        """Return the time that is asked about: the last day there is, unless it is said.

        It ends with the newest of the unlocks and of the tables of `also`. Raises `ConfigError`.
        """
        newest_s = self.source.newest_s(also)
        until_s = newest_s if until is None else moment_of(until, self.zone, newest_s=newest_s)
        if until is not None:
            self.check_is_recorded({"--until": until_s})
        if since is None:
            return Span(until_s - DEFAULT_SPAN_S, until_s)
        since_s = moment_of(since, self.zone, newest_s=until_s)
        if since_s > until_s:
            last = until or f"the newest record, of {date_and_clock(until_s, self.zone)}"
            raise ConfigError([f"--since {since} is after --until {last}"])
        return Span(since_s, until_s)

    def check_is_recorded(self, asked_s: Mapping[str, float | None]) -> None:
        """Raise `ConfigError` for a time, by its option, before the records begin or after them.

        Nothing follows from it that nothing is known then. A time from which on is asked may be
        before they begin, and one until which is asked after them.
        """
        times = {option: at_s for option, at_s in asked_s.items() if at_s is not None}
        recorded = self.source.recorded() if times else ALWAYS
        if recorded is None:
            raise ConfigError([f"{self.source.directory}: nothing is recorded here yet"])
        for option, at_s in times.items():
            told = f"{option} {date_and_clock(at_s, self.zone)}: nothing was recorded then"
            first_s, last_s = recorded.since_s or 0.0, recorded.until_s or 0.0
            if at_s < first_s and option != "--since":
                when = date_and_clock(first_s, self.zone)
                raise ConfigError([f"{told}: the records of this store begin at {when}"])
            if at_s > last_s + 1.0 and option != "--until":
                when = date_and_clock(last_s, self.zone)
                raise ConfigError([f"{told}: the records of this store end at {when}"])


class StoreOptions(NamedTuple):
    """The options that say where to look, and how to tell times."""

    directory: Path | None
    config: Path | None
    zone: str | None

    def question(self, *, language: str | None = None, as_of: str | None = None) -> StoreQuestion:
        """Return what they say, with what the settings say where they do not.

        With `as_of` the store is as it was known at that time. Raises `ConfigError` where no store
        is named, what is named is none, or nothing was recorded at that time.
        """
        flags: dict[Loc, tuple[Any, str]] = {}
        if self.directory is not None:
            flags["store", "directory"] = (str(self.directory), "--store")
        settings = load_settings(self.config, flags)
        found, its_zone = records_of(settings, self.config)
        zone = zone_named(self.zone or its_zone)
        speaker = Speaker(language_from(language, settings), zone)
        asked = StoreQuestion(Source(found), speaker)
        as_of_s = asked.moment(as_of)
        if as_of_s is None:
            return asked
        asked.check_is_recorded({"--as-of": as_of_s})
        return StoreQuestion(Source(found, as_of_s=as_of_s), speaker)


def as_one(
    command: Callable[..., None], name: str, fields: Sequence[str], group: Callable[..., object]
) -> Callable[..., None]:
    """Return a command that gets the options of a group as one argument."""

    @wraps(command)
    def with_group(**options: Any) -> None:
        values = {field: options.pop(field) for field in fields}
        command(**{name: group(**values)}, **options)

    return with_group


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where to look, as `store`."""
    path = click.Path(path_type=Path)
    command = as_one(command, "store", StoreOptions._fields, StoreOptions)
    options = [
        click.option(
            "--store", "--run", "directory", type=path, metavar="DIR",
            help="A store, the directory of a run, or a monitor's records."
            "  [default: store.directory of the settings, else out_dir]",
        ),
        click.option("--config", type=path, metavar="FILE", help="The monitor's settings."),
        click.option(
            "--zone", metavar="NAME", help="Time zone, as Europe/Berlin.  [default: store.zone]"
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def language_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option of the language of sentences."""
    option = click.option(
        "--language", type=click.Choice(LANGUAGES),
        help="Of sentences.  [default: messages.language of the settings]",
    )  # fmt: skip
    return option(command)


def language_from(chosen: str | None, settings: ProbeSettings) -> str:
    """Return the language that an option chooses, else that of the messages."""
    if chosen is not None:
        return chosen
    return LANGUAGES[0] if settings.messages is None else settings.messages.language


def as_of_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option of a past moment, whose knowledge alone is shown."""
    told = "Tell what was known then, and nothing of what came later.  [default: all that is known]"
    return click.option("--as-of", metavar="TIME", help=told)(command)


def records_of(settings: ProbeSettings, config: Path | None) -> tuple[Path, str]:
    """Return where the settings keep what can be asked, and the zone: a store, else the records.

    Raises `ConfigError` where nothing names either, or the records of `config` are not there.
    """
    if settings.store is not None:
        return settings.store.directory, settings.store.zone
    if config is None:
        raise ConfigError(["which store? name it by --store DIR, or the settings by --config FILE"])
    if not has_records(settings.out_dir):
        problem = f"{config}: no store is set there (store.directory), and out_dir,"
        problem += f" {settings.out_dir}, has no records: name one of them by --store DIR"
        raise ConfigError([problem])
    return settings.out_dir, DEFAULT_ZONE
