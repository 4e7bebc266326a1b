"""`platform-probe incidents`: what is going on, and what people do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from fleet_wire.contract.incident import ActionKind, Incident, IncidentAction
from fleet_wire.contract.text import Text
from fleet_wire.durations import HELP, Duration
from fleet_wire.errors import ConfigError
from fleet_wire.printing import print_json
from platform_probe.commands.asking import (
    PersonOptions,
    StoreOptions,
    person_options,
    store_options,
)
from platform_probe.commands.query import DEFAULT_ROWS, MAX_ROWS, table_of
from platform_probe.judge.incidents.incident_title import MOST_LETTERS, title_of, title_text
from platform_probe.settings.messages import ACTIONS_PATH
from platform_probe.store.reading import Source
from platform_probe.tell.messages.incident_text import (
    advice_of,
    affected_text,
    chance_of,
    change_line,
    counts_of,
    failure_text,
    has_ended,
    lasted_s,
    who_muted,
)
from platform_probe.tell.posting import post
from platform_probe.tell.support.incident_rows import incident_of, muted_until_s
from platform_probe.texts.speaking import ENGLISH, lasting
from platform_probe.texts.times import LocalSpeaker, date_and_clock

_COUNTED_HOW: Final = "each customer and each car counts once"
"""The meaning of an incident's numbers, at the time of their revision."""
DEFAULT_MUTE_S: Final = 3_600.0
_ALL: Final = "SELECT * FROM incidents_held ORDER BY opened_at DESC"
_OPEN: Final = "SELECT * FROM incidents_held WHERE state = 'open' ORDER BY opened_at DESC"
_ONE: Final = "SELECT * FROM incidents_held WHERE incident_id = $id"
_DONE: Final = {
    ActionKind.ACKNOWLEDGE: "acknowledged",
    ActionKind.MUTE: "muted",
    ActionKind.UNMUTE: "unmuted",
    ActionKind.CLOSE: "closed",
}


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_(
    *,
    store: StoreOptions,
    only_open: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List incidents, the latest first.

    \b
    platform-probe incidents list --open --store store
    platform-probe incidents list --run runs/morning
    """  # noqa: D301 - click's own escape
    asked = store.question()
    found = found_in(asked.source, _OPEN if only_open else _ALL, limit=limit)
    if as_json:
        print_json(found)
        return
    newest_s = asked.source.newest_s()
    rows = [
        (
            each.incident_id,
            date_and_clock(each.opened_at, asked.zone),
            lasting(lasted_s(each, newest_s)),
            each.severity.value,
            each.state.value,
            each.customers or None,
            each.acknowledged_by,
            note_of(each, asked.zone, newest_s),
            _title_of(each, asked.zone),
        )
        for each in found
    ]
    columns = (
        "id", "opened", "lasted", "severity", "state", "customers", "has it", "note", "title",
    )  # fmt: skip
    click.echo(table_of(columns, rows, widest=MOST_LETTERS))


@incidents.command()
@click.argument("incident_id", metavar="ID")
@store_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(
    *,
    incident_id: str,
    store: StoreOptions,
    as_json: bool,
) -> None:
    """Show incident ID: its title, its cohorts, what to do, and its history."""
    asked = store.question()
    found = one_incident(asked.source, incident_id)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(incident_lines(found, asked.zone)))


def one_incident(source: Source, incident_id: str) -> Incident:
    """Return the last revision of an incident. Raises `ConfigError` for an id that is not there."""
    found = found_in(source, _ONE, limit=1, id=incident_id)
    if not found:
        raise ConfigError([f"{source.directory}: no incident {incident_id!r} is there"])
    return found[0]


def found_in(source: Source, sql: str, *, limit: int, **parameters: Any) -> list[Incident]:
    """Return the incidents that a query finds."""
    rows = source.read(lambda duck: duck.query(sql, parameters, limit=limit))
    return [incident_of(dict(zip(rows.columns, row, strict=True))) for row in rows.rows]


def incident_lines(incident: Incident, zone: tzinfo) -> Iterator[str]:
    """Yield an incident in lines, for a person."""
    yield _title_of(incident, zone)
    until, unseen_since = "", incident.unseen_since
    if incident.ended_at is not None and unseen_since is None:
        until = f" to {date_and_clock(incident.ended_at, zone)}"
    since = date_and_clock(incident.since, zone)
    yield f"{incident.severity.value}, {incident.state.value}: {since}{until}"
    if unseen_since is not None:
        over_after = ENGLISH.say(Text(key="post.over_after"))
        yield f"last seen at {date_and_clock(unseen_since, zone)}: {over_after}"
    yield counts_of(incident)
    yield f"counted until {date_and_clock(incident.at, zone)}: {_COUNTED_HOW}"
    for label, text in (
        ("hit", affected_text(incident)),
        ("what it is", failure_text(incident)),
        ("expected by chance", chance_of(incident)),
        ("what to do now", None if has_ended(incident) else advice_of(incident)),
        ("acknowledged by", incident.acknowledged_by),
        ("maintenance window", incident.maintenance),
        ("muted until", muted_in_words(incident, zone)),
        ("joined to, and goes on there", incident.joined_to),
        ("examples", ", ".join(incident.examples)),
        ("related", ", ".join(incident.related)),
    ):
        if text:
            yield f"{label}: {text}"
    yield ""
    for change in incident.changes:
        yield f"{date_and_clock(change.at, zone)}  {change_line(change)}"


def _title_of(incident: Incident, zone: tzinfo) -> str:
    """Return its title with times of a zone."""
    return title_of(title_text(incident), LocalSpeaker("en", zone))


def note_of(incident: Incident, zone: tzinfo, now_s: float) -> str | None:
    """Return why nothing is said of an incident at a time, or where it goes on; None: neither."""
    if incident.joined_to is not None:
        return f"joined to {incident.joined_to}"
    if has_ended(incident):
        return None
    if incident.maintenance is not None:
        return f"window '{incident.maintenance}'"
    until_s = muted_until_s(incident, now_s)
    return None if until_s is None else f"muted until {date_and_clock(until_s, zone)}"


def muted_in_words(incident: Incident, zone: tzinfo) -> str | None:
    """Return until when it is muted, by which person and why; None: it is not."""
    if incident.muted_until is None:
        return None
    return f"{date_and_clock(incident.muted_until, zone)}{who_muted(incident)}"


def _acting(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all have in common that change an incident."""
    path = click.Path(path_type=Path)
    config = click.option("--config", type=path, metavar="FILE", help="The monitor's settings.")
    reason = click.option(
        "--reason", required=True, metavar="TEXT", help="Why, for those who read it."
    )
    return click.argument("incident_id", metavar="ID")(reason(config(person_options(command))))


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
    seconds: float | None = None,
) -> None:
    monitor = person.monitor(config)
    if monitor is None:
        raise ConfigError(["no token: name its file by --token-file, or the settings by --config"])
    asked = {
        "incident_id": incident_id, "kind": kind, "by": person.name(), "reason": reason,
        **({} if seconds is None else {"seconds": seconds}),
    }  # fmt: skip
    answer = asyncio.run(post(monitor, ACTIONS_PATH, asked))
    action = msgspec.json.decode(answer, type=IncidentAction)
    click.echo(f"{action.incident_id}: {_DONE[action.kind]} by {action.by}")
