"""What a board may say, and how each mistake is explained."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.boards.folder import SHIPPED
from platform_probe.boards.form import Panel, chart_misfit, load_board, read_board
from platform_probe.store.duck import Rows
from platform_probe.texts.speaking import ENGLISH

HEAD = "title: x\npanels:\n"


@pytest.mark.parametrize(
    ("panel", "problem"),
    [
        ("{title: a, query: cars-that-faild}", "query: no query 'cars-that-faild'; did you mean"),
        ("{title: a, query: car}", ": car needs vehicle: the car; as --set vehicle=VALUE, or on"),
        ("{title: a, query: causes, values: {x: y}}", ": causes has no parameter x"),
        ("{title: a, sql: SELECT 1, promql: up}", ": a panel asks one thing; make a panel of each"),
        ("{title: a, sql: SELECT 1, values: {x: y}}", ": values are those of a query"),
        ("{title: a, sql: SELECT $car}", "sql: $car has no value here; use $since and $until"),
        ("{title: a, promql: 'x{y=\"$z\"}'}", "promql: $z has no value here; write the value"),
        ("{title: a}", ": asks nothing: write query, sql or promql, or a text"),
        ("{title: a, sql: SELECT 1, chart: pie}", "chart: unknown value 'pie'; expected one of: "),
        ("{title: a, sql: SELECT 1, charts: bars}", "charts: unknown key; did you mean 'chart'?"),
        ("{sql: SELECT 1}", "title: missing, expected text"),
        ("{title: 7, text: x}", "title: expected text, not 7; quote it"),
    ],
)
def test_a_mistake_is_explained(panel: str, problem: str) -> None:
    """With file, line, key, and what to do."""
    with pytest.raises(ConfigError) as caught:
        read_board(f"{HEAD}  - {{title: right, text: x}}\n  - {panel}\n", Path("coast.yaml"))

    (told,) = caught.value.problems
    assert told.startswith("coast.yaml:4: panels.1")
    assert problem in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title: x\n", "coast.yaml:1: panels: missing"),
        (f"{HEAD}  []\n", "coast.yaml:2: panels: expected at least 1 of them, not 0"),
        (HEAD + 21 * "  - {title: a, text: b}\n", "coast.yaml:2: panels: "),
        ("title: x\n\tpanels: 3\n", "coast.yaml:2: not valid YAML: a tab: indent with spaces"),
        ("- x\n", "coast.yaml:1: expected keys and values, found a list"),
    ],
)
def test_a_wrong_file_is_explained(text: str, problem: str) -> None:
    """Also where no panel can be read."""
    with pytest.raises(ConfigError) as caught:
        read_board(text, Path("coast.yaml"))
    assert str(caught.value).startswith(problem)


def rows(*found: tuple[Any, ...]) -> Rows:
    """Return rows of two columns."""
    return Rows(("first", "second"), list(found), is_whole=True)


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chart", "found", "problem"),
    [
        ("line", rows((NOON, 1), (NOON, None)), None),
        ("line", rows(), None),
        ("line", rows(("coast", 1)), "A line needs a time in the first column"),
        ("line", rows((NOON, "many")), "Column second has 'many'"),
        ("line", Rows(("at",), [(NOON,)], is_whole=True), "The answer has only at"),
        ("bars", rows(("coast", Decimal(1)), (None, 0.5)), None),
        ("bars", rows(("coast", NOON)), "Bars need a label in the first column"),
        ("number", rows((1, "two")), None),
        ("number", rows((1, 2), (3, 4)), "A number shows one row"),
        ("table", rows((NOON, [1])), None),
    ],
)
def test_a_chart_that_does_not_fit_is_explained(
    chart: Any, found: Rows, problem: str | None
) -> None:
    """By what it needs, and what stands in the way."""
    told = chart_misfit(Panel(title="a", sql="SELECT 1", chart=chart), found)
    if problem is None:
        assert told is None
    else:
        assert told is not None
        assert problem in ENGLISH.say(told)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_boards_that_ship_are_right(path: Path) -> None:
    """Each has a text that says what it is for."""
    _, board = load_board(path)
    assert len(board.text) > 20
    assert len(board.panels) >= 4
