"""SQL of users: what a SELECT may say, what it may reach, and what it may use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.store import select_check
from platform_probe.store.duck import Duck
from platform_probe.store.hidden_customers import hide_customers
from platform_probe.store.limits import SqlLimits
from platform_probe.store.queries import all_queries
from platform_probe.store.reading import Source
from platform_probe.store.select_check import check_select
from platform_probe.store.user_sql import run_user_sql
from tests.helpers.busy_store import make_busy_store
from tests.helpers.stores import put_unlocks, unlock

LIMITS: Final = SqlLimits(memory_mib=512, max_s=60.0, answer_mib=64)
LONG: Final = pytest.mark.long
CONTENT: Final = "root:x:0:0"
"""What a file of the machine has in it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which everything has happened once, some of it not packed yet."""
    directory = make_busy_store(tmp_path_factory.mktemp("busy") / "store")
    put_unlocks(directory, [unlock(900)])
    (directory.parent / "secret.csv").write_text(f"a\n{CONTENT}\n")
    return directory


@pytest.fixture(scope="module")
def duck(store: Path) -> Iterator[Duck]:
    """Give a database as a user's SELECT has it."""
    given: list[Duck] = []

    def work(duck: Duck) -> None:
        given.append(duck)

    opened = Duck(threads=1)
    close, opened.close = opened.close, lambda: None  # type: ignore[method-assign]
    Source(store).read_confined(work, lambda: opened)
    with pytest.MonkeyPatch.context() as patch:  # names are as before: only its own are asked for
        patch.setattr(select_check, "_names", cache(select_check._names))
        yield given[0]
    close()


def content_of(directory: Path) -> dict[str, str]:
    """Return what stands in all files below a directory, as digests by name."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def answer(store: Path, sql: str, limits: SqlLimits = LIMITS, **values: Any) -> list[Any]:
    """Return the rows that a user gets."""
    return run_user_sql(Source(store), sql, values, rows=100, limits=limits).rows


READING: Final = (
    "FROM attempts",
    "SELECT 1;",
    "-- a comment\n/* another */ SELECT 1",
    "VALUES (1), (2)",
    "TABLE attempts",
    "DESCRIBE attempts",
    "SUMMARIZE attempts",
    "SHOW TABLES",
    "SELECT column_name FROM (DESCRIBE attempts)",
    "EXPLAIN SELECT 1",
    "explain -- why\n SELECT count(*) FROM attempts",
    "EXPLAIN ANALYZE FROM attempts",
    "WITH a AS (SELECT 1 AS x), b AS MATERIALIZED (FROM a) FROM b, (WITH c AS (FROM b) FROM c)",
    "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5) FROM r",
    "SELECT * EXCLUDE (cause) REPLACE (upper(region) AS region) FROM attempts LIMIT 5 OFFSET 1",
    "SELECT DISTINCT ON (region) region, cause FROM attempts ORDER BY region DESC NULLS LAST",
    "SELECT COLUMNS('.*_s') FROM attempts LIMIT 10%",
    ("SELECT region, avg(total_s) OVER (PARTITION BY region ORDER BY started_at ROWS 3 PRECEDING)"
    " FROM attempts QUALIFY row_number() OVER (ORDER BY total_s) < 9"),
    "SELECT count(*) FROM attempts SEMI JOIN observations USING (vehicle_id)",
    "SELECT count(*) FROM attempts POSITIONAL JOIN hops, LATERAL (SELECT 1), unnest([1]) AS u(x)",
    "FROM range(3) AS a(i), generate_series(1, 2) AS b(i)",
    "FROM attempts UNION ALL BY NAME FROM observed EXCEPT FROM attempts",
    "SELECT region, count(*) FROM attempts GROUP BY ROLLUP (region, operator) HAVING count(*) > 1",
    "FROM attempts TABLESAMPLE reservoir(5 ROWS)",
    "PIVOT attempts ON outcome IN ('ok', 'failed') USING count(*) GROUP BY region",
    "UNPIVOT (SELECT total_s, requested_s FROM attempts) ON total_s, requested_s",
    "SELECT list_transform([1, 2], lambda x: x + 1), {'a': 1}.a, MAP {'a': 1}['a'], random()",
    "SELECT mostly(region), wilson_low(1, 2), median(total_s), histogram(region) FROM attempts",
    "SELECT EXISTS (FROM hops), 1 IN (SELECT 2), (SELECT max(total_s) FROM attempts)",
    "SELECT 'COPY attempts TO x; DROP VIEW attempts' AS text",
    *(query.sql for query in all_queries().values()),
)  # fmt: skip


@pytest.mark.parametrize("sql", READING)
def test_what_only_reads_the_tables_is_allowed(duck: Duck, sql: str) -> None:
    """All that an analyst writes, and all predefined queries."""
    check_select(sql, duck)


WRITING: Final = (
    # other statements
    "COPY attempts TO 'FILE' (FORMAT parquet)",
    "COPY attempts TO 'STORE/attempts' (FORMAT parquet, PARTITION_BY (region), OVERWRITE true)",
    "COPY (SELECT 'broken') TO 'STORE/store.json' (FORMAT csv, HEADER false)",
    "COPY attempts FROM 'FILE'",
    "ATTACH 'FILE' AS other",
    "INSTALL httpfs",
    "PRAGMA database_list",
    "SET threads = 1",
    "RESET allowed_paths",
    "CALL enable_logging(storage = 'file', storage_path = 'FILE')",
    "CREATE TABLE t AS SELECT 1",
    "INSERT INTO attempt_lines SELECT * FROM attempt_lines",
    "DELETE FROM attempt_lines RETURNING *",
    "DROP VIEW attempts",
    "PREPARE p AS SELECT 1",
    "BEGIN",
    "PIVOT attempts ON outcome USING count(*)",
    # the same under EXPLAIN, however it is spelled
    ("EXPLAIN ANALYZE COPY attempts TO 'STORE/attempts' (FORMAT parquet, PARTITION_BY (region),"
    " OVERWRITE true)"),
    "EXPLAIN COPY (SELECT 1) TO 'FILE'",
    "EXPLAIN (ANALYZE true, FORMAT json) COPY (SELECT 1) TO 'FILE'",
    "/**/EXPLAIN/**/ANALYZE/**/COPY (SELECT 1) TO 'FILE'",
    "-- x\nEXPLAIN -- y\nANALYZE -- z\nCOPY (SELECT 1) TO 'FILE'",
    "\ufeffEXPLAIN ANALYZE COPY (SELECT 1) TO 'FILE'",
    "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
    "EXPLAIN ANALYZE EXPLAIN ANALYZE COPY (SELECT 1) TO 'FILE'",
    "EXPLAIN SELECT 1; EXPLAIN ANALYZE COPY (SELECT 1) TO 'FILE'",
    "EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO 'FILE') FROM a",
    "EXPLAIN ANALYZE FROM read_text('FILE')",
    # several statements
    "",
    "-- only a comment",
    "SELECT 1; COPY (SELECT 1) TO 'FILE'",
    "SELECT 1 /* ; */; DROP VIEW attempts; --",
    "SELECT $$;$$; ATTACH 'FILE'",
    "SELECT 1\0; COPY (SELECT 1) TO 'FILE'",
    "SELECT '\\'; COPY (SELECT 1) TO 'FILE' --'",
    # statements inside of a SELECT
    "WITH a AS (COPY (SELECT 1) TO 'FILE') FROM a",
    "WITH a AS (INSERT INTO attempt_lines FROM attempt_lines RETURNING *) FROM a",
    "WITH a AS (DELETE FROM attempt_lines RETURNING *) SELECT count(*) FROM a",
    ("WITH a AS (MERGE INTO attempt_lines USING hops ON false WHEN MATCHED THEN DELETE RETURNING *)"
    " FROM a"),
    "SELECT (WITH a AS (DELETE FROM attempt_lines RETURNING 1) FROM a)",
    "SELECT * FROM (WITH a AS MATERIALIZED (COPY (SELECT 1) TO 'FILE') FROM a)",
    "DESCRIBE WITH a AS (COPY (SELECT 1) TO 'FILE') FROM a",
    ("WITH RECURSIVE r AS (SELECT 1 UNION ALL (WITH a AS (DELETE FROM attempt_lines RETURNING 1)"
    " FROM a)) FROM r"),
    # functions that change something
    "FROM enable_logging(storage = 'file', storage_path = 'FILE')",
    "FROM enable_profiling(save_location = 'FILE')",
    "FROM checkpoint()",
    "SELECT write_log('x')",
    "SELECT system.main.write_log('x')",
    "SELECT nextval('s')",
    "SELECT sleep_ms(1)",
    "SELECT list_transform([1], lambda x: write_log('x'))",
)  # fmt: skip
LEAKING: Final = (
    # functions that read files
    "FROM read_text('FILE')",
    "FROM read_csv('FILE')",
    "FROM read_parquet('FILE')",
    "FROM parquet_metadata('FILE')",
    "FROM read_duckdb('FILE')",
    "FROM sniff_csv('FILE')",
    "FROM glob('STORE/**')",
    "FROM READ_TEXT('FILE')",
    "FROM \"READ_text\"('FILE')",
    "FROM system.main.read_text('FILE')",
    "FROM read_text(['FILE', 'FILE'])",
    "FROM read_text('file:FILE')",
    "FROM read_text('STORE/store.json')",
    "FROM read_text('/proc/self/environ')",
    "FROM read_text('http://127.0.0.1:9/x')",
    "FROM read_text('s3://bucket/x')",
    "SELECT * FROM attempts WHERE region IN (SELECT content FROM read_text('FILE'))",
    "SELECT (SELECT content FROM read_text('FILE'))",
    "SELECT 1 LIMIT (SELECT length(content) FROM read_text('FILE'))",
    "SELECT count(*) FILTER (WHERE (SELECT true FROM read_text('FILE'))) FROM attempts",
    "SELECT sum(1) OVER (ORDER BY (SELECT content FROM read_text('FILE')))",
    "SELECT list_transform([1], lambda x: (SELECT content FROM read_text('FILE')))",
    "WITH a AS (FROM read_text('FILE')) FROM a",
    "FROM attempts, LATERAL (FROM read_text('FILE'))",
    "FROM range((SELECT length(content) FROM read_text('FILE')))",
    "FROM (PIVOT read_text('FILE') ON filename IN ('a') USING count(*))",
    "UNPIVOT read_text('FILE') ON filename",
    "DESCRIBE FROM read_text('FILE')",
    "SUMMARIZE FROM read_csv('FILE')",
    # names of files in place of tables
    "FROM 'FILE'",
    'FROM "FILE"',
    "DESCRIBE 'FILE'",
    "SHOW 'FILE'",
    "FROM 'STORE/attempts/*.parquet'",
    "FROM attempts JOIN 'FILE' AS f ON true",
    "FROM main.'FILE'",
    "WITH \"FILE\" AS (SELECT 1) FROM 'FILE'",
    "WITH x AS (WITH \"FILE\" AS (SELECT 1) FROM \"FILE\") FROM 'FILE'",
    "FROM 'http://127.0.0.1:9/x.csv'",
    # SQL within a text
    "FROM query('FROM read_text(''FILE'')')",
    "FROM query_table('FILE')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT json_serialize_plan('FROM read_text(''FILE'')')",
    # variables of the program
    "FROM sql",
    "FROM python_map_function(1)",
    # how the process is set up
    "SELECT getenv('HOME')",
    "SELECT current_setting('allowed_paths')",
    "SELECT getvariable('x')",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM duckdb_views",
    "FROM pragma_database_list",
    "FROM pg_catalog.pg_settings",
    "FROM information_schema.tables",
    "FROM sqlite_master",
    "SHOW ALL TABLES",
    "FROM sqlite_scan('FILE', 'x')",
    "SHOW SECRETS",
    "FROM (SHOW ALL TABLES)",
)  # fmt: skip


def written(sql: str, store: Path) -> str:
    """Return a statement with the names of a store, and of a file beside it."""
    return sql.replace("FILE", str(store.parent / "secret.csv")).replace("STORE", str(store))


@pytest.mark.parametrize("sql", [*WRITING, *LEAKING])
def test_what_does_anything_else_is_refused(duck: Duck, store: Path, sql: str) -> None:
    """Before anything of it runs, and with a line that says why."""
    with pytest.raises(ConfigError, match=r"\ASQL: "):
        check_select(written(sql, store), duck)


@pytest.mark.parametrize("sql", LEAKING)
def test_what_passes_the_check_would_reach_no_file_all_the_same(
    duck: Duck, store: Path, sql: str
) -> None:
    """DuckDB itself gets the files of the tables, and no directory."""
    try:
        rows = duck.rows_of(written(sql, store), {}, limit=100).rows
    except (ConfigError, OSError):
        return
    assert CONTENT not in str(rows)
    assert str(store / "keeper.lock") not in str(rows)


@pytest.mark.parametrize(
    "sql",
    [
        (
            "EXPLAIN ANALYZE COPY attempts TO 'STORE/attempts' (FORMAT parquet, PARTITION_BY"
            " (region), OVERWRITE true)"
        ),
        pytest.param(
            "COPY (SELECT 'broken') TO 'STORE/store.json' (FORMAT csv, HEADER false)", marks=LONG
        ),
        pytest.param(
            "WITH a AS (COPY attempts TO 'STORE/attempts' (FORMAT parquet, OVERWRITE true)) FROM a",
            marks=LONG,
        ),
    ],
)
def test_a_query_leaves_the_store_as_it_is(store: Path, sql: str) -> None:
    """Whatever it says."""
    before = content_of(store)
    with pytest.raises(ConfigError, match="only SELECT is allowed here"):
        answer(store, written(sql, store))
    assert content_of(store) == before


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
def test_customers_are_hidden(duck: Duck, hiding_duck: Duck, table: str) -> None:
    """However a SELECT asks for them; without that they are found."""
    for sql in HIDING:
        if table == "complaints" and "position" in sql:
            continue
        asked = sql.format(table=table)
        open_rows, hidden = (str(each.rows_of(asked, {}, limit=99)) for each in (duck, hiding_duck))
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
