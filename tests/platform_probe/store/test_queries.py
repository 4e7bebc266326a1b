"""Every predefined query answers; what the important ones say is what has happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from platform_probe.commands.asking import StoreQuestion
from platform_probe.commands.query import run_query
from platform_probe.store.layout import make_store
from platform_probe.store.queries import all_queries, query_named
from platform_probe.store.reading import Source, Span
from platform_probe.texts.catalogue import has_text
from tests.helpers.busy_store import make_busy_store
from tests.helpers.english import ENGLISH
from tests.helpers.stores import BEGIN_S, KeptOpen

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


def answer(source: Source, name: str) -> list[dict[str, Any]]:
    """Return the rows of a query over the minute in which all happened, and an hour before."""
    asked = StoreQuestion(source, ENGLISH)
    span = Span(BEGIN_S - 3_600, BEGIN_S + UNTIL_S.get(name, 60.0))
    rows = run_query(asked, query_named(name), span, GIVEN.get(name, {}), 1_000)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]


@pytest.mark.parametrize("name", all_queries())
def test_every_query_finds_something(store: Source, lines_store: Source, name: str) -> None:
    """In a store where it has happened; in Parquet and in lines it is the same.

    Each column has a heading.
    """
    found = answer(store, name)
    assert found
    assert answer(lines_store, name) == found
    assert [column for column in found[0] if not has_text(f"column.{column}")] == []
    assert query_named(name).description.endswith((".", "?"))


@pytest.mark.parametrize("name", all_queries())
def test_every_query_runs_on_nothing(empty_store: Source, name: str) -> None:
    """A store that is new has every table, and no rows."""
    found = answer(empty_store, name)
    assert len(found) == (1 if name == "releases-compared" else 0)
