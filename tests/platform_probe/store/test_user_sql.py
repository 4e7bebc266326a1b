"""SQL of users: what a SELECT may say, what it may reach, and what it may use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.store.duck import Duck
from platform_probe.store.limits import SqlLimits
from platform_probe.store.reading import Source
from platform_probe.store.select_check import check_select
from platform_probe.store.sql_process import hide_customers
from platform_probe.store.user_sql import run_user_sql
from tests.helpers.busy_store import make_busy_store
from tests.helpers.select_player import confined
from tests.helpers.stores import put_unlocks, unlock

LIMITS: Final = SqlLimits(memory_mib=512, max_s=60.0, answer_mib=64)
LONG: Final = pytest.mark.long


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which everything has happened once, some of it not packed yet."""
    directory = make_busy_store(tmp_path_factory.mktemp("busy") / "store")
    put_unlocks(directory, [unlock(900)])
    return directory


def answer(store: Path, sql: str, limits: SqlLimits = LIMITS, **values: Any) -> list[Any]:
    """Return the rows that a user gets."""
    return run_user_sql(Source(store), sql, values, rows=100, limits=limits).rows


@pytest.mark.parametrize(
    "sql", ["\ufeffEXPLAIN ANALYZE COPY (SELECT 1) TO 'x'", "SELECT 1\0; COPY (SELECT 1) TO 'x'"]
)
def test_signs_that_nobody_sees_hide_no_statement(store: Path, sql: str) -> None:
    """They are refused as those that `select.txt` shows."""
    with pytest.raises(ConfigError, match=r"\ASQL: "):
        check_select(sql, confined(store))


def test_an_answer_has_the_rows_with_their_types(store: Path) -> None:
    """Also of lines that are not packed yet, with values, and as of a time."""
    sql = (
        "SELECT count(*), max(started_at) = $last, 2::DECIMAL(9, 2), 2 ** 70::HUGEINT FROM attempts"
    )
    ((last,),) = answer(store, "SELECT max(started_at) FROM attempts")
    rows = answer(store, sql, last=last)
    assert str(rows[0][2]) == "2.00"
    assert rows[0][:2] == (61, True)
    early = Source(store, as_of_s=last.timestamp() - 890.0)
    (then,) = run_user_sql(early, "FROM attempts", {}, rows=5, limits=LIMITS).rows[:1]
    assert then
    few = run_user_sql(Source(store), "FROM attempts", {}, rows=5, limits=LIMITS)
    assert len(few.rows) == 5
    assert not few.is_whole
    assert "attempt_id" in few.columns


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 2000000000))",
        pytest.param("SELECT repeat('x', 200000000 + i) FROM range(100) AS r(i)", marks=LONG),
        pytest.param("SELECT list(range(1000000)) FROM range(10000)", marks=LONG),
        pytest.param("SELECT length(list_aggregate(range(100000000), 'string_agg'))", marks=LONG),
        pytest.param("SELECT list_sort(range(200000000))[1]", marks=LONG),
        "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r, range(9)) SELECT count(*) FROM r",
    ],
)  # fmt: skip
def test_a_query_that_needs_too_much_memory_is_refused(store: Path, sql: str) -> None:
    """DuckDB counts only some of it; the kernel counts all."""
    with pytest.raises(ConfigError, match=r"needs more than 320 MiB of memory.*--memory"):
        answer(store, sql, SqlLimits(320, 300.0, answer_mib=64))


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(
            "SELECT sum(a.i * b.i) FROM range(1000000) AS a(i), range(1000000) AS b(i)", marks=LONG
        ),
        pytest.param(
            "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT count(*) FROM r",
            marks=LONG,
        ),
        "SELECT pg_sleep(1000)",
    ],
)
def test_a_query_that_takes_too_long_is_ended(store: Path, sql: str) -> None:
    """By the kernel, wherever DuckDB is at that time."""
    with pytest.raises(ConfigError, match=r"took longer than 1 s\. .*--timeout"):
        answer(store, sql, SqlLimits(512, 1.0, answer_mib=64))


def test_an_answer_that_nobody_could_hold_is_refused(store: Path) -> None:
    """Who asks has to hold all of it in memory."""
    sql = "SELECT repeat('x', 1000000) || i FROM range(99) AS r(i)"
    with pytest.raises(ConfigError, match=r"The answer has more than 64 MiB\. Ask for fewer"):
        answer(store, sql, SqlLimits(1_024, 300.0, answer_mib=64))


@pytest.mark.parametrize("depth", [pytest.param(2_000, marks=LONG), 50_000])
def test_nesting_without_end_is_an_error(store: Path, depth: int) -> None:
    """Whatever becomes of the process that parses it."""
    with pytest.raises(ConfigError, match="SQL: "):
        answer(store, f"SELECT {'(' * depth}1{')' * depth}")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """As for predefined ones; a directory may be called what elsewhere is a pattern or a quote."""
    directory = make_busy_store(tmp_path / "it's [a] store*?")
    assert answer(directory, "SELECT count(*) FROM attempts") == [(60,)]
    (file,) = (directory / "attempts").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=re.escape(f"{file} is damaged (")):
        answer(directory, "SELECT max(total_s) FROM attempts")


HIDING: Final = (
    "SELECT account_id, position, distance_m FROM {table}",
    "SELECT * FROM {table}",
    "SELECT one::VARCHAR FROM {table} AS one",
    "WITH a AS (SELECT * FROM {table}) SELECT a FROM a",
    "SUMMARIZE {table}",
)


@pytest.fixture(scope="module")
def hiding_duck(store: Path) -> Iterator[Duck]:
    """Give a database as somebody's SELECT has it from whom customers are hidden."""
    opened = Source(store).open_database(threads=1)
    hide_customers(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize("table", ["attempts", "observed", "attempt_revisions", "complaints",
                                   "platform_events"])  # fmt: skip
def test_customers_are_hidden(store: Path, hiding_duck: Duck, table: str) -> None:
    """However a SELECT asks for them; without that they are found."""
    ducks = confined(store), hiding_duck
    for sql in HIDING:
        if table == "complaints" and "position" in sql:
            continue
        asked = sql.format(table=table)
        open_rows, hidden = (str(each.rows_of(asked, {}, limit=99)) for each in ducks)
        assert re.search(r"customer-\d\b", open_rows), asked
        assert not re.search(r"customer-\d\b", hidden), asked
        assert "customer-" in hidden, asked


def test_hidden_customers_stay_apart_and_can_be_joined(store: Path) -> None:
    """As many as there are, the same one in each table."""
    sql = """
    SELECT (SELECT count(DISTINCT account_id) FROM observed),
        (SELECT count(*) FROM platform_events JOIN (SELECT DISTINCT account_id FROM attempts)
            USING (account_id)),
        (SELECT count(position) + count(distance_m) FROM platform_events)
    """
    found = [
        run_user_sql(Source(store), sql, {}, rows=1, limits=LIMITS, hides_customers=is_).rows[0]
        for is_ in (False, True)
    ]
    assert found[0][:2] == found[1][:2]
    assert min(found[0][:2]) > 0
    assert found[1][2] == 0
