"""Every predefined query answers; what the important ones say is what has happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.commands.asking import StoreQuestion
from platform_probe.commands.query import run_query
from platform_probe.store.layout import make_store
from platform_probe.store.queries import all_queries, query_named
from platform_probe.store.reading import Source, Span
from platform_probe.store.schema import ATTEMPTS
from tests.helpers.busy_store import make_busy_store
from tests.helpers.english import ENGLISH
from tests.helpers.stores import (
    BEGIN_S,
    KeptOpen,
    opened_late,
    put_booking_end,
    put_lines,
    put_presence,
    selected,
    unlock,
)

GIVEN = {
    "car": {"vehicle": "car-03"},
    "incident": {"incident": "inc-1"},
    "customers-of-mode": {"mode": "generic_500"},
    "releases-compared": {"before": "2.4.1", "after": "2.5.0"},
}
"""Parameters of the queries that need some."""
UNTIL_S = {"customers-that-failed": 34.0, "late-unlocks": 120.0}
"""When to ask what is over at the end of that minute, or comes later."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Give a store in which everything has happened once."""
    with closing(KeptOpen(make_busy_store(tmp_path_factory.mktemp("busy") / "store"))) as source:
        yield source


@pytest.fixture(scope="module")
def lines_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Give the same before anything is packed."""
    directory = make_busy_store(tmp_path_factory.mktemp("lines") / "store", packed=False)
    with closing(KeptOpen(directory)) as source:
        yield source


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Give a store that is new."""
    directory = tmp_path_factory.mktemp("empty")
    make_store(directory)
    with closing(KeptOpen(directory)) as source:
        yield source


def answer(source: Source | Path, name: str, **given: str) -> list[dict[str, Any]]:
    """Return the rows of a query over the minute in which all happened, and an hour before."""
    asked = StoreQuestion(Source(source) if isinstance(source, Path) else source, ENGLISH)
    span = Span(BEGIN_S - 3_600, BEGIN_S + UNTIL_S.get(name, 60.0))
    rows = run_query(asked, query_named(name), span, {**GIVEN.get(name, {}), **given}, 1_000)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]


@pytest.mark.parametrize("name", all_queries())
def test_every_query_finds_something(store: Source, lines_store: Source, name: str) -> None:
    """In a store where it has happened; in Parquet and in lines it is the same."""
    found = answer(store, name)
    assert found
    assert answer(lines_store, name) == found
    assert query_named(name).description.endswith((".", "?"))


@pytest.mark.parametrize("name", all_queries())
def test_every_query_runs_on_nothing(empty_store: Source, name: str) -> None:
    """A store that is new has every table, and no rows."""
    found = answer(empty_store, name)
    assert len(found) == (1 if name == "releases-compared" else 0)


@pytest.fixture(scope="module", params=["packed", "lines"])
def longer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store, in which cars and platform are heard after the last unlock has begun."""
    directory = tmp_path_factory.mktemp("longer") / "store"
    make_busy_store(directory, packed=request.param == "packed")
    put_presence(directory, 100.5, "car-03", "offline")
    put_lines(directory, "stray_answers", [opened_late(unlock(59), 60.25)])
    put_booking_end(directory, 140.75, car="car-03", booking="booking-3")
    return directory


def test_a_time_that_is_not_said_ends_after_all_that_is_read(longer: Path) -> None:
    """Not with the last unlock: the end of a run would be left out."""
    asked = StoreQuestion(Source(longer), ENGLISH)
    read = {
        tuple(table.name for table in query.tables): query.tables
        for query in all_queries().values()
    }
    assert () not in read
    times = {table.name: table.time for tables in read.values() for table in tables}
    newest_s = dict(selected(longer, " UNION ALL ".join(
        f"SELECT '{name}', max(epoch({time}))"
        f" FROM {'attempt_revisions' if name == ATTEMPTS.name else name}"
        for name, time in times.items()
    )))  # fmt: skip
    for names, tables in read.items():
        until_s = asked.span(None, None, tables).until_s or 0.0
        assert until_s >= max(newest_s[name] for name in names), names


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("late-unlock", {}, "no query 'late-unlock'; did you mean 'late-unlocks'"),
        ("causes", {"minutes": "3"}, "causes has no parameter minutes"),
        ("silent-cars", {"minutes": "many"}, "minutes: 'many' is no number"),
    ],
)
def test_mistakes_are_named(store: Source, name: str, given: dict[str, str], message: str) -> None:
    """What is wrong, and what was meant."""
    with pytest.raises(ConfigError, match=message):
        answer(store, name, **given)


def test_a_parameter_is_a_value(store: Source) -> None:
    """It must be set, and a text with quotes is no SQL; a release may not have been seen."""
    asked = StoreQuestion(store, ENGLISH)
    with pytest.raises(ConfigError, match=r"car needs vehicle: the car; as --set vehicle=VALUE"):
        run_query(asked, query_named("car"), Span(0, 1), {}, 1)
    assert answer(store, "car", vehicle="' OR 1=1 --") == []
    (row,) = answer(store, "releases-compared", after="9.9.9")
    assert row["verdict"] == "one of them was not seen"
