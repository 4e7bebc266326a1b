"""Boards as Grafana dashboards, checked as those in deploy/ are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from platform_probe.boards.folder import SHIPPED
from platform_probe.boards.form import load_board, read_board
from platform_probe.boards.grafana import grafana_dashboard
from tests.helpers.shipped import (
    DASHBOARDS,
    check_with_promtool,
    dashboard,
    overlapping,
    panels,
    variables,
)

PROMQL = "sum(increase(x_total[$__range]))"
EVERY_KIND = "title: Every kind\npanels:\n" + "".join(
    f"  - {{title: {chart}, chart: {chart}, promql: '{PROMQL}', unit: '{unit}'}}\n"
    for chart, unit in (("table", ""), ("number", "%"), ("line", "s"), ("bars", "km"))
)
BOARDS = {
    "every-kind": read_board(EVERY_KIND, Path("every-kind.yaml"))[1],
    **{path.stem: load_board(path)[1] for path in sorted(SHIPPED.glob("*.yaml"))},
}


@pytest.fixture(params=BOARDS)
def exported(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return each board as its JSON says it."""
    made = grafana_dashboard(BOARDS[request.param], request.param)
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))
    return decoded


def test_a_board_has_its_panels(exported: dict[str, Any]) -> None:
    """With the keys that the dashboards of deploy/ have, a unit each, and nowhere two of them."""
    shipped = dashboard(DASHBOARDS[0])
    kinds = {panel["type"] for path in DASHBOARDS for panel in dashboard(path)["panels"]}
    assert set(exported) <= set(shipped)
    assert exported["schemaVersion"] == shipped["schemaVersion"]
    assert set(variables(exported)) == {"datasource"}
    assert len(exported["uid"]) <= 40
    for panel in exported["panels"]:
        assert panel["type"] in kinds, panel["title"]
        assert panel["title"]
    for panel in panels(exported):
        assert len(panel["description"]) > 20
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == panels(shipped)[0]["datasource"]
        assert all(target["expr"] for target in panel["targets"])
    assert len({panel["id"] for panel in exported["panels"]}) == len(exported["panels"])


def test_panels_do_not_overlap(exported: dict[str, Any]) -> None:
    """Every panel lies within the grid, on no other."""
    assert overlapping(exported) == []


def test_what_asks_the_store_becomes_text() -> None:
    """Grafana cannot ask it, and says where it is shown and what is asked."""
    made = grafana_dashboard(BOARDS["unlocks"], "unlocks")
    content = [panel["options"]["content"] for panel in made["panels"]]
    assert len(content) == 4
    assert all("the console shows this panel" in text for text in content)
    assert "SELECT cause, count(*)" in content[2]
    assert "platform-probe query cars-that-failed" in content[3]


def test_units_are_those_of_grafana() -> None:
    """A unit that it does not know stands behind the number."""
    made = grafana_dashboard(BOARDS["every-kind"], "every-kind")
    units = [panel["fieldConfig"]["defaults"]["unit"] for panel in made["panels"]]
    assert units == ["short", "percent", "s", "suffix:km"]


@pytest.mark.prometheus
def test_promtool_parses_every_expression(exported: dict[str, Any], tmp_path: Path) -> None:
    """As rules of one file, once Grafana's variables have values."""
    expressions = [
        (str(number), target["expr"])
        for number, panel in enumerate(panels(exported))
        for target in panel["targets"]
    ]
    check_with_promtool(expressions, tmp_path)
