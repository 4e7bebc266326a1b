"""`platform-probe query`: what is printed, in which form, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from platform_probe.__main__ import main
from platform_probe.commands.query import table_of
from platform_probe.store.queries import Query
from tests.helpers.busy_store import make_busy_store
from tests.helpers.stores import KeptStores, put_unlocks, unlock


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, kept_stores: KeptStores) -> Path:
    """Return a store in which everything has happened once."""
    return kept_stores.keep(make_busy_store(tmp_path_factory.mktemp("busy") / "store"))


def ask(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["query", *map(str, words)])


def test_list_names_all_with_their_parameters() -> None:
    """Which do not need a store."""
    told = ask("list")
    assert told.exit_code == 0
    assert "late-unlocks\n" in told.output
    assert "--set failures=...  so many times at least (default 2)" in told.output
    as_json = json.loads(ask("list", "--format", "json").output)
    assert {"name": "car", "parameters": {"vehicle": None}}.items() <= next(
        each for each in as_json if each["name"] == "car"
    ).items()


def test_table_csv_and_json_say_the_same(store: Path) -> None:
    """Each form for its reader."""
    table = ask("causes", "--store", store, "--since", "2h").output
    assert table.splitlines()[0].split()[:3] == ["cause", "outcome", "failures"]
    assert table.splitlines()[2].split()[:3] == ["box_offline", "unknown", "2"]
    rows = list(
        csv.DictReader(ask("causes", "--store", store, "--format", "csv").output.splitlines())
    )
    as_json = json.loads(ask("causes", "--store", store, "--format", "json").output)
    assert [row["cause"] for row in rows] == [row["cause"] for row in as_json]
    assert as_json[0]["failures"] == 2


def test_times_are_in_the_zone(store: Path) -> None:
    """Of the flag, or of the settings."""
    words = ("causes", "--store", store, "--format", "json")
    assert json.loads(ask(*words).output)[0]["first"] == "2026-01-01 00:00:03+00:00"
    told = json.loads(ask(*words, "--zone", "Asia/Tokyo").output)
    assert told[0]["first"] == "2026-01-01 09:00:03+09:00"


def test_settings_name_store_and_zone(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monitor's own file, or variables."""
    config = tmp_path / "probe.yaml"
    config.write_text(f"store: {{directory: {store}, zone: Asia/Tokyo}}\n")
    assert "09:00:03+09:00" in ask("causes", "--config", config).output
    monkeypatch.setenv("PLATFORM_PROBE_STORE__DIRECTORY", str(store))
    assert "00:00:03+00:00" in ask("causes").output
    assert "09:00:03+09:00" in ask("causes", "--zone", "Asia/Tokyo").output


def test_rows_are_limited_and_it_says_so(store: Path) -> None:
    """No question prints a million rows by mistake."""
    told = ask("slowest-unlocks", "--store", store, "--limit", "3")
    assert len(told.stdout.splitlines()) == 5
    assert "these are the first 3" in told.stderr


def test_what_was_known_then_is_asked_by_as_of(store: Path) -> None:
    """In questions and in SQL; a time without records is no answer."""
    count = ("sql", "SELECT count(*) AS n FROM attempts", "--store", store, "--format", "json")
    assert json.loads(ask(*count).stdout)[0]["n"] > 30
    then = json.loads(ask(*count, "--as-of", "00:00:20").stdout)[0]["n"]
    assert 0 < then <= 20
    failed = json.loads(
        ask("causes", "--as-of", "00:00:20", "--store", store, "--format", "json").stdout
    )
    assert sum(row["failures"] for row in failed) <= then
    result = ask(*count, "--as-of", "2020-01-01 08:00")
    assert result.exit_code == 2
    assert "--as-of Wed 1 Jan 2020 08:00:00 UTC: nothing was recorded then" in str(result.output)


@pytest.mark.parametrize("name", ["booked-and-away", "silent-cars", "weak-signals"])
def test_records_without_what_was_heard_are_named(tmp_path: Path, name: str) -> None:
    """Not a table without rows, which would say that all is well."""
    put_unlocks(tmp_path, [unlock(1)])
    told = ask(name, "--store", tmp_path)
    assert told.exit_code == 2
    assert f"{name} needs what was heard of cars, and {tmp_path} has none of it" in told.output


def test_sql_of_a_user(store: Path) -> None:
    """Any SELECT over the tables."""
    sql = "SELECT region, count(*) AS n FROM attempts GROUP BY 1 ORDER BY 1"
    found = json.loads(ask("sql", sql, "--store", store, "--format", "json").output)
    assert [row["region"] for row in found] == ["centre", "coast"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DROP VIEW attempts", "only SELECT is allowed here, not DROP"),
        ("", "expected one statement, found 0"),
        (
            "SELECT * FROM '/etc/passwd'",
            "SQL: there is no table '/etc/passwd' here; the tables are",
        ),
        ("SELECT nothing FROM attempts", 'SQL: Binder Error: .*"nothing" not found'),
        ("SELECT $since", r"SQL: \$since: parameters are for predefined queries"),
    ],
)
def test_sql_that_is_wrong_or_writes_is_refused(store: Path, sql: str, message: str) -> None:
    """With a line that says why, and exit code 2."""
    told = ask("sql", sql, "--store", store)
    assert told.exit_code == 2
    assert "Traceback" not in told.output
    assert re.search(message, told.output), told.output


@pytest.mark.parametrize(
    ("option", "value", "sql", "message"),
    [
        ("--timeout", "1", "SELECT pg_sleep(1000)", "took longer than 1 s"),
        ("--memory", "256", "SELECT repeat('x', 2000000000)", "needs more than 256 MiB of memory"),
    ],
)
def test_sql_that_asks_for_too_much_is_ended(
    store: Path, option: str, value: str, sql: str, message: str
) -> None:
    """By the limit that is set."""
    told = ask("sql", sql, "--store", store, option, value)
    assert told.exit_code == 2
    assert f"he query {message}" in told.output


def test_the_default_query_time_is_limited(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predefined questions end after a minute; here at once."""
    monkeypatch.setattr("platform_probe.store.duck.MAX_SECONDS", 0.5)
    sql = "SELECT sum(a.i * b.i) FROM range(1000000) AS a(i), range(1000000) AS b(i)"
    endless = Query("endless", "It never ends.", (), sql)
    monkeypatch.setattr("platform_probe.commands.query.query_named", lambda _: endless)
    told = ask("endless", "--store", store)
    assert told.exit_code == 2
    assert "The query took longer than 0.5 s" in told.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("causes",), "Which store? Name it by --store DIR"),
        (("causes", "--store", "nowhere"), "nowhere: neither a store"),
        (("cause", "--store", "STORE"), "did you mean 'causes'"),
        (("causes", "--store", "STORE", "--zone", "Mars"), "No time zone is called 'Mars'"),
        (("causes", "--store", "STORE", "--since", "soon"), "'soon' cannot be read as a time"),
        (("causes", "--store", "STORE", "--since", "1h", "--until", "2h"), None),
        (("causes", "--store", "STORE", "--since", "2030-01-01"), "--since 2030-01-01 is after"),
        (("causes", "--store", "STORE", "--set", "minutes"), "--set minutes: expected NAME=VALUE"),
        (("causes", "--store", "STORE", "--until", "2025-12-31"), "records here begin at Wed 31"),
        (("causes", "--store", "STORE", "--until", "2027-01-01"), None),
        (
            ("car", "--store", "STORE", "--set", "vehicle=CAR-3"),
            "No car 'CAR-3' is in this store. N",
        ),
        (("car", "--store", "STORE", "--set", "vehicle=car-03"), None),
        (
            (
                "releases-compared",
                "--store",
                "STORE",
                "--set",
                "before=2.4",
                "--set",
                "after=7.3.0",
            ),
            "--set before: No firmware or app version or api release '2.4' is in this store.",
        ),
        (
            ("customers-of-mode", "--store", "STORE", "--set", "mode=carrier_outage"),
            "no failure mode 'carrier_outage'; docs/modes.md lists them. Did you mean",
        ),
        (("causes", "SELECT 1", "--store", "STORE"), "causes takes no SQL"),
        (("sql", "--store", "STORE"), "sql needs a SELECT"),
        (("sql", "SELECT 1", "--store", "STORE", "--since", "1h"), "are for predefined queries"),
    ],
)
def test_mistakes_are_named(store: Path, words: tuple[str, ...], message: str | None) -> None:
    """What is wrong, and how it is meant."""
    told = ask(*(store if word == "STORE" else word for word in words))
    if message is None:
        assert told.exit_code == 0, told.output
    else:
        assert told.exit_code == 2
        assert message in told.output


def test_a_table_keeps_the_hard_space_of_french() -> None:
    """What moves the cursor is no letter of a table, and becomes a question mark."""
    assert table_of(["a"], [["Nord\u00a0: x\ny"]]).splitlines()[-1] == "Nord\u00a0: x?y"
