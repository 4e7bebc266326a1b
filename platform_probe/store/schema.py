"""The tables: which columns they have, and how a line of JSON becomes a row.

A time is a TIMESTAMP in UTC. A duration is kept in whole microseconds, the precision of the
records, in a third of the space. The views that people query have seconds. An unlock's lists are
kept as their text, and are lists in the views. DuckDB reads a whole group of lists for one, and
four lists took two fifths of the time of a car's day. A column may be added at any time, with a
higher `layout.VERSION`: it is null in what was written before. Further fields of a line are not
kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.causes import Cause

Path = tuple[str, ...]
"""A field of a line, or of an object within it."""
MICRO: Final = 1_000_000
SUM_MINUTES: Final = 10
"""Unlocks of so long that have the same traits are one row of sums."""
TRAITS: Final = (
    "region", "operator", "firmware", "hardware", "site", "app_version", "endpoint", "api_release",
)  # fmt: skip
"""Columns of an unlock whose values failures may share."""
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
"""A time that somebody else says lies in the years 1 to 9999, or there is none: so far Python's
`datetime` goes. Commands that say no end have `partial.NO_END_MS`, and a box's clock has anything.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type, and the expression that makes it of a line's fields."""

    name: str
    type: str
    made_of: str = ""
    """SQL over the line's fields; empty: the field of the same name."""
    reads: Mapping[Path, str] | None = None
    """The fields that the SQL uses, with their types; None: the one of the same name."""
    list_of: str = ""
    """The type of the list's items, if it is kept as that list's text."""

    @property
    def expression(self) -> str:
        """The SQL that makes it."""
        return self.made_of or self.name

    @property
    def fields(self) -> Mapping[Path, str]:
        """The fields of a line that it is made of, with their types."""
        if self.reads is not None:
            return self.reads
        return {(self.name,): f"{self.list_of}[]" if self.list_of else self.type}

    @property
    def display_sql(self) -> str:
        """The SQL of the view for people, with durations in seconds."""
        if self.list_of:
            return f"{self.name}::{self.list_of}[] AS {self.name}"
        if self.name.endswith("_us"):
            return f"{self.name} / 1e6 AS {self.name.removesuffix('_us')}_s"
        return self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `time` is the column by which it is ordered."""

    name: str
    run_file: str
    """The file of the same lines in the directory of a run or of a monitor's records."""
    columns: tuple[Column, ...]
    time: str
    ids: tuple[str, ...] = ()
    """Columns by whose value a row is found without knowing its car."""

    @property
    def fields(self) -> dict[str, str]:
        """The fields of its lines with their types: those that its columns are made of."""
        members: dict[str, dict[str, str]] = {}
        plain: dict[str, str] = {}
        for column in self.columns:
            for path, kind in column.fields.items():
                if len(path) > 1:
                    members.setdefault(path[0], {})[path[1]] = kind
                else:
                    plain[path[0]] = kind
        return plain | {name: _struct(its) for name, its in members.items()}

    @property
    def sums_name(self) -> str:
        """The name of the table of sums."""
        return f"{self.name.removesuffix('s')}_sums"

    @property
    def ids_name(self) -> str:
        """The name of the table of ids."""
        return f"{self.name.removesuffix('s')}_keys"

    @property
    def form(self) -> str:
        """The digest of its columns in the name of a file: other columns have another."""
        columns = ", ".join(f"{each.name} {each.type}" for each in self.columns)
        return f"{crc32(columns.encode()):08x}"


def _sql(path: Path) -> str:
    return ".".join(f'"{name}"' for name in path)  # AT is a word of SQL


def _us(name: str, *within: str, field: str = "") -> Column:
    """Return the column of a duration, which the line says in seconds."""
    path = (*within, field or name)
    made_of = f"TRY_CAST({_sql(path)} * {MICRO} AS BIGINT)"  # which rounds
    return Column(f"{name.removesuffix('_s')}_us", "BIGINT", made_of, {path: "DOUBLE"})


def _at(name: str, field: str = "at") -> Column:
    """Return the column of a time, which the line says in Unix seconds."""
    made_of = f"make_timestamp(TRY_CAST({_sql((field,))} * {MICRO} AS BIGINT))"
    return Column(name, "TIMESTAMP", made_of, {(field,): "DOUBLE"})


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "VARCHAR") for name in names)


def _json(name: str, *within: str, made_of: str = "{}") -> Column:
    """Return the column of the text of a JSON value."""
    path = (*within, name)
    made_of = made_of.format(f"{_sql(path)}::VARCHAR")
    return Column(name, "VARCHAR", made_of, {path: "JSON"})


def _within(outer: str, *names: str, kind: str = "VARCHAR", read: str = "") -> tuple[Column, ...]:
    """Return the columns of fields of an inner object, which are read as a type."""
    return tuple(
        Column(name, kind, _sql((outer, name)), {(outer, name): read or kind}) for name in names
    )


def _or_zero(*names: str, kind: str = "INTEGER") -> tuple[Column, ...]:
    return tuple(Column(name, kind, f"coalesce({name}, 0)", {(name,): kind}) for name in names)


def _other_name(name: str, *path: str) -> Column:
    """Return the column of a text that the line has under another name."""
    return Column(name, "VARCHAR", _sql(path), {path: "VARCHAR"})


def _list_within(name: str, kind: str) -> Column:
    """Return the column of a list that the platform's side of an unlock has."""
    path = ("platform", name)
    return Column(name, "VARCHAR", _sql(path), {path: f"{kind}[]"}, list_of=kind)


def _first_of(name: str, kind: str, signal: str) -> Column:
    """Return the column of what a message says as a signal of VSS, or by its plain name."""
    plain, vss = ("message", name), ("message", signal)
    read = "DOUBLE" if kind == "FLOAT" else kind
    made_of = f"coalesce({_sql(vss)}, {_sql(plain)})"
    return Column(name, kind, made_of, {plain: read, vss: read})


def _said_time(name: str, first_ms: int = _FIRST_MS) -> Column:
    """Return the column of a time that a message says in Unix milliseconds."""
    path = ("message", name)
    is_one = f"{_sql(path)} BETWEEN {first_ms} AND {_LAST_MS}"
    made_of = f"CASE WHEN {is_one} THEN make_timestamp({_sql(path)} * 1000) END"
    return Column(name, "TIMESTAMP", made_of, {path: "BIGINT"})


def _struct(fields: dict[str, str]) -> str:
    members = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
    return f"STRUCT({members})"


STAGES: Final = tuple(stage for stage in Stage if stage is not Stage.INTENDED)
"""Those that have a time of their own: an unlock is intended at its second 0."""
ATTEMPTS: Final = Table(
    name="attempts",
    run_file="attempts.jsonl",
    time="started_at",
    ids=("attempt_id", "command_id", "trace_id", "booking_id", "account_id"),
    columns=(
        *_texts("vehicle_id", "attempt_id", "command_id", "trace_id", "parent_span_id", "source"),
        _at("started_at", "started_at"),
        _us("scheduled_s"),
        *_texts("outcome", "cause", "failure_mode", "reason"),
        _us("total_s"),
        *(_us(f"{stage}_s", "stages", field=stage.value) for stage in STAGES),
        Column("flags", "VARCHAR", list_of="VARCHAR"),
        _json("evidence", made_of="nullif({}, '{{}}')"),
        *_texts("booking_id"),
        _us("can_wake_s"),
        _us("actuation_s"),
        *_texts("region", "operator", "firmware", "hardware"),
        Column("revision", "INTEGER"),
        Column("sources_missing", "VARCHAR", list_of="VARCHAR"),
        *_texts("same_as"),
        *_within("platform", "requests", kind="INTEGER"),
        *_within("platform", "status", kind="SMALLINT"),
        *_within("platform", "method", "problem", "endpoint", "app_version", "api_release"),
        *_within("platform", "account_id"),
        _us("woken_s", "platform"),
        _us("ended_s", "platform"),
        _other_name("platform_outcome", "platform", "outcome"),
        _us("clock_ahead_s", "platform"),
        _us("clock_uncertainty_s", "platform"),
        _list_within("hops_across", "VARCHAR"),
        _other_name("asked_for", "platform", "vehicle_id"),
        *_within("platform", "distance_m", kind="FLOAT", read="DOUBLE"),
        _list_within("position", "DOUBLE"),
        *_within("platform", "sent_again", kind="INTEGER"),
        *_texts("site"),
        _us("hung_up_s", "platform"),
    ),
)
STRAY_ANSWERS: Final = Table(
    name="stray_answers",
    run_file="stray_answers.jsonl",
    time="came_at",
    columns=(
        *_texts("vehicle_id", "kind", "command_id", "phase"),
        _at("came_at"),
        *_texts("attempt_id"),
        _us("after_s"),
        *_texts("source", "reason"),
        Column("is_late_unlock", "BOOLEAN"),
    ),
)
OBSERVATIONS: Final = Table(
    name="observations",
    run_file="observations.jsonl",
    time="heard_at",
    columns=(
        *_texts("vehicle_id", "kind"),
        _at("heard_at"),
        Column(
            "is_retained",
            "BOOLEAN",
            "coalesce(is_retained, false)",
            {("is_retained",): "BOOLEAN"},
        ),
        *_within("message", "command_id", "phase", "reason", "detail"),
        _us("can_wake_s", "message"),
        _us("actuation_s", "message"),
        _us("since_received_s", "message"),
        _said_time("box_time"),
        # a mapped fleet's state has the plain names in records of 0.2
        _first_of("is_locked", "BOOLEAN", "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"),
        _first_of("is_open", "BOOLEAN", "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"),
        _first_of("voltage_v", "FLOAT", "Vehicle.LowVoltageBattery.CurrentVoltage"),
        *_within("message", "firmware", "hardware", "operator", "region", "last_command_id"),
        _json("signals", "message"),
        *_within("message", "status", "session_id", "action", "booking_id", "request_id"),
        *_within("message", "signal_dbm", "position_age_s", kind="FLOAT", read="DOUBLE"),
        _said_time("issued_at", first_ms=1),  # 0 where the fleet does not say it
        *map(_said_time, ("expires_at", "requested_at")),
        *_within("message", "counter", kind="BIGINT"),
        *_within("message", "technology", "event"),
        *_within("message", "boots", "data_used_bytes", "tries_left", kind="BIGINT"),
        *_within("message", "uptime_s", kind="FLOAT", read="DOUBLE"),
        *_within("message", "site"),
    ),
)
PLATFORM_EVENTS: Final = Table(
    name="platform_events",
    run_file="platform.jsonl",
    time="logged_at",
    columns=(
        *_texts("vehicle_id", "event"),
        _at("logged_at"),
        *_texts("request_id", "operation", "trace_id", "booking_id", "account_id", "command_id"),
        *_texts("key_digest", "endpoint", "method", "problem", "outcome", "reason", "shown"),
        *_texts("app_version", "api_release"),
        Column("status", "SMALLINT"),
        Column("distance_m", "FLOAT", reads={("distance_m",): "DOUBLE"}),
        Column("position", "DOUBLE[]"),
    ),
)
COMPLAINTS: Final = Table(
    name="complaints",
    run_file="complaints.jsonl",
    time="called_at",
    columns=(
        *_texts("vehicle_id", "complaint_id"),
        _at("called_at"),
        _us("scheduled_s"),
        *_texts("booking_id", "account_id", "app_version", "shown"),
        Column("attempts", "VARCHAR[]"),
        Column("missed", "BOOLEAN"),
        *_texts("region", "operator", "firmware", "hardware", "site"),
    ),
)
DIAGNOSES: Final = Table(
    name="diagnoses",
    run_file="diagnoses.jsonl",
    time="made_at",
    columns=(
        *_texts("vehicle_id", "attempt_id"),
        _at("made_at"),
        Column("revision", "INTEGER"),
        _us("after_s"),
        *_texts("booking_id", "source", "outcome", "cause"),
        Column("mode", "VARCHAR", "modes->>'$[0].mode'", {}),
        Column("probability", "DOUBLE", "(modes->>'$[0].probability')::DOUBLE", {}),
        _json("modes"),
        _json("facts"),
        Column("told", "VARCHAR[]"),
    ),
)
INCIDENTS: Final = Table(
    name="incidents",
    run_file="incidents.jsonl",
    time="made_at",
    columns=(
        Column("vehicle_id", "VARCHAR", "NULL", {}),  # files lie in order of cars
        *_texts("incident_id"),
        _at("made_at"),
        Column("revision", "INTEGER"),
        *_texts("kind", "severity", "state", "title"),
        *(_at(name, name) for name in ("since", "opened_at", "ended_at")),
        *_texts("cause", "mode"),
        Column("mode_probability", "DOUBLE"),
        _json("cohort", made_of="coalesce({}, '{{}}')"),
        _json("cohorts"),
        *_or_zero("failed", "total", "elsewhere_failed", "elsewhere_total"),
        *_or_zero("expected", "sure", kind="DOUBLE"),
        *_or_zero("customers", "cars", "fleet_cars", "cohort_cars"),
        Column("examples", "VARCHAR[]"),
        *_texts("acknowledged_by"),
        _at("muted_until", "muted_until"),
        *_texts("maintenance"),
        Column("related", "VARCHAR[]"),
        _json("changes"),
        _json("subject"),
    ),
)
LABELS: Final = Table(
    name="labels",
    run_file="labels.jsonl",
    time="started_at",
    columns=(
        *_texts("vehicle_id", "attempt_id"),
        _at("started_at", "started_at"),
        _at("made_at"),
        *_texts("mode"),
        _other_name("labelled_by", "by"),
        *_texts("text"),
    ),
)
"""A label lies at the time of its unlock, so that both are kept as long."""
TABLES: Final = {
    table.name: table
    for table in (
        ATTEMPTS,
        STRAY_ANSWERS,
        COMPLAINTS,
        DIAGNOSES,
        INCIDENTS,
        OBSERVATIONS,
        PLATFORM_EVENTS,
        LABELS,
    )
}


def rows_of_lines(table: Table, files: str) -> str:
    """Return the SQL that reads rows from files of lines, which the SQL text `files` lists.

    A line that is torn or no JSON is passed over.
    """
    return f"{lines_as_rows(table, files)} WHERE {table.time} IS NOT NULL"


def lines_as_rows(table: Table, files: str, *, strict: bool = False) -> str:
    """Return the SQL of a row for each line of files.

    A torn line gives nulls only; if `strict` it ends the query. So is a number that no column can
    hold: a single box that says one would make the whole store unreadable.
    """
    fields = ", ".join(f"'{name}': '{kind}'" for name, kind in table.fields.items())
    columns = ", ".join(
        f"TRY_CAST({column.expression} AS {column.type}) AS {column.name}"
        for column in table.columns
    )
    return (
        f"SELECT {columns} FROM read_json({files}, format = 'newline_delimited',"
        f" ignore_errors = {not strict}, columns = {{{fields}}})"
    )


def sums_of(rows: str) -> str:
    """Return the SQL of how many unlocks there were, and failed, of each time and traits.

    `rows` are as they were concluded first. Finding later revisions would cost more than all the
    rest, and the sums show what was usual. Unobserved unlocks count neither way.
    """
    bucket_us = SUM_MINUTES * 60 * MICRO
    return (
        f"SELECT make_timestamp(epoch_us(started_at) // {bucket_us} * {bucket_us}) AS started_at,"
        f" {', '.join(TRAITS)}, count(*) AS unlocks, count(cause) AS failures"
        f" FROM ({rows}) WHERE same_as IS NULL AND coalesce(revision, 1) = 1"
        f" AND cause IS DISTINCT FROM '{Cause.NOT_OBSERVED}' GROUP BY ALL"
    )


def added_up(sums: str) -> str:
    """Return the SQL of sums of several files as those of one."""
    return (
        f"SELECT started_at, {', '.join(TRAITS)}, sum(unlocks)::BIGINT AS unlocks,"
        f" sum(failures)::BIGINT AS failures FROM ({sums}) GROUP BY ALL ORDER BY ALL"
    )


def empty_rows(table: Table) -> str:
    """Return the SQL of no rows at all, with every column and its type."""
    columns = ", ".join(f"NULL::{each.type} AS {each.name}" for each in table.columns)
    return f"SELECT {columns} WHERE false"
