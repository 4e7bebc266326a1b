"""`platform-probe incidents`: what is going on, and what people do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from fleet_wire.contract.incident import ActionKind, ChangeKind, Incident, IncidentAction
from fleet_wire.contract.text import Text, Value
from fleet_wire.durations import HELP, Duration
from fleet_wire.printing import print_json
from platform_probe.commands.asking import (
    StoreOptions,
    language_from,
    language_option,
    store_options,
    with_spoken_errors,
)
from platform_probe.commands.person import PersonOptions, person_options
from platform_probe.commands.query import DEFAULT_ROWS, MAX_ROWS, table_of
from platform_probe.judge.incidents.incident_title import MOST_LETTERS, title_of, title_text
from platform_probe.judge_process.outlets import zone_of
from platform_probe.settings.messages import ACTIONS_PATH
from platform_probe.settings.monitor import load_settings
from platform_probe.store.reading import Source
from platform_probe.store.schema import INCIDENTS
from platform_probe.tell.messages.incident_text import (
    advice_of,
    affected_text,
    chance_of,
    change_line,
    counts_of,
    failure_text,
    has_ended,
    lasted,
    who_muted,
)
from platform_probe.tell.posting import post
from platform_probe.tell.support.incident_rows import incident_of, muted_until_s
from platform_probe.tell.support.rows import as_rows
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.spoken_error import spoken_error

DEFAULT_MUTE_S: Final = 3_600.0
_ALL: Final = "SELECT * FROM incidents_held ORDER BY opened_at DESC"
_OPEN: Final = "SELECT * FROM incidents_held WHERE state = 'open' ORDER BY opened_at DESC"
_ONE: Final = "SELECT * FROM incidents_held WHERE incident_id = $id"
_DONE: Final = {
    ActionKind.ACKNOWLEDGE: ChangeKind.ACKNOWLEDGED,
    ActionKind.MUTE: ChangeKind.MUTED,
    ActionKind.UNMUTE: ChangeKind.UNMUTED,
    ActionKind.CLOSE: ChangeKind.CLOSED,
}
_COLUMNS: Final = (
    "id", "opened", "lasted", "severity", "state", "customers", "has_it", "note", "title",
)  # fmt: skip


class _ListedAtFirst(click.Group):
    """Takes options without a command for those of the list."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what was typed."""
        is_of_list = args[:1] and args[0].startswith("-") and args[0] not in ctx.help_option_names
        return super().parse_args(ctx, ["list", *args] if is_of_list else args)


@click.group(cls=_ListedAtFirst)
def incidents() -> None:
    """Look at incidents, and acknowledge, mute or close them.

    \b
    platform-probe incidents --run runs/morning

    Options without a command are those of `list`.
    """  # noqa: D301 - click's own escape


@incidents.command("list")
@store_options
@click.option("--open", "only_open", is_flag=True, help="Only those that go on.")
@click.option(
    "--limit", type=click.IntRange(1, MAX_ROWS), default=DEFAULT_ROWS, show_default=True,
    metavar="N", help="Incidents at most.",
)  # fmt: skip
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_(
    *,
    store: StoreOptions,
    only_open: bool,
    limit: int,
    language: str | None,
    as_json: bool,
) -> None:
    """List incidents, the latest first.

    \b
    platform-probe incidents list --open --store store
    platform-probe incidents list --run runs/morning
    """  # noqa: D301 - click's own escape
    asked = store.question(language=language)
    found = found_in(asked.source, _OPEN if only_open else _ALL, limit=limit)
    if as_json:
        print_json(found)
        return
    newest_s = asked.source.newest_s([INCIDENTS])
    speaker = asked.speaker.on(newest_s)
    if not found:
        click.echo(speaker.say(_text("none_open" if only_open else "none")))
        return
    columns = [speaker.say(_text(name)) for name in _COLUMNS]
    rows = [_row_of(each, speaker, newest_s) for each in found]
    click.echo(table_of(columns, rows, widest=MOST_LETTERS))


@incidents.command()
@click.argument("incident_id", metavar="ID")
@store_options
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(
    *,
    incident_id: str,
    store: StoreOptions,
    language: str | None,
    as_json: bool,
) -> None:
    """Show incident ID: its title, its cohorts, what to do, and its history."""
    asked = store.question(language=language)
    found = one_incident(asked.source, incident_id)
    if as_json:
        print_json(found)
    else:
        speaker = asked.speaker.on(asked.source.newest_s([INCIDENTS]))
        click.echo("\n".join(incident_lines(found, speaker)))


def one_incident(source: Source, incident_id: str) -> Incident:
    """Return the last revision of an incident. Raises `ConfigError` for an id that is not there."""
    found = found_in(source, _ONE, limit=1, id=incident_id)
    if not found:
        raise spoken_error("asked.no_incident", directory=str(source.directory), id=incident_id)
    return found[0]


def found_in(source: Source, sql: str, *, limit: int, **parameters: Any) -> list[Incident]:
    """Return the incidents that a query finds."""
    rows = source.read(lambda duck: duck.query(sql, parameters, limit=limit))
    return [*map(incident_of, as_rows(rows))]


def _text(key: str, **values: Value) -> Text:
    return Text(key=f"incidents.{key}", values=values)


def _row_of(incident: Incident, speaker: Speaker, now_s: float) -> tuple[str | int | None, ...]:
    """Return an incident as a row of the list."""
    return (
        incident.incident_id,
        speaker.date(incident.opened_at),
        lasted(incident, speaker, until_s=now_s),
        speaker.say(Text(key=f"severity.{incident.severity.value}")),
        speaker.say(Text(key=f"state.{incident.state.value}")),
        incident.customers or None,
        incident.acknowledged_by,
        note_of(incident, speaker, now_s),
        title_of(title_text(incident), speaker),
    )


def incident_lines(incident: Incident, speaker: Speaker) -> Iterator[str]:
    """Yield an incident in lines, for a person."""
    yield title_of(title_text(incident), speaker)
    its = {
        "severity": incident.severity.value, "state": incident.state.value,
        "since": incident.since,
    }  # fmt: skip
    unseen_since, ended_at = incident.unseen_since, incident.ended_at
    if ended_at is not None and unseen_since is None:
        yield speaker.say(_text("from_to", **its, until=ended_at))
    else:
        yield speaker.say(_text("since", **its))
    if unseen_since is not None:
        yield speaker.say(_text("last_seen", at=unseen_since))
    yield counts_of(incident, speaker)
    yield speaker.say(_text("counted_until", at=incident.at))
    for key, text in (
        ("hit", affected_text(incident, speaker)),
        ("what", failure_text(incident, speaker)),
        ("chance", chance_of(incident, speaker)),
        ("to_do", None if has_ended(incident) else advice_of(incident, speaker)),
        ("acknowledged", incident.acknowledged_by),
        ("maintenance", incident.maintenance),
        ("muted", muted_in_words(incident, speaker)),
        ("joined", incident.joined_to),
        ("examples", ", ".join(incident.examples)),
        ("related", ", ".join(incident.related)),
    ):
        if text:
            yield speaker.say(_text(key, value=text))
    yield ""
    for change in incident.changes:
        yield f"{speaker.date(change.at)}  {change_line(change, speaker)}"


def note_of(incident: Incident, speaker: Speaker, now_s: float) -> str | None:
    """Return why nothing is said of an incident at a time, or where it goes on; None: neither."""
    if incident.joined_to is not None:
        return speaker.say(_text("note_joined", id=incident.joined_to))
    if has_ended(incident):
        return None
    if incident.maintenance is not None:
        return speaker.say(_text("note_window", window=incident.maintenance))
    until_s = muted_until_s(incident, now_s)
    return None if until_s is None else speaker.say(_text("note_muted", until=until_s))


def muted_in_words(incident: Incident, speaker: Speaker) -> str | None:
    """Return until when it is muted, by which person and why; None: it is not."""
    if incident.muted_until is None:
        return None
    by = who_muted(incident, speaker)
    return speaker.say(_text("muted_until", until=incident.muted_until, by=by))


def _acting(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all have in common that change an incident."""
    path = click.Path(path_type=Path)
    config = click.option("--config", type=path, metavar="FILE", help="The monitor's settings.")
    reason = click.option(
        "--reason", required=True, metavar="TEXT", help="Why, for those who read it."
    )
    options = language_option(person_options(with_spoken_errors(command)))
    return click.argument("incident_id", metavar="ID")(reason(config(options)))


@incidents.command()
@_acting
def ack(**options: Any) -> None:
    """Acknowledge incident ID: you look after it.

    \b
    platform-probe incidents ack ID --reason "calling the operator" --config probe.yaml

    Messages about it show your name. The command asks the monitor over HTTP.
    """  # noqa: D301 - click's own escape
    _ask(ActionKind.ACKNOWLEDGE, **options)


@incidents.command()
@_acting
@click.option(
    "--for", "seconds", type=Duration(least_s=1, most_s=30 * 86_400),
    default=f"{DEFAULT_MUTE_S:g}s", show_default=True, metavar="TIME", help=f"How long: {HELP}",
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
    """Close incident ID: it is none, or is over."""
    _ask(ActionKind.CLOSE, **options)


def _ask(
    kind: ActionKind,
    *,
    incident_id: str,
    reason: str,
    person: PersonOptions,
    config: Path | None,
    language: str | None,
    seconds: float | None = None,
) -> None:
    settings = load_settings(config)
    monitor = person.monitor(config)
    if monitor is None:
        raise spoken_error("asked.no_token")
    asked = {
        "incident_id": incident_id, "kind": kind, "by": person.name(), "reason": reason,
        **({} if seconds is None else {"seconds": seconds}),
    }  # fmt: skip
    answer = asyncio.run(post(monitor, ACTIONS_PATH, asked))
    action = msgspec.json.decode(answer, type=IncidentAction)
    values: dict[str, Value] = {"by": action.by, "until": action.until or action.at}
    done = Text(key=f"event.{_DONE[action.kind].value}", values=values)
    speaker = Speaker(language_from(language, settings), zone_of(settings)).on(action.at)
    click.echo(speaker.say(_text("done", id=action.incident_id, what=done)))
