"""`fleet-sim run` on a real broker: what it writes, how it ends, and what bad things get."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fleet_sim.results.expectations import value_at
from tests.helpers.commands import (
    EACH_CAR_ONCE,
    SCENARIO,
    finish,
    lines,
    pids_with,
    run,
    start,
    summary,
    write_scenario,
)
from tests.helpers.own_commands import run_here
from tests.helpers.waiting import wait_for


@pytest.mark.broker
def test_a_run_opens_every_car_and_leaves_a_report(tmp_path: Path) -> None:
    """80 unlocks, all ok; every file of the run directory is there and agrees."""
    out = tmp_path / "run"
    scenario = write_scenario(tmp_path)
    code, stdout, stderr = run("fleet_sim", "run", scenario, "--out", out, *EACH_CAR_ONCE)
    assert code == 0, stdout + stderr
    assert stdout.startswith("seed 11\n")
    result = summary(out)
    for key in ("connect.rate_per_s", "fleet.rss_bytes_per_box", "probe.schedule_lag_p99_s"):
        assert value_at(result, key) is not None, key
    attempts = lines(out / "attempts.jsonl")
    assert len(attempts) == result["attempts"]["total"] == 80
    assert result["attempts"]["by_outcome"] == {"ok": 80, "refused": 0, "failed": 0, "unknown": 0}
    assert result["boxes"] == {"configured": 80, "connected_max": 80}
    assert len({attempt["vehicle_id"] for attempt in attempts}) == 80
    assert result["floor"]["p50_s"] < result["unlock"]["p50_s"]
    for attempt in attempts:
        assert sum(attempt["hops_s"].values()) == pytest.approx(attempt["total_s"])
    assert lines(out / "fleet_samples.jsonl")
    assert (out / "report.html").stat().st_size > 100_000
    logged = [line for line in lines(out / "probe.log.jsonl") if line.get("attempt_id")]
    assert {line["attempt_id"] for line in attempts} <= {line["attempt_id"] for line in logged}
    assert all(line["trace_id"] for line in logged)


@pytest.mark.broker
def test_a_killed_broker_costs_only_what_was_in_flight(tmp_path: Path) -> None:
    """Boxes and probe come back by themselves; what was under way ends as unknown."""
    out = tmp_path / "run"
    text = SCENARIO.replace("duration_s: 4", "duration_s: 12").replace(
        "actuation: 0.02", "actuation: 0.3"
    )
    process = start("fleet_sim", "run", write_scenario(tmp_path, text), "--out", out)
    wait_for(lambda: len(lines(out / "attempts.jsonl")) > 20)
    (broker,) = pids_with(["mosquitto", str(out)])
    os.kill(broker, signal.SIGKILL)
    code, stdout, stderr = finish(process)
    assert code == 0, stdout + stderr
    attempts = lines(out / "attempts.jsonl")
    result = summary(out)
    assert len(attempts) == result["attempts"]["total"] == 240
    lost = [a for a in attempts if a["outcome"] == "unknown"]
    assert lost
    assert "broker_unreachable" in {a["cause"] for a in lost}
    assert {a["cause"] for a in lost} <= {"broker_unreachable", "box_offline", "box_silent"}
    assert attempts[-1]["outcome"] == "ok"
    (broken,) = result["broken_brokers"]
    assert "30 boxes: car-00000, car-00001, car-00002 and 27 more) was killed by" in broken
    assert broken.partition("UTC: ")[2] in stdout, "on the screen at once"
    assert "Brokers that broke" in stdout
    assert "was killed by signal 9" in (out / "report.html").read_text()


@pytest.mark.broker
@pytest.mark.long
def test_a_drill_on_a_run(tmp_path: Path) -> None:
    """A fault that no scenario has is put onto its cars, and stands in its ground truth."""
    scenario = write_scenario(tmp_path)
    control, out = tmp_path / "control", tmp_path / "run"
    process = start(
        "fleet_sim", "run", scenario, "--out", out, "--control", control,
        "--set", "load.stages.0.duration_s=3600",
    )  # fmt: skip
    try:
        wait_for(lambda: len(lines(out / "attempts.jsonl")) > 10)
        drill = ("fleet_sim", "inject", "no_coverage_garage", "--for", "2s", "--control", control)
        assert run_here(*drill, "--target", "region=nowhere")[0] == 2
        code, said, errors = run_here(*drill, "--target", "ids=[car-00003]")
        assert (code, errors) == (0, "")
        assert said == (f"no_coverage_garage: injection 0 on 1 of 30 boxes, for 2 s ({control})\n")
        wait_for(lambda: [one for one in lines(out / "ground_truth.jsonl") if one["type"] == "hit"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert not control.exists()
    (injection,) = [one for one in lines(out / "ground_truth.jsonl") if one["type"] == "injection"]
    assert injection["vehicles"] == ["car-00003"]
    assert (out / "report.html").is_file()
