"""The benchmark of watching runs, whatever it measures."""

from __future__ import annotations

import pytest

from bench.watching import WAYS, Results, Watched, WatchPlan, measure_watching, render_watching

SMALL = WatchPlan(boxes=10, rate_per_s=100.0, duration_s=0.3, rounds=1, in_flight=50)


@pytest.mark.broker
def test_every_unlock_is_written_once_and_joined() -> None:
    """Nobody, a monitor, and two that join: each way does what it is measured for."""
    results = measure_watching(SMALL)
    (nobody,), (mqtt,), (joined,), (one_account,) = (results.ways[way] for way in WAYS)
    assert nobody.sent == mqtt.sent == joined.sent == one_account.sent == 30
    assert (nobody.written, mqtt.written, joined.written, one_account.written) == (0, 30, 30, 30)
    assert (mqtt.whole, joined.whole, one_account.whole) == (0, 30, 30)
    assert joined.cpu_us > 0
    assert results.in_flight["count"] == 50
    assert results.in_flight["process"] > results.in_flight["in_flight"]


def test_what_was_measured_is_told() -> None:
    """With the goals, and what misses them."""
    one = Watched(way="", sent=10, written=9, whole=10, cpu_us=130.0, p50_ms=2.0, p99_ms=3.0)
    ways = {way: [one] for way in WAYS}
    memory = {"count": 10_000.0, "in_flight": 20.0, "process": 80.0}
    text = render_watching(Results(2_000, 2_000.0, 10.0, ways, memory))
    assert "a monitor joins the platform's log" in text
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert lines["CPU an unlock, joined, µs"].endswith("MISSED")
    assert lines["not written once"].endswith("MISSED")
    assert lines["10,000 in flight, MiB"].endswith("holds")
