"""What deploy/ ships, read once for the tests: rules, alerts, dashboards, and their expressions."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleet_wire.config.file import load_document
from tests.helpers.places import ROOT

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
ALERTMANAGER = DEPLOY / "alertmanager"
RULE_TESTS = sorted((PROMETHEUS / "rules" / "tests").glob("*.yml"))
GRID_WIDTH = 24
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

RECORDED = re.compile(r"unlockpath:\w+:\w+")
EXPOSED = re.compile(r"\b(?:unlockpath|process)_\w+")

# unlockpath:what:how OP number, perhaps of one source or trait: all that an alert may be made of
_LEG = re.compile(
    r'(unlockpath:\w+:\w+(?:\{(?:source|trait)="\w+"\})?) (?:>=?|<=?|==|!=) \d+(?:\.\d+)?'
)


@dataclass(frozen=True, slots=True)
class Expr:
    """One PromQL expression, and where it stands."""

    place: str
    promql: str


def output_of(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a program of others; return what it prints, or fail with what it complains of."""
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-2_000:] + run.stderr[-3_000:]
    return run.stdout


def yaml(path: Path) -> dict[str, Any]:
    """Return a YAML file as plain values."""
    return load_document(path).values


def mosquitto_config(directory: Path) -> str:
    """Return mosquitto.conf without its listener, and with what it stores in `directory`."""
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
    text, listeners = re.subn(r"^listener 1883$", "", text, flags=re.MULTILINE)
    text, places = re.subn(r"/mosquitto/data/", f"{directory}/", text)
    assert (listeners, places) == (1, 1)
    return text


def _rules(name: str) -> list[dict[str, Any]]:
    groups = yaml(PROMETHEUS / "rules" / name)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recording_rules() -> list[dict[str, Any]]:
    """Return every rule of recording.yml."""
    return _rules("recording.yml")


def alerts() -> list[dict[str, Any]]:
    """Return every rule of alerts.yml."""
    return _rules("alerts.yml")


def left_sides(alert: dict[str, Any]) -> list[str]:
    """Return the recorded series that an alert compares.

    Fails for an alert of another form than `series OP number [and series OP number ...]`.
    """
    legs = re.split(r"\s+and\s+", alert["expr"].strip())
    matches = [_LEG.fullmatch(leg) for leg in legs]
    assert all(matches), f"{alert['alert']}: not of the form `recorded OP number [and ...]`: {legs}"
    return [match.group(1) for match in matches if match]


def rule_exprs() -> list[Expr]:
    """Return what must return data: the recording rules, and the left sides of the alerts."""
    return [
        *(
            Expr(f"{rule['record']} {rule.get('labels', '')}".strip(), rule["expr"])
            for rule in recording_rules()
        ),
        *(Expr(rule["record"], rule["record"]) for rule in recording_rules()),
        *(Expr(alert["alert"], series) for alert in alerts() for series in left_sides(alert)),
    ]


def dashboard(path: Path) -> dict[str, Any]:
    """Return a dashboard."""
    decoded: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return decoded


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that show data: rows only group, and text is text."""
    return [panel for panel in board["panels"] if panel["type"] not in {"row", "text"}]


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the variables of a dashboard, by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def panel_exprs() -> list[Expr]:
    """Return every expression of every panel, as Grafana writes it in the file."""
    return [
        Expr(f"{path.stem}: {panel['title']} {target['refId']}", target["expr"])
        for path in DASHBOARDS
        for panel in panels(dashboard(path))
        for target in panel["targets"]
    ]


def check_with_promtool(named: Sequence[tuple[str, str]], directory: Path) -> None:
    """Have promtool parse expressions, each with a name: as rules of one file."""
    rules = [
        {"record": "panel:shows", "expr": with_values(promql), "labels": {"place": place}}
        for place, promql in named
    ]
    file = directory / "panels.yml"
    file.write_bytes(msgspec.json.encode({"groups": [{"name": "panels", "rules": rules}]}))
    said = output_of("promtool", "check", "rules", "--lint=none", file)
    assert f"{len(rules)} rules found" in said


def with_values(promql: str, *, window: str = "1m") -> str:
    """Return an expression with Grafana's variables replaced: All, and `window` for intervals.

    Steps of five minutes become shorter: a test does not wait for the next one.
    """
    promql = promql.replace(":5m]", ":15s]")
    for name in ("$__rate_interval", "$__interval", "$__range"):
        promql = promql.replace(name, window)
    promql = re.sub(r'=~"\$\w+"', '=~".*"', promql)
    promql = re.sub(r"\$per_\w+", "6", promql)  # what something costs
    assert "$" not in promql.replace('"$1"', ""), promql
    return promql


def overlapping(board: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of a dashboard's panels that share a cell; none may leave the grid."""

    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= GRID_WIDTH, panel["title"]
        return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}

    pairs = itertools.combinations(board["panels"], 2)
    return [(one["title"], other["title"]) for one, other in pairs if cells(one) & cells(other)]
