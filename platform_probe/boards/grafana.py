"""A board as the JSON of a Grafana dashboard: PromQL as panels, the rest as text."""

from __future__ import annotations

from typing import Any, Final

from platform_probe.boards.form import Board, Panel

_TYPES: Final = {"table": "table", "number": "stat", "line": "timeseries", "bars": "bargauge"}
_UNITS: Final = {"": "short", "%": "percent", "s": "s"}
_COLUMNS: Final = 2
_WIDTH: Final = 12
_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def grafana_dashboard(board: Board, name: str) -> dict[str, Any]:
    """Return the dashboard of a board.

    Grafana cannot read a store: a panel of SQL becomes a text that says what it asks.
    """
    source = {"name": "datasource", "type": "datasource", "label": "Data source"}
    return {
        "uid": f"unlockpath-board-{name}"[:40],
        "title": board.title,
        "description": board.text,
        "tags": ["unlockpath"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "time": {"from": f"now-{board.hours}h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [{**source, "query": "prometheus"}]},
        "panels": [_panel(panel, number) for number, panel in enumerate(board.panels)],
    }


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    place = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    head = {"id": number + 1, "title": panel.title, "gridPos": place}
    if panel.promql is None:
        content = _text_of(panel)
        return {**head, "type": "text", "options": {"mode": "markdown", "content": content}}
    is_now = panel.chart != "line"
    target = {"refId": "A", "expr": panel.promql, "instant": is_now, "range": not is_now}
    unit = _UNITS.get(panel.unit, f"suffix:{panel.unit}")
    return {
        **head,
        "type": _TYPES[panel.chart],
        "description": panel.text or f"{panel.title}: a panel of a board of unlockpath.",
        "datasource": _SOURCE,
        "targets": [target | ({"format": "table"} if panel.chart == "table" else {})],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
    }


def _text_of(panel: Panel) -> str:
    if panel.question_key is None:
        return panel.text
    asked = panel.sql or f"platform-probe query {panel.query}"
    told = "Grafana cannot read the store; the console shows this panel. It asks:"
    return f"{panel.text}\n\n{told}\n\n```\n{asked}\n```".strip()
