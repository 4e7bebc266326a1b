"""The scrape configuration and the rules, as promtool and their own conventions see them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from fleet_sim.api.metrics import ApiMetrics
from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.outputs.attempt_metrics import UNLOCK_BUCKETS_S
from platform_probe.outputs.metrics import ProbeMetrics
from tests.helpers.doc_pages import console_families
from tests.helpers.shipped import (
    DASHBOARDS,
    EXPOSED,
    PROMETHEUS,
    RECORDED,
    RULE_TESTS,
    alerts,
    dashboard,
    output_of,
    panel_exprs,
    panels,
    recording_rules,
    rule_exprs,
    variables,
    yaml,
)

EXPECTED_ALERT = re.compile(r'alertname="(\w+)"')
LONG = {"causes", "healthy_hours", "probe_days", "slo_days"}
"""Unit tests of rules over hours and days of data, and those of twenty fleets with a fault."""


def exposed_samples() -> list[Sample]:
    """Return what a fresh probe that follows a platform exposes, a console, and an API at work."""
    probe = ProbeMetrics(CollectorRegistry(), version="test", follows_platform=True)
    judge = JudgeMetrics(CollectorRegistry(), backends=("slack",))
    api = ApiMetrics(CollectorRegistry())
    api.count("/bookings", None, "none")
    api.count_untreated("/bookings", KeyError(), "0" * 32)
    api.count_hung_up("/bookings")
    ours = [*probe.registry.collect(), *judge.registry.collect()]
    families = [*ours, *api.registry.collect(), *console_families()]
    return [sample for family in families for sample in family.samples]


@pytest.mark.prometheus
def test_promtool_accepts_the_configuration() -> None:
    """The shipped Prometheus takes the shipped file and both rule files, without a warning."""
    output_of(
        "promtool", "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yml"
    )
    output_of(
        "promtool",
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        *sorted((PROMETHEUS / "rules").glob("*.yml")),
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.long] * (path.stem in LONG))
        for path in RULE_TESTS
    ],
)
@pytest.mark.prometheus
def test_rules_fire_and_stay_silent(path: Path) -> None:
    """Promtool's unit tests: which alerts fire on which data, and that no other does."""
    output_of("promtool", "test", "rules", path)


def _alerts_expected_to_fire(path: Path) -> set[str]:
    names: set[str] = set()
    for test in yaml(path)["tests"]:
        for check in test["promql_expr_test"]:
            for sample in check.get("exp_samples", []):
                names.update(EXPECTED_ALERT.findall(sample["labels"]))
    return names


def test_every_alert_is_seen_to_fire() -> None:
    """No alert is without a unit test in which it fires; on healthy data none does."""
    fires = {path.stem: _alerts_expected_to_fire(path) for path in RULE_TESTS}
    assert fires.pop("healthy") | fires.pop("healthy_hours") == set()
    assert set().union(*fires.values()) == {alert["alert"] for alert in alerts()}


def test_expressions_name_series_that_exist() -> None:
    """Every series in a rule, a title or a panel is one that is exposed, or that we record."""
    exposed = {sample.name for sample in exposed_samples()}
    recorded = {rule["record"] for rule in recording_rules()}
    for expr in [*rule_exprs(), *panel_exprs()]:
        assert set(EXPOSED.findall(expr.promql)) <= exposed, expr.place
        assert set(RECORDED.findall(expr.promql)) <= recorded, expr.place
    for alert in alerts():
        assert set(RECORDED.findall(str(alert["annotations"]))) <= recorded, alert["alert"]


def test_what_pages_for_failed_unlocks_says_where_and_why() -> None:
    """Place and top cause stand in the title; what is about the monitor or one car has neither."""
    without = {"LateUnlock", "ProbeDown", "BrokerDisconnected", "BrokersAway", "NoUnlocks"}
    for alert in alerts():
        if alert["labels"]["severity"] == "critical" and alert["alert"] not in without:
            title = alert["annotations"]["summary"]
            named = re.search(r"trait_excess:accused|\$labels\.(value|region|endpoint) \}\}", title)
            assert named, alert["alert"]


def test_service_levels_lie_on_bucket_edges() -> None:
    """The edges that the rules read by name are edges that the probe has."""
    edges = {
        int(edge)
        for rule in recording_rules()
        for edge in re.findall(r'le=~"(\d+)\(', rule["expr"])
    }
    assert edges == {8, 10}
    assert edges <= set(UNLOCK_BUCKETS_S)


def test_unlocks_of_customers_are_never_added_to_synthetic_ones() -> None:
    """A rule that adds up unlocks keeps who asked, or says whose it means."""
    for rule in recording_rules():
        for added in re.finditer(
            r"sum( by \([\w, ]+\))?\s*\(\s*increase\(([^\[]+)\[", rule["expr"]
        ):
            grouping, selector = added.groups()
            if any("source" in s.labels for s in exposed_samples() if selector.startswith(s.name)):
                assert "source" in (grouping or "") or 'source="' in selector, rule


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alert_tells_what_to_do(alert: dict[str, Any]) -> None:
    """Severity, summary, description, action, a runbook, and a link to a dashboard's panel."""
    assert alert["labels"]["severity"] in {"critical", "warning"} | (
        {"none"} if alert["alert"] == "Watchdog" else set()
    )
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "description", "action", "dashboard", "runbook_url"}
    words = re.sub(r"\{\{ with .* end \}\}", "", annotations["summary"])
    assert len(words) <= 90, "one line on a phone, place and cause apart"
    page = f"{alert['alert']}.md"
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbook }}}}/{page}"
    link = re.fullmatch(
        r"\{\{ \$externalLabels\.grafana \}\}/d/(?P<uid>[\w-]+)"
        r"(?:\?viewPanel=(?P<panel>\d+)|\?var-(?P<variable>\w+)=\{\{ \$labels\.\w+ \}\})?",
        annotations["dashboard"],
    )
    assert link, annotations["dashboard"]
    board = {(board := dashboard(path))["uid"]: board for path in DASHBOARDS}[link["uid"]]
    if link["panel"]:
        assert int(link["panel"]) in {panel["id"] for panel in panels(board)}
    if link["variable"]:
        assert link["variable"] in variables(board)
