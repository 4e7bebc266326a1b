"""The table of a sweep, as other programs read it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fleet_sim.results.summary import empty_summary
from fleet_sim.sweeps.point import measurements
from fleet_sim.sweeps.table import make_table, write_csv, write_parquet
from tests.helpers.sweeps import record

RECORDS = [
    record(1, 0.1 + 0.2, fleet__count="5", load__deadline_s="5", faults__0__name="a,b"),
    record(2, 1.0, fleet__count="50", load__deadline_s="7.5", faults__0__name='say "x"'),
    record(3, 0, error="X: 1\n2", fleet__count="5", load__deadline_s="5", faults__0__name="c"),
]


def test_columns_have_one_order_and_one_type() -> None:
    """Seed, swept keys, every number of the summary, and how it ended."""
    table = make_table(RECORDS)
    keys = ["fleet.count", "load.deadline_s", "faults.0.name"]
    ending = ["expect_holds", "digest", "error"]
    assert [*table] == ["seed", *keys, *measurements(empty_summary()), *ending]
    assert table["fleet.count"] == [5, 50, 5]
    assert table["load.deadline_s"] == [5.0, 7.5, 5.0]
    assert table["faults.0.name"] == ["a,b", 'say "x"', "c"]
    assert table["attempts.ok_share"] == [0.30000000000000004, 1.0, None]
    assert table["expect_holds"] == [False, True, None]
    assert table["error"] == [None, None, "X: 1\n2"]


def test_each_part_of_a_fleet_has_its_columns() -> None:
    """Also one that only some settings have; and where no run ended the columns are there."""
    table = make_table(
        [
            record(1, 1.0, measured={"by.firmware.2.5.0.ok_share": 0.5}),
            record(2, 1.0, measured={"by.firmware.2.4.1.ok_share": 0.25}),
        ]
    )
    assert table["by.firmware.2.5.0.ok_share"] == [0.5, None]
    assert table["by.firmware.2.4.1.ok_share"] == [None, 0.25]
    assert "attempts.ok_share" in make_table([record(1, 0, error="X")])


def test_csv_and_parquet_hold_the_same_values(tmp_path: Path) -> None:
    """Each field of the CSV, read by its column's type, is the value in the Parquet."""
    table = make_table(RECORDS)
    write_csv(table, tmp_path / "table.csv")
    assert write_parquet(table, tmp_path / "table.parquet") is None
    columns = pq.read_table(tmp_path / "table.parquet")
    read: dict[Any, Callable[[str], Any]] = {
        pa.int64(): int,
        pa.float64(): float,
        pa.string(): str,
        pa.bool_(): {"true": True, "false": False}.__getitem__,
    }
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            {
                name: read[columns.schema.field(name).type](text) if text else None
                for name, text in row.items()
            }
            for row in csv.DictReader(file)
        ]
    assert rows == columns.to_pylist()
    assert [row["seed"] for row in rows] == [1, 2, 3]
    assert columns.schema.field("attempts.total").type == pa.int64()
    assert columns.schema.field("connect.rate_per_s").type == pa.float64()


def test_a_whole_number_among_others_is_a_float(tmp_path: Path) -> None:
    """A column has one type, whatever single runs measured."""
    table = make_table([record(1, 1), record(2, 0.5)])
    assert [repr(value) for value in table["attempts.ok_share"]] == ["1.0", "0.5"]
    assert write_parquet(table, tmp_path / "table.parquet") is None


@pytest.mark.parametrize("text", ["1e400", "nan", str(2**70), "0x10", "true", "{a: 1}"])
def test_what_is_no_number_of_a_table_stays_text(text: str) -> None:
    """Only columns of nothing but finite numbers become numbers."""
    table = make_table([record(1, 1, key="1"), record(2, 1, key=text)])
    assert table["key"] in (["1", text], [1.0, float(2**70)])


def test_without_pyarrow_there_is_the_csv_and_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cure is named, and no Parquet of an earlier time stays beside a newer CSV."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "table.parquet").write_text("old")
    said = write_parquet(make_table(RECORDS), tmp_path / "table.parquet")
    assert said is not None
    assert "pip install 'unlockpath[sweep]'" in said
    assert not [*tmp_path.iterdir()]
