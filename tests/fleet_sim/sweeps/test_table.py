"""The table of a sweep, as other programs read it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fleet_sim.results.summary import empty_summary
from fleet_sim.sweeps.point import measurements
from fleet_sim.sweeps.table import make_table, write_table
from tests.helpers.sweeps import record

RECORDS = [
    record(1, 0.1 + 0.2, fleet__count="5", load__deadline_s="5", faults__0__name="a,b"),
    record(2, 1.0, fleet__count="50", load__deadline_s="7.5", faults__0__name='say "x"'),
    record(3, 0, error="X: 1\n2", fleet__count="5", load__deadline_s="5", faults__0__name="c"),
]


def test_columns_have_one_order_and_one_type() -> None:
    """Seed, swept keys, every number of the summary, and how it ended, also where no run did."""
    table = make_table(RECORDS)
    keys = ["fleet.count", "load.deadline_s", "faults.0.name"]
    ending = ["expect_holds", "digest", "error"]
    assert [*table] == ["seed", *keys, *measurements(empty_summary()), *ending]
    assert table["attempts.ok_share"] == [0.30000000000000004, 1.0, None]
    assert "attempts.ok_share" in make_table([record(1, 0, error="X")])


def read_parquet(path: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the types of the columns, and the rows."""
    with duckdb.connect() as database:
        result = database.execute("FROM read_parquet($1)", [str(path)])
        types = {name: str(kind) for name, kind, *_ in result.description or ()}
        return types, [dict(zip(types, row, strict=True)) for row in result.fetchall()]


def test_csv_and_parquet_hold_the_same_values(tmp_path: Path) -> None:
    """Each field of the CSV, read by its column's type, is the value in the Parquet."""
    table = make_table(RECORDS)
    write_table(table, tmp_path / "table.csv")
    write_table(table, tmp_path / "table.parquet")
    types, written = read_parquet(tmp_path / "table.parquet")
    read: dict[str, Callable[[str], Any]] = {
        "BIGINT": int,
        "DOUBLE": float,
        "VARCHAR": str,
        "BOOLEAN": {"true": True, "false": False}.__getitem__,
    }
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            {name: read[types[name]](text) if text else None for name, text in row.items()}
            for row in csv.DictReader(file)
        ]
    assert rows == written
    assert [row["seed"] for row in rows] == [1, 2, 3]
    assert types["attempts.total"] == "BIGINT"
    assert types["connect.rate_per_s"] == types["attempts.ok_share"] == "DOUBLE"
    shares = make_table([record(1, 1), record(2, 0.5)])["attempts.ok_share"]
    assert [repr(value) for value in shares] == ["1.0", "0.5"], "a column has one type"


@pytest.mark.parametrize("name", ["it's", 'a "b"', "$1"])
def test_any_name_can_stand_in_the_parquet(tmp_path: Path, name: str) -> None:
    """That of a column, and that of the directory."""
    (tmp_path / name).mkdir()
    path = tmp_path / name / "table.parquet"
    write_table({"seed": [1, 2], name: [None, "x"]}, path)
    assert read_parquet(path)[1] == [{"seed": 1, name: None}, {"seed": 2, name: "x"}]


@pytest.mark.parametrize("text", ["1e400", "nan", str(2**70), "0x10", "true", "{a: 1}"])
def test_what_is_no_number_of_a_table_stays_text(text: str) -> None:
    """Only columns of nothing but finite numbers become numbers."""
    table = make_table([record(1, 1, key="1"), record(2, 1, key=text)])
    assert table["key"] in (["1", text], [1.0, float(2**70)])
