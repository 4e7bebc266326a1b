"""`platform-probe query`: what is printed, in which form, and what is refused."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from platform_probe.__main__ import main
from platform_probe.commands.query import table_of
from platform_probe.store.queries import Query
from tests.helpers.store_player import shared_store


def test_the_default_query_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predefined questions end after a minute; here at once."""
    monkeypatch.setattr("platform_probe.store.duck.MAX_SECONDS", 0.5)
    sql = "SELECT sum(a.i * b.i) FROM range(1000000) AS a(i), range(1000000) AS b(i)"
    endless = Query("endless", "It never ends.", (), sql)
    monkeypatch.setattr("platform_probe.commands.query.query_named", lambda _: endless)
    words = ["query", "endless", "--store", str(shared_store("busy"))]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 2
    assert "The query took longer than 0.5 s" in told.output


def test_a_table_keeps_the_hard_space_of_french() -> None:
    """What moves the cursor is no letter of a table, and becomes a question mark."""
    assert table_of(["a"], [["Nord\u00a0: x\ny"]]).splitlines()[-1] == "Nord\u00a0: x?y"
