"""What is asked of the diagnosis, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

AT_LEAST, AT_MOST = ">=", "<="
GOALS: Final = (
    ("diagnosis.single.top1", AT_LEAST, 0.95),
    ("diagnosis.single.top3", AT_LEAST, 0.99),
    ("diagnosis.at_deadline.top1", AT_LEAST, 0.85),
    ("diagnosis.cause", AT_LEAST, 0.98),
    ("diagnosis.unknown", AT_MOST, 0.02),
    ("diagnosis.pairs.top3", AT_LEAST, 0.85),
    ("diagnosis.healthy_named_share", AT_MOST, 0.00001),
    ("diagnosis.ece", AT_MOST, 0.05),
    ("cohorts.top1", AT_LEAST, 0.90),
    ("cohorts.none_f1", AT_LEAST, 0.90),
    ("detection.before_first_call", AT_LEAST, 0.99),
    ("detection.delay_over_bound", AT_MOST, 1.5),
    ("detection.outage_unlocks", AT_MOST, 10),
    ("detection.false_alerts_per_30_days", AT_MOST, 1),
    ("detection.messages_per_problem", AT_MOST, 1.1),
    ("detection.title_cause", AT_LEAST, 0.95),
    ("detection.cost_us", AT_MOST, 15),
)
"""Figures of `score.json`, by the path to them. [E]"""


class Measured(NamedTuple):
    """A figure beside its goal, in words."""

    name: str
    goal: str
    measured: str
    verdict: str


def against_goals(figures: Mapping[str, Any]) -> Iterator[Measured]:
    """Yield each goal with what was measured, as `score.json` holds it."""
    for name, sense, goal in GOALS:
        found = _at(figures, name)
        wanted = f"{sense} {goal:g}"
        if found is None:
            yield Measured(name, wanted, "-", "not measured")
            continue
        is_met = found >= goal if sense == AT_LEAST else found <= goal
        yield Measured(name, wanted, f"{found:.4g}", "met" if is_met else "missed")


def _at(figures: Mapping[str, Any], path: str) -> float | None:
    found: Any = figures
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return None if found is None else float(found)
