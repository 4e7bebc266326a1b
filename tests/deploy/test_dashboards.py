"""The Grafana dashboards, as far as they can be checked without Grafana."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fleet_sim.api.metrics import ApiMetrics
from fleet_wire.contract.causes import CAUSES, Outcome
from platform_probe.outputs.sinks import ATTEMPTS_FILE, JsonlSink
from tests.helpers.doc_pages import console_families, probe_families
from tests.helpers.places import ROOT
from tests.helpers.records import attempt_of
from tests.helpers.shipped import (
    DASHBOARDS,
    DEPLOY,
    EXPOSED,
    check_with_promtool,
    dashboard,
    overlapping,
    panel_exprs,
    panels,
    rule_exprs,
    variables,
    yaml,
)

OF_A_HISTOGRAM = ("_bucket", "_count", "_sum")
"""Ends of the names of a histogram's series."""
OUTCOME_COLOURS = {"ok": "#009E73", "refused": "#56B4E9", "failed": "#D55E00", "unknown": "#E69F00"}
"""From the palette of Okabe and Ito, which people with any colour vision can tell apart."""


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboard_has_its_panels(path: Path) -> None:
    """Each panel has a title, a description, a unit, and at least one expression.

    Each lies within the grid, on no other, and expressions read the variables that there are.
    """
    board = dashboard(path)
    assert len(panels(board)) > 5
    for panel in panels(board):
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["expr"] for target in panel["targets"]), panel["title"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert board["uid"] == f"unlockpath-{path.stem}"
    assert overlapping(board) == []
    used = set(re.findall(r"\$\{?((?!__)[a-z]\w*)", path.read_text(encoding="utf-8")))
    assert used == set(variables(board))


def test_outcomes_have_the_same_colours_everywhere() -> None:
    """On every panel that shows outcomes."""
    assert set(OUTCOME_COLOURS) == {outcome.value for outcome in Outcome}
    shown = [
        panel
        for path in DASHBOARDS
        for panel in panels(dashboard(path))
        if "{{outcome}}" in (target.get("legendFormat") for target in panel["targets"])
    ]
    assert len(shown) >= 3
    for panel in shown:
        colours = {
            override["matcher"]["options"]: prop["value"]["fixedColor"]
            for override in panel["fieldConfig"]["overrides"]
            for prop in override["properties"]
            if prop["id"] == "color"
        }
        assert colours.items() >= OUTCOME_COLOURS.items(), panel["title"]


def test_support_table_explains_every_cause() -> None:
    """The table beside the numbers has the sentence and the party of each cause."""
    table = next(
        panel
        for panel in panels(dashboard(DEPLOY / "grafana" / "dashboards" / "support.json"))
        if panel["type"] == "table"
    )
    texts = {
        override["matcher"]["options"]: {
            cause: mapped["text"] for cause, mapped in prop["value"][0]["options"].items()
        }
        for override in table["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "mappings"
    }
    assert texts["meaning"] == {cause.value: info.explanation for cause, info in CAUSES.items()}
    assert texts["party"] == {
        cause.value: info.party.value.replace("_", " ") for cause, info in CAUSES.items()
    }


def lookup_commands(trace: str, car: str) -> list[str]:
    """Return the patterns with which the support dashboard finds an unlock, and a car's unlocks."""
    board = dashboard(DEPLOY / "grafana" / "dashboards" / "support.json")
    (text,) = [panel for panel in board["panels"] if panel["type"] == "text"]
    content = text["options"]["content"].replace("$trace", trace).replace("$car", car)
    return [pattern.replace("\\", "") for pattern in re.findall(r"grep (?:-h )?'([^']+)'", content)]


def test_an_unlock_and_a_car_can_be_looked_up(tmp_path: Path) -> None:
    """What the support dashboard says finds the record by its trace, and by its car."""
    attempt = attempt_of()
    with JsonlSink(tmp_path) as sink:
        sink.emit(attempt)
    (line,) = (tmp_path / ATTEMPTS_FILE).read_text(encoding="utf-8").splitlines()
    patterns = lookup_commands(attempt.trace_id, attempt.vehicle_id)
    assert len(patterns) == 3
    assert all(pattern in line for pattern in patterns)
    assert not any(pattern in line for pattern in lookup_commands("0" * 32, "another-car")[:2])


def test_a_point_leads_to_its_unlock() -> None:
    """The trace of an exemplar fills in the variable that the lookup reads."""
    (source,) = yaml(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")[
        "datasources"
    ]
    (link,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert link["name"] == "trace_id"  # as ProbeMetrics names it
    uid, _, variable = link["url"].removeprefix("/d/").partition("?var-")
    board = {(board := dashboard(path))["uid"]: board for path in DASHBOARDS}[uid]
    assert variable.partition("=")[0] in variables(board)
    assert any(target.get("exemplar") for panel in panels(board) for target in panel["targets"])


@pytest.mark.prometheus
def test_promtool_parses_every_expression(tmp_path: Path) -> None:
    """Every expression is PromQL, once Grafana's variables have values: rules of one file."""
    check_with_promtool([(expr.place, expr.promql) for expr in panel_exprs()], tmp_path)


def test_every_metric_is_read_by_somebody() -> None:
    """By a rule, by a panel, or by a person whom a page tells when to ask for it.

    A metric that nobody reads costs a series and says nothing.
    """
    generated = ROOT / "docs" / "metrics.md"
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page != generated]
    texts = [*(expr.promql for expr in (*rule_exprs(), *panel_exprs()))]
    texts += [page.read_text(encoding="utf-8") for page in pages]
    read = {name for text in texts for name in EXPOSED.findall(text)}
    api = CollectorRegistry()
    ApiMetrics(api)
    unread = {
        family.name
        for family in (*probe_families(), *api.collect(), *console_families())
        if not read & {f"{family.name}{end}" for end in ("", "_total", *OF_A_HISTOGRAM)}
    }
    assert not unread, "give each a rule, a panel, or its row in docs/dashboards.md"
