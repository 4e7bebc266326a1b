"""The benchmark of watching runs, whatever it measures."""

from __future__ import annotations

import pytest

from bench.bare_subscriber import pubacks_of
from bench.measure import Plan
from bench.watching import WAYS, Results, Watched, WatchPlan, measure_watching, render_watching
from fleet_wire.links.lean.packets import MQTT_5, puback_packets

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


def test_a_bare_subscriber_acknowledges_what_it_has_whole() -> None:
    """QoS 1 alone, also behind a long packet; the beginning of the next one is left."""
    first = MQTT_5.publish("cars/a/result", b"x" * 200, 7, None, retain=False)
    unasked = MQTT_5.publish("cars/a/telemetry", b"x", None, None, retain=False)
    second = MQTT_5.publish("cars/a/state", b"x", 300, None, retain=True)
    whole = first + unasked + second
    for data in (whole, whole + first[:1], whole + first[:-1]):
        assert pubacks_of(memoryview(data)) == (puback_packets([7, 300]), len(whole))


def test_what_was_measured_is_told() -> None:
    """With the goals, and what misses them."""
    one = Watched(
        way="", sent=10, written=9, whole=10, cpu_us=130.0, judge_us=20.0, broker_us=50.0,
        p50_ms=2.0, p99_ms=3.0,
    )  # fmt: skip
    ways = {way: [one] for way in WAYS}
    memory = {"count": 10_000.0, "in_flight": 20.0, "process": 80.0}
    text = render_watching(Results(2_000, 2_000.0, 10.0, ways, [13.0], [1.0], [2.5], memory))
    assert "a monitor joins the platform's log" in text
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert lines["CPU, joined / that round trip"].endswith("MISSED")
    assert lines["round trip p99, joined / C driver, nobody"].endswith("MISSED")
    assert "2.5" in lines["round trip p99 of the C driver, MQTT alone / nobody"]
    assert lines["not written once"].endswith("MISSED")
    assert lines["10,000 in flight, MiB"].endswith("holds")
