"""Every stack's fleet answers commands, and the results are told."""

from __future__ import annotations

import pytest

from bench.measure import Plan, measure
from bench.results import Goal, Results, render
from bench.stacks import STACKS

pytestmark = pytest.mark.long

_SMALL = Plan(boxes=20, rate_per_s=250.0, closed_loop_s=0.1, open_loop_s=0.2)


@pytest.mark.broker
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.compiler] if kind == "c" else []) for kind in STACKS],
)
async def test_every_stack_answers_every_command(kind: str) -> None:
    """Twenty boxes of each stack answer all commands of both loads."""
    measurement = await measure(kind, _SMALL)
    assert measurement.boxes == 20
    assert measurement.lost == 0
    assert measurement.round_trips_per_s > 0
    assert measurement.p50_ms <= measurement.p99_ms
    results = Results({"cores": "2 of something"}, {kind: [measurement]}, [])
    assert "2 of something" in render(results)


def test_a_goal_is_judged_by_the_median_of_its_rounds() -> None:
    """From above or from below; what is only compared has no verdict."""
    rounds = [1.0, 2.0, 9.0]
    assert Goal("latency", rounds, 2.0).verdict == ("<= 2", "holds")
    assert Goal("rate", rounds, 3.0, is_ceiling=False).verdict == (">= 3", "MISSED")
    assert Goal("ratio", rounds, None).verdict == ("", "")
