"""Each benchmark of speed runs a short round, whatever it measures, and tells it."""

from __future__ import annotations

import pytest

from bench import export, journal
from bench.child_fleet import running_fleet
from bench.connect_cost import measure_connects, render_costs
from bench.decoding import MESSAGES, DecodingPlan, measure_decoding, render_decoding
from bench.measure import Plan, measure
from bench.probe_run import run_c_driver
from bench.replay import DayPlan, measure_day, render_day
from bench.results import Goal, Results, render
from bench.stacks import STACKS
from bench.tls import KINDS, measure_tls, tls_goals
from bench.watching import WAYS, WatchPlan, measure_watching, render_watching
from bench.web.measure import WebPlan, measure_web
from bench.web.results import render_web
from fleet_sim.broker.process import BrokerProcess

pytestmark = pytest.mark.long

SMALL = Plan(boxes=20, rate_per_s=250.0, closed_loop_s=0.1, open_loop_s=0.2)
DAY = DayPlan(hours=0.1, cars=100, unlocks_a_hour=600)
WATCH = WatchPlan(
    boxes=10, rate_per_s=100.0, duration_s=0.3, rounds=1, in_flight=50,
    bare=Plan(boxes=10, rate_per_s=100.0, closed_loop_s=0.2, open_loop_s=0.2),
)  # fmt: skip


@pytest.mark.broker
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.compiler] if kind == "c" else []) for kind in STACKS],
)
async def test_every_stack_answers_every_command(kind: str) -> None:
    """Twenty boxes of each stack answer all commands of both loads."""
    measurement = await measure(kind, SMALL)
    assert (measurement.boxes, measurement.lost) == (20, 0)
    assert measurement.round_trips_per_s > 0
    assert measurement.p50_ms <= measurement.p99_ms
    results = Results({"cores": "2 of something"}, {kind: [measurement]}, [])
    assert "2 of something" in render(results)


@pytest.mark.broker
@pytest.mark.compiler
async def test_driver_in_c_is_answered(mosquitto: BrokerProcess) -> None:
    """All of fifty commands, signed as a platform's, to twenty full boxes are executed."""
    host, port = mosquitto.address.host, mosquitto.address.port
    async with running_fleet("full", host=host, port=port, count=SMALL.boxes):
        line = await run_c_driver(SMALL, host, port)
    assert (line.sent, line.answered) == (50, 50)
    assert 0 < line.p50_ms <= line.p99_ms


@pytest.mark.broker
@pytest.mark.parametrize("session_expiry_s", [0, 60])
async def test_connects_cost_the_broker_something(session_expiry_s: int) -> None:
    """Five boxes come and come back: each time it takes CPU of the broker."""
    cost = await measure_connects(5, session_expiry_s=session_expiry_s)
    assert cost.first_s > 0
    assert cost.again_s > 0
    kept = "yes" if session_expiry_s else "no"
    assert f"| 5 | {kept} |" in render_costs({(5, session_expiry_s): [cost]})


@pytest.mark.broker
@pytest.mark.parametrize("kind", KINDS)
async def test_all_connect_with_tls(kind: str) -> None:
    """Five handshakes, and five links, come to their end on a broker with a certificate."""
    line = await measure_tls(kind, 5)
    assert line.connected == 5
    rate, ratio, *_ = tls_goals({"bare": [line], "link": [line]})
    assert (rate.values, ratio.values) == ([line.connected / line.seconds], [1.0])


@pytest.mark.broker
@pytest.mark.parametrize("backend", [None, [], ["--hang"]], ids=["none", "takes all", "hangs"])
async def test_export_to_every_backend_is_measured(backend: list[str] | None) -> None:
    """A second of load goes well with each."""
    measured = await export.measure_export(backend, rate_per_s=100, seconds=1)
    assert measured.not_ok == 0
    assert measured.monitor_us > 0
    assert (measured.exporter_us > 0) is (backend is not None)
    assert "one" in export.render({"one": [measured]})


@pytest.mark.broker
async def test_every_unlock_of_the_api_is_executed() -> None:
    """The bench's own platform and boxes answer and execute all that its load asks for."""
    measured = await measure_web(WebPlan(boxes=20, rate_per_s=100.0, seconds=0.5))
    assert (measured.refused, measured.lost) == (0, 0)
    assert measured.half_p50_ms <= measured.half_p99_ms
    assert "not executed" in render_web([measured])


@pytest.mark.broker
@pytest.mark.compiler
def test_every_unlock_that_is_watched_is_written_once_and_joined() -> None:
    """Nobody, who only listens, a monitor, and two that join: each does what it is there for."""
    results = measure_watching(WATCH)
    nobody, bare, mqtt, joined, one_account = watched = [results.ways[way][0] for way in WAYS]
    assert [way.sent for way in watched] == [30] * 5
    assert [way.written for way in watched] == [0, 0, 30, 30, 30]
    assert [way.whole for way in (mqtt, joined, one_account)] == [0, 30, 30]
    assert 0 < bare.cpu_us < joined.cpu_us
    assert nobody.judge_us == bare.judge_us == 0 < mqtt.judge_us
    drivers = (results.c_driver_p99_ms, results.c_driver_watched_p99_ms, results.bare_round_trip_us)
    assert all(each > 0 for figures in drivers for each in figures)
    assert results.in_flight["process"] > results.in_flight["in_flight"]
    assert "not written once" in render_watching(results)


def test_decoding_is_measured_beside_the_contract() -> None:
    """A time and a ratio for each kind, and the goal beside them."""
    rounds = measure_decoding(DecodingPlan(rounds=2, messages=10))
    for one in rounds:
        assert one.native_us.keys() == one.mapped_us.keys() == {kind.value for kind in MESSAGES}
    text = render_decoding(rounds)
    assert "mapped / native, a message" in text
    assert "<= 3" in text


def test_both_sides_of_the_journal_are_measured() -> None:
    """A median each."""
    lines = journal.measure(entries=10 * journal.TOGETHER, rounds=2).splitlines()
    assert [line.split(":")[0] for line in lines] == ["measuring", "judging"]
    assert all(float(line.split()[1]) > 0 for line in lines)


def test_a_part_and_the_whole_are_replayed() -> None:
    """Two replays of a store whose journal is packed."""
    measured = measure_day(DAY)
    part, whole = measured.replays
    assert DAY.cars < part.entries < whole.entries
    assert all(one.peak_mib > 0 and one.cpu_s > 0 for one in measured.replays)
    assert 0 < measured.packed_mib < measured.journal_mib / 4
    assert "peak MiB" in render_day(measured)


def test_a_goal_is_judged_by_the_median_of_its_rounds() -> None:
    """From above or from below; what is only compared has no verdict."""
    rounds = [1.0, 2.0, 9.0]
    assert Goal("latency", rounds, 2.0).verdict == ("<= 2", "holds")
    assert Goal("rate", rounds, 3.0, is_ceiling=False).verdict == (">= 3", "MISSED")
    assert Goal("ratio", rounds, None).verdict == ("", "")
