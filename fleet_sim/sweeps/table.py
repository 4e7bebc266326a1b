"""The table of a sweep: one row a run, in CSV and in Parquet, equal bytes for equal runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from fleet_sim.results.summary import empty_summary
from fleet_sim.sweeps.point import PointRecord, measurements

Table = dict[str, list[Any]]
"""Columns by name; each holds text, bool, int or float, and None where there is no value."""

ENDING: dict[str, type] = {"expect_holds": bool, "digest": str, "error": str}
"""How a run ended: the last columns, and their types."""
_SQL_TYPES: Final = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}


def make_table(records: Sequence[PointRecord]) -> Table:
    """Return a row for each record: the swept keys, the seed, what was measured, how it ended.

    Columns: `seed`, each swept key, each number of the summary under its dotted key, `expect_holds`
    (None if nothing was expected), `digest`, `error`. The numbers include those of each part of the
    fleet. A run that failed has an `error` and no numbers.
    """
    table: Table = {"seed": [record.seed for record in records]}
    for key in records[0].setting if records else ():
        table[key] = _plain([record.setting[key] for record in records])
    for key in _measured_keys(records):
        table[key] = _numbers([record.measured.get(key) for record in records])
    for name in ENDING:
        table[name] = [getattr(record, name) for record in records]
    return table


def _measured_keys(records: Sequence[PointRecord]) -> list[str]:
    """Return what any run measured: settings can differ in the parts that their fleets have."""
    keys = dict.fromkeys(key for record in records for key in record.measured)
    return [*(keys or measurements(empty_summary()))]


def _plain(texts: list[str]) -> list[Any]:
    """Return a column of numbers where every value is one, else the texts."""
    for kind in (int, float):
        try:
            values = [kind(text) for text in texts]
        except ValueError:
            continue
        if all(math.isfinite(value) and (kind is float or abs(value) < 2**63) for value in values):
            return values
    return list(texts)


def _numbers(values: list[int | float | None]) -> list[Any]:
    """Return a column of one type: all int, or all float."""
    if any(isinstance(value, float) for value in values):
        return [None if value is None else float(value) for value in values]
    return values


def write_table(table: Table, path: Path) -> None:
    """Write the table as CSV or Parquet, by the end of its name, whole or not at all.

    In CSV (RFC 4180 with LF) None is an empty field, and floats have as many digits as tell them
    apart from every other float.
    """
    columns = [
        f"unnest(${number}::{_sql_type(name, values)}[]) AS {_name(name)}"
        for number, (name, values) in enumerate(table.items(), start=1)
    ]
    temporary = path.with_name(f"{path.name}.tmp")
    target = f"{_text(str(temporary))} (FORMAT {path.suffix.removeprefix('.')})"
    with duckdb.connect(config={"threads": 1}) as database:  # several would not keep the bytes
        database.execute(f"COPY (SELECT {', '.join(columns)}) TO {target}", [*table.values()])
    temporary.replace(path)


def _sql_type(name: str, values: list[Any]) -> str:
    """Return the type of a column; a measurement without any value is one of floats."""
    first = next((value for value in values if value is not None), 0.0)
    return _SQL_TYPES[ENDING.get(name) or type(first)]


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
