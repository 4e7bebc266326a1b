"""Options that commands about a store share: its directory, and the zone of times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
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
from platform_probe.texts.spoken_error import SpokenError, spoken_error
from platform_probe.texts.times import DAY_S, moment_of, zone_named

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
            if until is None:
                raise spoken_error("asked.since_after_newest", since=since, newest=until_s)
            raise spoken_error("asked.since_after_until", since=since, until=until)
        return Span(since_s, until_s)

    def check_is_recorded(self, asked_s: Mapping[str, float | None]) -> None:
        """Raise `ConfigError` for a time, by its option, before the records begin or after them.

        Nothing follows from it that nothing is known then. A time from which on is asked may be
        before they begin, and one until which is asked after them.
        """
        times = {option: at_s for option, at_s in asked_s.items() if at_s is not None}
        recorded = self.source.recorded() if times else ALWAYS
        if recorded is None:
            raise spoken_error("asked.nothing_recorded", directory=str(self.source.directory))
        for option, at_s in times.items():
            first_s, last_s = recorded.since_s or 0.0, recorded.until_s or 0.0
            if at_s < first_s and option != "--since":
                raise spoken_error("asked.before_records", option=option, at=at_s, first=first_s)
            if at_s > last_s + 1.0 and option != "--until":
                raise spoken_error("asked.after_records", option=option, at=at_s, last=last_s)


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
        settings = self._settings()
        found, _ = records_of(settings, self.config)
        speaker = self._speaker_of(settings, language)
        asked = StoreQuestion(Source(found), speaker)
        as_of_s = asked.moment(as_of)
        if as_of_s is None:
            return asked
        asked.check_is_recorded({"--as-of": as_of_s})
        return StoreQuestion(Source(found, as_of_s=as_of_s), speaker)

    def speaker(self, language: str | None = None) -> Speaker:
        """Return who speaks: the chosen language, else that of the settings, and the zone.

        Raises `ConfigError` for settings that cannot be used, and for what is no zone.
        """
        return self._speaker_of(self._settings(), language)

    def _speaker_of(self, settings: ProbeSettings, language: str | None) -> Speaker:
        its_zone = DEFAULT_ZONE if settings.store is None else settings.store.zone
        return Speaker(language_from(language, settings), zone_named(self.zone or its_zone))

    def _settings(self) -> ProbeSettings:
        flags: dict[Loc, tuple[Any, str]] = {}
        if self.directory is not None:
            flags["store", "directory"] = (str(self.directory), "--store")
        return load_settings(self.config, flags)


def as_one(
    command: Callable[..., None], name: str, fields: Sequence[str], group: Callable[..., object]
) -> Callable[..., None]:
    """Return a command that gets the options of a group as one argument."""

    @wraps(command)
    def with_group(**options: Any) -> None:
        values = {field: options.pop(field) for field in fields}
        command(**{name: group(**values)}, **options)

    return with_group


def with_spoken_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose errors are said in the language and the zone of its options."""

    @wraps(command)
    def speaking(**options: Any) -> None:
        try:
            command(**options)
        except SpokenError as error:
            store = options.get("store") or StoreOptions(None, options.get("config"), None)
            speaker = _speaker_for(store, options.get("language"))
            raise ConfigError([*map(speaker.say, error.texts)]) from error

    return speaking


def _speaker_for(store: StoreOptions, language: str | None) -> Speaker:
    """Return who says an error, also where the zone or the settings cannot be used."""
    for each in (store, store._replace(zone=None)):
        with suppress(ConfigError):
            return each.speaker(language)
    return Speaker(language or LANGUAGES[0])


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where to look, as `store`; its errors are in their language."""
    path = click.Path(path_type=Path)
    command = as_one(with_spoken_errors(command), "store", StoreOptions._fields, StoreOptions)
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
        raise spoken_error("asked.no_store")
    if not has_records(settings.out_dir):
        raise spoken_error("asked.no_records", config=str(config), out_dir=str(settings.out_dir))
    return settings.out_dir, DEFAULT_ZONE
