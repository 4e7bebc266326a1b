"""The tables: which columns they have, and how a line of JSON becomes a row.

A time is a TIMESTAMP in UTC. A duration is kept in whole microseconds, the precision of the
records, in a third of the space. The views that people query have seconds. An unlock's lists are
kept as their text, and are lists in the views. DuckDB reads a whole group of lists for one, and
four lists took two fifths of the time of a car's day. A column may be added at any time, with a
higher `layout.VERSION`: it is null in what was written before. Further fields of a line are not
kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.causes import Cause

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
    list_of: str = ""
    """The type of the list's items, if it is kept as that list's text."""
    is_said_time: bool = False
    """Whether it is a time that a message says, of whatever clock."""

    @property
    def expression(self) -> str:
        """The SQL that makes it."""
        return self.made_of or self.name

    @property
    def display_sql(self) -> str:
        """The SQL of the view for people, with durations in seconds."""
        if self.list_of:
            return f"{self.name}::{self.list_of}[] AS {self.name}"
        if self.name.endswith("_us"):
            return f"{self.name} / 1e6 AS {self.name.removesuffix('_us')}_s"
        if self.is_said_time:  # an earlier release has packed others
            last = f"make_timestamp({_LAST_MS * 1000})"
            return f"CASE WHEN {self.name} <= {last} THEN {self.name} END AS {self.name}"
        return self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `fields` are those of its lines with their types, `time` is the column it has."""

    name: str
    run_file: str
    """The file of the same lines in the directory of a run or of a monitor's records."""
    fields: dict[str, str]
    columns: tuple[Column, ...]
    time: str
    ids: tuple[str, ...] = ()
    """Columns by whose value a row is found without knowing its car."""

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


def _us(field: str) -> str:
    return f"TRY_CAST({field} * {MICRO} AS BIGINT)"  # which rounds


def _at(field: str) -> str:
    quoted = f'"{field}"'  # AT is a word of SQL
    return f"make_timestamp({_us(quoted)})"


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "VARCHAR") for name in names)


def _said_time(name: str, first_ms: int = _FIRST_MS) -> Column:
    """Return the column of a time that a message says in Unix milliseconds."""
    is_one = f"message.{name} BETWEEN {first_ms} AND {_LAST_MS}"
    made_of = f"CASE WHEN {is_one} THEN make_timestamp(message.{name} * 1000) END"
    return Column(name, "TIMESTAMP", made_of, is_said_time=True)


def _struct(fields: dict[str, str]) -> str:
    members = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
    return f"STRUCT({members})"


STAGES: Final = tuple(stage for stage in Stage if stage is not Stage.INTENDED)
"""Those that have a time of their own: an unlock is intended at its second 0."""
_PLATFORM_SIDE: Final = {
    "requests": "INTEGER",
    "sent_again": "INTEGER",
    "method": "VARCHAR",
    "status": "SMALLINT",
    "problem": "VARCHAR",
    "endpoint": "VARCHAR",
    "app_version": "VARCHAR",
    "api_release": "VARCHAR",
    "account_id": "VARCHAR",
    "woken_s": "DOUBLE",
    "hung_up_s": "DOUBLE",
    "ended_s": "DOUBLE",
    "outcome": "VARCHAR",
    "clock_ahead_s": "DOUBLE",
    "clock_uncertainty_s": "DOUBLE",
    "vehicle_id": "VARCHAR",
    "distance_m": "DOUBLE",
    "position": "DOUBLE[]",
    "hops_across": "VARCHAR[]",
}

ATTEMPTS: Final = Table(
    name="attempts",
    run_file="attempts.jsonl",
    time="started_at",
    ids=("attempt_id", "command_id", "trace_id", "booking_id", "account_id"),
    fields={
        **dict.fromkeys(("attempt_id", "command_id", "vehicle_id", "trace_id"), "VARCHAR"),
        **dict.fromkeys(("parent_span_id", "source", "outcome", "cause"), "VARCHAR"),
        **dict.fromkeys(("failure_mode", "reason", "booking_id", "same_as"), "VARCHAR"),
        **dict.fromkeys(("region", "operator", "firmware", "hardware", "site"), "VARCHAR"),
        **dict.fromkeys(("started_at", "scheduled_s", "total_s"), "DOUBLE"),
        **dict.fromkeys(("can_wake_s", "actuation_s"), "DOUBLE"),
        "stages": _struct({stage.value: "DOUBLE" for stage in STAGES}),
        "flags": "VARCHAR[]",
        "evidence": "JSON",
        "revision": "INTEGER",
        "sources_missing": "VARCHAR[]",
        "platform": _struct(_PLATFORM_SIDE),
    },
    columns=(
        *_texts("vehicle_id", "attempt_id", "command_id", "trace_id", "parent_span_id", "source"),
        Column("started_at", "TIMESTAMP", _at("started_at")),
        Column("scheduled_us", "BIGINT", _us("scheduled_s")),
        *_texts("outcome", "cause", "failure_mode", "reason"),
        Column("total_us", "BIGINT", _us("total_s")),
        *(Column(f"{stage}_us", "BIGINT", _us(f"stages.{stage}")) for stage in STAGES),
        Column("flags", "VARCHAR", list_of="VARCHAR"),
        Column("evidence", "VARCHAR", "nullif(evidence::VARCHAR, '{}')"),
        *_texts("booking_id"),
        Column("can_wake_us", "BIGINT", _us("can_wake_s")),
        Column("actuation_us", "BIGINT", _us("actuation_s")),
        *_texts("region", "operator", "firmware", "hardware"),
        Column("revision", "INTEGER"),
        Column("sources_missing", "VARCHAR", list_of="VARCHAR"),
        *_texts("same_as"),
        Column("requests", "INTEGER", "platform.requests"),
        Column("status", "SMALLINT", "platform.status"),
        *(
            Column(name, "VARCHAR", f"platform.{name}")
            for name in (
                "method",
                "problem",
                "endpoint",
                "app_version",
                "api_release",
                "account_id",
            )
        ),
        Column("woken_us", "BIGINT", _us("platform.woken_s")),
        Column("ended_us", "BIGINT", _us("platform.ended_s")),
        Column("platform_outcome", "VARCHAR", "platform.outcome"),
        Column("clock_ahead_us", "BIGINT", _us("platform.clock_ahead_s")),
        Column("clock_uncertainty_us", "BIGINT", _us("platform.clock_uncertainty_s")),
        Column("hops_across", "VARCHAR", "platform.hops_across", list_of="VARCHAR"),
        Column("asked_for", "VARCHAR", "platform.vehicle_id"),
        Column("distance_m", "FLOAT", "platform.distance_m"),
        Column("position", "VARCHAR", "platform.position", list_of="DOUBLE"),
        Column("sent_again", "INTEGER", "platform.sent_again"),
        *_texts("site"),
        Column("hung_up_us", "BIGINT", _us("platform.hung_up_s")),
    ),
)
STRAY_ANSWERS: Final = Table(
    name="stray_answers",
    run_file="stray_answers.jsonl",
    time="came_at",
    fields={
        **dict.fromkeys(("kind", "vehicle_id", "command_id", "phase", "attempt_id"), "VARCHAR"),
        **dict.fromkeys(("source", "reason"), "VARCHAR"),
        **dict.fromkeys(("at", "after_s"), "DOUBLE"),
        "is_late_unlock": "BOOLEAN",
    },
    columns=(
        *_texts("vehicle_id", "kind", "command_id", "phase"),
        Column("came_at", "TIMESTAMP", _at("at")),
        *_texts("attempt_id"),
        Column("after_us", "BIGINT", _us("after_s")),
        *_texts("source", "reason"),
        Column("is_late_unlock", "BOOLEAN"),
    ),
)
_VSS: Final = {
    "is_locked": "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked",
    "is_open": "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen",
    "state_voltage_v": "Vehicle.LowVoltageBattery.CurrentVoltage",
}
_MESSAGE: Final = {
    **dict.fromkeys(("command_id", "phase", "reason", "detail"), "VARCHAR"),
    **dict.fromkeys(("can_wake_s", "actuation_s", "since_received_s"), "DOUBLE"),
    "box_time": "BIGINT",
    **dict.fromkeys((_VSS["is_locked"], _VSS["is_open"]), "BOOLEAN"),
    **dict.fromkeys(("is_locked", "is_open"), "BOOLEAN"),  # as 0.2 wrote what mapped fleets said
    _VSS["state_voltage_v"]: "DOUBLE",
    **dict.fromkeys(("firmware", "hardware", "operator", "region", "last_command_id"), "VARCHAR"),
    **dict.fromkeys(("technology", "site", "event"), "VARCHAR"),
    "uptime_s": "DOUBLE",
    **dict.fromkeys(("boots", "data_used_bytes"), "BIGINT"),
    "signals": "JSON",
    **dict.fromkeys(("status", "session_id", "action", "booking_id", "request_id"), "VARCHAR"),
    **dict.fromkeys(("signal_dbm", "voltage_v", "position_age_s"), "DOUBLE"),
    **dict.fromkeys(("issued_at", "expires_at", "requested_at"), "BIGINT"),
    **dict.fromkeys(("counter", "tries_left"), "BIGINT"),
}
"""Every field of a message of the contract, but a command's signature."""


def _columns_of(*names: str, kind: str = "VARCHAR") -> tuple[Column, ...]:
    return tuple(Column(name, kind, f'message."{name}"') for name in names)


OBSERVATIONS: Final = Table(
    name="observations",
    run_file="observations.jsonl",
    time="heard_at",
    fields={
        "at": "DOUBLE",
        **dict.fromkeys(("kind", "vehicle_id"), "VARCHAR"),
        "is_retained": "BOOLEAN",
        "message": _struct(_MESSAGE),
    },
    columns=(
        *_texts("vehicle_id", "kind"),
        Column("heard_at", "TIMESTAMP", _at("at")),
        Column("is_retained", "BOOLEAN", "coalesce(is_retained, false)"),
        *_columns_of("command_id", "phase", "reason", "detail"),
        Column("can_wake_us", "BIGINT", _us("message.can_wake_s")),
        Column("actuation_us", "BIGINT", _us("message.actuation_s")),
        Column("since_received_us", "BIGINT", _us("message.since_received_s")),
        _said_time("box_time"),
        *(
            Column(name, "BOOLEAN", f'coalesce(message."{_VSS[name]}", message.{name})')
            for name in ("is_locked", "is_open")
        ),
        Column(
            "voltage_v",
            "FLOAT",
            f'coalesce(message.voltage_v, message."{_VSS["state_voltage_v"]}")',
        ),
        *_columns_of("firmware", "hardware", "operator", "region", "last_command_id"),
        Column("signals", "VARCHAR", "message.signals::VARCHAR"),
        *_columns_of("status", "session_id", "action", "booking_id", "request_id"),
        *_columns_of("signal_dbm", "position_age_s", kind="FLOAT"),
        _said_time("issued_at", first_ms=1),  # 0 where the fleet does not say it
        *map(_said_time, ("expires_at", "requested_at")),
        *_columns_of("counter", kind="BIGINT"),
        *_columns_of("technology", "event"),
        *_columns_of("boots", "data_used_bytes", "tries_left", kind="BIGINT"),
        *_columns_of("uptime_s", kind="FLOAT"),
        *_columns_of("site"),
    ),
)
_PLATFORM_TEXTS: Final = (
    "event", "request_id", "operation", "trace_id", "vehicle_id", "booking_id", "account_id",
    "command_id", "key_digest", "endpoint", "method", "problem", "outcome", "reason", "shown",
    "app_version", "api_release",
)  # fmt: skip
PLATFORM_EVENTS: Final = Table(
    name="platform_events",
    run_file="platform.jsonl",
    time="logged_at",
    fields={
        **dict.fromkeys(_PLATFORM_TEXTS, "VARCHAR"),
        **dict.fromkeys(("at", "distance_m"), "DOUBLE"),
        "status": "SMALLINT",
        "position": "DOUBLE[]",
    },
    columns=(
        *_texts("vehicle_id", "event"),
        Column("logged_at", "TIMESTAMP", _at("at")),
        *_texts(*(name for name in _PLATFORM_TEXTS if name not in ("vehicle_id", "event"))),
        Column("status", "SMALLINT"),
        Column("distance_m", "FLOAT"),
        Column("position", "DOUBLE[]"),
    ),
)
COMPLAINTS: Final = Table(
    name="complaints",
    run_file="complaints.jsonl",
    time="called_at",
    fields={
        **dict.fromkeys(("complaint_id", "vehicle_id", "booking_id", "account_id"), "VARCHAR"),
        **dict.fromkeys(("app_version", "shown"), "VARCHAR"),
        **dict.fromkeys(("region", "operator", "firmware", "hardware", "site"), "VARCHAR"),
        **dict.fromkeys(("at", "scheduled_s"), "DOUBLE"),
        "attempts": "VARCHAR[]",
        "missed": "BOOLEAN",
    },
    columns=(
        *_texts("vehicle_id", "complaint_id"),
        Column("called_at", "TIMESTAMP", _at("at")),
        Column("scheduled_us", "BIGINT", _us("scheduled_s")),
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
    fields={
        **dict.fromkeys(("attempt_id", "vehicle_id", "booking_id", "source"), "VARCHAR"),
        **dict.fromkeys(("outcome", "cause"), "VARCHAR"),
        "revision": "INTEGER",
        **dict.fromkeys(("at", "after_s"), "DOUBLE"),
        **dict.fromkeys(("modes", "facts"), "JSON"),
        "told": "VARCHAR[]",
    },
    columns=(
        *_texts("vehicle_id", "attempt_id"),
        Column("made_at", "TIMESTAMP", _at("at")),
        Column("revision", "INTEGER"),
        Column("after_us", "BIGINT", _us("after_s")),
        *_texts("booking_id", "source", "outcome", "cause"),
        Column("mode", "VARCHAR", "modes->>'$[0].mode'"),
        Column("probability", "DOUBLE", "(modes->>'$[0].probability')::DOUBLE"),
        Column("modes", "VARCHAR", "modes::VARCHAR"),
        Column("facts", "VARCHAR", "facts::VARCHAR"),
        Column("told", "VARCHAR[]"),
    ),
)
INCIDENTS: Final = Table(
    name="incidents",
    run_file="incidents.jsonl",
    time="made_at",
    fields={
        **dict.fromkeys(("incident_id", "kind", "severity", "state", "title"), "VARCHAR"),
        **dict.fromkeys(("cause", "mode", "acknowledged_by", "maintenance"), "VARCHAR"),
        **dict.fromkeys(("at", "since", "opened_at", "ended_at", "muted_until"), "DOUBLE"),
        **dict.fromkeys(("mode_probability", "expected", "sure"), "DOUBLE"),
        **dict.fromkeys(("revision", "failed", "total", "customers", "cars"), "INTEGER"),
        **dict.fromkeys(("elsewhere_failed", "elsewhere_total"), "INTEGER"),
        **dict.fromkeys(("cohort", "cohorts", "changes", "subject"), "JSON"),
        **dict.fromkeys(("examples", "related"), "VARCHAR[]"),
    },
    columns=(
        Column("vehicle_id", "VARCHAR", "NULL"),  # files lie in order of cars
        *_texts("incident_id"),
        Column("made_at", "TIMESTAMP", _at("at")),
        Column("revision", "INTEGER"),
        *_texts("kind", "severity", "state", "title"),
        Column("since", "TIMESTAMP", _at("since")),
        Column("opened_at", "TIMESTAMP", _at("opened_at")),
        Column("ended_at", "TIMESTAMP", _at("ended_at")),
        *_texts("cause", "mode"),
        Column("mode_probability", "DOUBLE"),
        Column("cohort", "VARCHAR", "coalesce(cohort::VARCHAR, '{}')"),
        Column("cohorts", "VARCHAR", "cohorts::VARCHAR"),
        *(
            Column(name, "INTEGER", f"coalesce({name}, 0)")
            for name in ("failed", "total", "elsewhere_failed", "elsewhere_total")
        ),
        Column("expected", "DOUBLE", "coalesce(expected, 0)"),
        Column("sure", "DOUBLE", "coalesce(sure, 0)"),
        Column("customers", "INTEGER", "coalesce(customers, 0)"),
        Column("cars", "INTEGER", "coalesce(cars, 0)"),
        Column("examples", "VARCHAR[]"),
        *_texts("acknowledged_by"),
        Column("muted_until", "TIMESTAMP", _at("muted_until")),
        *_texts("maintenance"),
        Column("related", "VARCHAR[]"),
        Column("changes", "VARCHAR", "changes::VARCHAR"),
        Column("subject", "VARCHAR", "subject::VARCHAR"),
    ),
)
LABELS: Final = Table(
    name="labels",
    run_file="labels.jsonl",
    time="started_at",
    fields={
        **dict.fromkeys(("attempt_id", "vehicle_id", "mode", "by", "text"), "VARCHAR"),
        **dict.fromkeys(("started_at", "at"), "DOUBLE"),
    },
    columns=(
        *_texts("vehicle_id", "attempt_id"),
        Column("started_at", "TIMESTAMP", _at("started_at")),
        Column("made_at", "TIMESTAMP", _at("at")),
        Column("mode", "VARCHAR"),
        Column("labelled_by", "VARCHAR", '"by"'),
        Column("text", "VARCHAR"),
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
