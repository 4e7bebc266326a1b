"""`platform-probe query`: questions to a store, predefined or in SQL."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final

import click

from fleet_wire.durations import HELP, Duration
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import TITLES
from fleet_wire.printing import print_json
from platform_probe.commands.asking import (
    StoreOptions,
    StoreQuestion,
    as_of_option,
    store_options,
)
from platform_probe.store.duck import Rows
from platform_probe.store.limits import MAX_SQL_MIB, MIN_SQL_MIB, SqlLimits
from platform_probe.store.queries import MODES, Query, all_queries, named_in, query_named
from platform_probe.store.reading import Span
from platform_probe.store.schema import OBSERVATIONS
from platform_probe.store.user_sql import run_user_sql
from platform_probe.tell.support.nearest import nearest_texts, not_found
from platform_probe.tell.support.rows import utc
from platform_probe.texts.catalogue import as_is
from platform_probe.texts.spoken_error import no_mode, spoken_error

FORMATS: Final = ("table", "csv", "json")
DEFAULT_ROWS: Final = 100
MAX_ROWS: Final = 100_000
_ABOUT_CARS: Final = (
    "booked-and-away", "flapping-cars", "low-batteries", "silent-cars", "weak-signals",
)  # fmt: skip
"""Queries that say nothing without what was heard of cars."""
_WIDEST: Final = 60
"""Letters of a value in a table."""
_HARD_SPACE: Final = "\u00a0"
"""French has it before a colon."""


@click.command()
@click.argument("name")
@click.argument("sql", required=False)
@store_options
@click.option("--since", metavar="TIME", help="From then on, as 08:15 or 2h.  [default: a day ago]")
@click.option("--until", metavar="TIME", help="Until then.  [default: the newest of what is read]")
@as_of_option
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the query."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True,
    help="How to print the rows.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1, MAX_ROWS), default=DEFAULT_ROWS, show_default=True,
    metavar="N", help="Rows at most.",
)  # fmt: skip
@click.option(
    "--timeout", type=Duration(least_s=0.1, most_s=86_400), default=60.0, metavar="TIME",
    help=f"End SQL of yours after this time: {HELP}  [default: 60s]",
)  # fmt: skip
@click.option(
    "--memory", type=click.IntRange(MIN_SQL_MIB, MAX_SQL_MIB), default=2_048,
    show_default=True, metavar="MIB", help="MiB of memory that SQL of yours may use.",
)  # fmt: skip
def query(  # noqa: PLR0913 - one parameter for each option
    *,
    name: str,
    sql: str | None,
    store: StoreOptions,
    since: str | None,
    until: str | None,
    as_of: str | None,
    settings: tuple[str, ...],
    form: str,
    limit: int,
    timeout: float,
    memory: int,
) -> None:
    """Ask a store: NAME is a predefined query, `list`, or `sql` with a SELECT of yours.

    \b
    platform-probe query list
    platform-probe query causes --store store
    platform-probe query cars-that-failed --store store --since 7d --set failures=3
    platform-probe query late-unlocks --run runs/morning --format json
    platform-probe query sql "SELECT region, count(*) FROM attempts GROUP BY 1" --store store

    The tables for SQL are attempts, observed, attempt_revisions, hops, stray_answers, complaints,
    diagnoses, diagnosed, incidents, incidents_held, observations and platform_events; DESCRIBE
    shows their columns. Only one SELECT is allowed, and it sets its own time. --since, --until and
    --set are for predefined queries; --timeout and --memory are for SQL.
    """  # noqa: D301 - click's own escape
    if name == "list":
        _list(form)
        return
    if (name == "sql") != (sql is not None):
        wanted = "sql needs a SELECT" if name == "sql" else f"{name} takes no SQL"
        raise click.UsageError(wanted)
    asked = store.question(as_of=as_of)
    given = dict(_pair(text) for text in settings)
    if sql is None:
        chosen = query_named(name)
        span = asked.span(since, until, chosen.tables)
        check_answerable(asked, chosen, given)
        rows = run_query(asked, chosen, span, given, limit)
    else:
        if since or until or settings:
            raise click.UsageError("--since, --until and --set are for predefined queries")
        rows = run_sql(asked, sql, limit, SqlLimits(memory, timeout, answer_mib=memory // 4))
    _print(rows, form, asked.zone)
    if not rows.is_whole:
        click.echo(f"these are the first {limit}: there are more (--limit)", err=True)


def check_answerable(asked: StoreQuestion, chosen: Query, given: Mapping[str, str]) -> None:
    """Raise `ConfigError` with the reason if a query cannot have any row.

    Either messages of cars are not kept here at all, or no record has the parameter's value.
    """
    source = asked.source
    if chosen.name in _ABOUT_CARS and not source.has(OBSERVATIONS):
        problem = (
            f"{chosen.name} needs what was heard of cars, and {source.directory} has none of it:"
            " the directory of a run keeps none, the store of a monitor does (docs/store.md)"
        )
        raise ConfigError([problem])
    for parameter in chosen.parameters:
        value = given.get(parameter.name)
        if value is None or not parameter.among:
            continue
        columns = parameter.among
        if columns == ((MODES, ""),):
            if value not in TITLES:
                raise spoken_error("asked.set", name=parameter.name, problem=no_mode(value))
            continue
        there = source.read(partial(nearest_texts, value, columns))
        if value not in there:
            what = " or ".join(dict.fromkeys(column.removesuffix("_id") for _, column in columns))
            kind = as_is(what.replace("vehicle", "car").replace("_", " "))
            nowhere = not_found(kind, value, there)
            raise spoken_error("asked.set", name=parameter.name, problem=nowhere)


def run_query(
    asked: StoreQuestion, chosen: Query, span: Span, given: Mapping[str, str], limit: int
) -> Rows:
    """Return what a predefined query finds. Raises `ConfigError`."""
    ends = {"since": utc(span.since_s or 0.0), "until": utc(span.until_s or 0.0)}
    values = chosen.values(given, ends)
    # The last messages of a car, and bookings, may be older than the asked time.
    files = Span(None, span.until_s) if "observations" in chosen.sql else span
    return asked.source.read(lambda duck: duck.query(chosen.sql, values, limit=limit), files)


def run_sql(asked: StoreQuestion, sql: str, limit: int, limits: SqlLimits) -> Rows:
    """Return what a query of a user finds; it may only read, and only the store."""
    if names := named_in(sql):
        raise ConfigError([f"SQL: ${names.pop()}: parameters are for predefined queries"])
    return run_user_sql(asked.source, sql, {}, rows=limit, limits=limits)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigError([f"--set {text}: expected NAME=VALUE"])
    return name.strip(), value


def _list(form: str) -> None:
    queries = all_queries().values()
    if form == "json":
        print_json(
            [
                {
                    "name": each.name,
                    "description": each.description,
                    "parameters": {one.name: one.default for one in each.parameters},
                }
                for each in queries
            ]
        )
        return
    for each in queries:
        click.echo(each.name)
        click.echo(f"    {each.description}")
        for one in each.parameters:
            default = "must be set" if one.default is None else f"default {one.default}"
            click.echo(f"    --set {one.name}=...  {one.meaning} ({default})")


def _print(rows: Rows, form: str, zone: tzinfo) -> None:
    told = printable_rows(rows, zone)
    if form == "json":
        print_json([dict(zip(rows.columns, row, strict=True)) for row in told])
    elif form == "csv":
        text = io.StringIO()
        csv.writer(text).writerows([rows.columns, *told])
        click.echo(text.getvalue(), nl=False)
    else:
        click.echo(table_of(rows.columns, told))


def printable_rows(rows: Rows, zone: tzinfo) -> list[list[Any]]:
    """Return rows as they are printed, with their times in a zone."""
    return [[_printable(value, zone) for value in row] for row in rows.rows]


def _printable(value: Any, zone: tzinfo) -> Any:
    """Return a value as it is printed: times in the zone, what JSON has no word for as text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).astimezone(zone).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list):
        return [_printable(each, zone) for each in value]
    is_plain = value is None or isinstance(value, str | int | float | bool)
    return value if is_plain else str(value)


def table_of(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, widest: int = _WIDEST
) -> str:
    """Return rows as a table of text, longer ones cut; numbers stand to the right."""
    texts = [[_cell(value, widest) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    is_number = [
        bool(rows) and all(isinstance(row[place], int | float | None) for row in rows)
        for place in range(len(columns))
    ]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, is_number, strict=True)
        )
        return "  ".join(padded).rstrip()

    lines = [line(columns), line(["-" * width for width in widths]), *map(line, texts)]
    return "\n".join(lines if rows else [*lines, "(no rows)"])


def _cell(value: Any, widest: int) -> str:
    if value is None:
        return "-"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = "".join(each if each.isprintable() or each == _HARD_SPACE else "?" for each in text)
    return text if len(text) <= widest else f"{text[: widest - 3]}..."
