"""The benchmark of watching runs, whatever it measures."""

from __future__ import annotations

import pytest

from bench.measure import Plan
from bench.watching import WAYS, WatchPlan, measure_watching, render_watching

pytestmark = pytest.mark.long

SMALL = WatchPlan(
    boxes=10,
    rate_per_s=100.0,
    duration_s=0.3,
    rounds=1,
    in_flight=50,
    bare=Plan(boxes=10, rate_per_s=100.0, closed_loop_s=0.2, open_loop_s=0.2),
)


@pytest.mark.broker
@pytest.mark.compiler
def test_every_unlock_is_written_once_and_joined() -> None:
    """Nobody, who only listens, a monitor, and two that join: each does what it is there for."""
    results = measure_watching(SMALL)
    (nobody,), (bare,), (mqtt,), (joined,), (one_account,) = (results.ways[way] for way in WAYS)
    assert nobody.sent == bare.sent == mqtt.sent == joined.sent == one_account.sent == 30
    assert (nobody.written, mqtt.written, joined.written, one_account.written) == (0, 30, 30, 30)
    assert bare.written == 0
    assert 0 < bare.cpu_us < joined.cpu_us
    assert (mqtt.whole, joined.whole, one_account.whole) == (0, 30, 30)
    assert joined.cpu_us > 0
    assert nobody.judge_us == bare.judge_us == 0
    assert mqtt.judge_us > 0
    assert all(each > 0 for each in results.c_driver_p99_ms)
    assert all(each > 0 for each in results.c_driver_watched_p99_ms)
    assert all(each > 0 for each in results.bare_round_trip_us)
    assert results.in_flight["count"] == 50
    assert results.in_flight["process"] > results.in_flight["in_flight"]
    assert "not written once" in render_watching(results)
