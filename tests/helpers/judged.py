"""The shipped rules over a series of scrapes, as `promtool test rules` evaluates them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.scrapes import Scrapes
from tests.helpers.shipped import PROMETHEUS, alerts, yaml

RULES = tuple(PROMETHEUS / "rules" / name for name in ("recording.yml", "alerts.yml"))
_CHECK = re.compile(
    r"alertname: (?P<name>\w+), time: (?P<time>\w+),(?P<rest>.*?)(?=alertname: |\Z)", re.DOTALL
)
_GOT = re.compile(r"Labels:\{(?P<labels>.*)\}\s+Annotations:\{(?P<annotations>.*)\}")
_PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires at one evaluation."""

    at_s: float
    """Seconds since the first scrape."""
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def title(self) -> str:
        """What stands on a phone."""
        return self.annotations["summary"]


def pages() -> list[str]:
    """Return the names of the alerts that wake somebody."""
    return [alert["alert"] for alert in alerts() if alert["labels"]["severity"] == "critical"]


def firings(
    scrapes: Scrapes, directory: Path, *, names: Iterable[str], every_s: float, from_s: float = 0.0
) -> list[Firing]:
    """Return every firing of the alerts `names` at each evaluation, `every_s` apart.

    Nothing is expected to fire, so what does is what promtool complains of.
    """
    end_s = scrapes.count * scrapes.interval_s
    times = [n * every_s for n in range(int(from_s / every_s), int(end_s / every_s))]
    path = directory / "judged.json"
    path.write_text(json.dumps(_unit_test(scrapes, times, [*names], every_s)), encoding="utf-8")
    run = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    said = run.stdout + run.stderr
    found = list(_parsed(said))
    assert (run.returncode == 0) == (not found), said[-3000:]
    return found


def _unit_test(
    scrapes: Scrapes, times: list[float], names: list[str], every_s: float
) -> dict[str, Any]:
    groups = [group["name"] for path in RULES for group in yaml(path)["groups"]]
    return {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": f"{every_s:.0f}s",
        "group_eval_order": groups,
        "tests": [
            {
                "interval": f"{scrapes.interval_s:.0f}s",
                "external_labels": {"grafana": "http://grafana", "environment": "test"},
                "input_series": list(scrapes.as_input_series()),
                "alert_rule_test": [
                    {"eval_time": f"{at_s:.0f}s", "alertname": name}
                    for at_s in times
                    for name in names
                ],
            }
        ],
    }


def _parsed(said: str) -> Iterable[Firing]:
    for check in _CHECK.finditer(said):
        for got in _GOT.finditer(check["rest"]):
            yield Firing(
                at_s=_seconds(check["time"]),
                name=check["name"],
                labels=_pairs(got["labels"]),
                annotations=_pairs(got["annotations"]),
            )


def _pairs(text: str) -> dict[str, str]:
    return {name: json.loads(f'"{value}"') for name, value in _PAIR.findall(text)}


def _seconds(duration: str) -> float:
    units = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    return float(sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([dhms])", duration)))


def told(found: Iterable[Firing]) -> list[str]:
    """Return a line for each alert that fired: from when until when, its name and its title."""
    spans: dict[tuple[str, str], list[Firing]] = {}
    for firing in sorted(found, key=lambda firing: firing.at_s):
        spans.setdefault((firing.name, str(sorted(firing.labels.items()))), []).append(firing)
    return [
        f"{fired[0].at_s:.0f} s to {fired[-1].at_s:.0f} s, {len(fired)} times:"
        f" {fired[0].name}: {fired[0].title}"
        for fired in spans.values()
    ]
