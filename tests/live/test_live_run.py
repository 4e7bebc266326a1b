"""`fleet-sim run` on a real broker: what it writes, how it ends, and what bad things get."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from tests.helpers.commands import (
    EACH_CAR_ONCE,
    SCENARIO,
    finish,
    lines,
    pids_with,
    run,
    start,
    summary,
    value_at,
    wait_for_line,
    write_scenario,
)
from tests.helpers.own_commands import run_here
from tests.helpers.waiting import wait_for


def under_load(tmp_path: Path, text: str) -> tuple[subprocess.Popen[str], Path]:
    """Start a run of a scenario; return it, and its directory, when ten unlocks have ended."""
    out = tmp_path / "run"
    process = start("fleet_sim", "run", write_scenario(tmp_path, text), "--out", out)
    wait_for(lambda: len(lines(out / "attempts.jsonl")) > 10)
    return process, out


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


def test_an_expectation_that_does_not_hold_gives_exit_code_1(tmp_path: Path) -> None:
    """QA's pipeline sees it, in virtual time too: `SIGTERM` has a live run with such an end."""
    scenario = write_scenario(tmp_path, SCENARIO.replace("min: 0.5", "max: 0.1"))
    options = ("--out", tmp_path / "run", "--mode", "virtual")
    code, stdout, _ = run_here("fleet_sim", "run", scenario, *options)
    assert code == 1
    assert "✗" in stdout


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
def test_a_broker_that_is_killed_before_boxes_connect_is_started_again(tmp_path: Path) -> None:
    """Not only when they are all there."""
    out = tmp_path / "run"
    process = start("fleet_sim", "run", write_scenario(tmp_path), "--out", out)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("mosquitto"):
        pass
    (broker,) = pids_with(["mosquitto", str(out)])
    os.kill(broker, signal.SIGKILL)
    code, stdout, stderr = finish(process)
    assert code == 0, stdout + stderr
    assert summary(out)["boxes"]["connected_max"] == 30
    assert len(summary(out)["broken_brokers"]) == 1


@pytest.mark.broker
def test_sigterm_drains_and_writes_the_summary(tmp_path: Path) -> None:
    """What there was is judged; where nothing fails the run has not passed either."""
    text = SCENARIO.replace("duration_s: 4", "duration_s: 600")
    process, out = under_load(tmp_path, text)
    process.send_signal(signal.SIGTERM)
    code, stdout, stderr = finish(process)
    assert code == 130, stdout + stderr
    assert summary(out)["attempts"]["total"] == len(lines(out / "attempts.jsonl"))
    assert 0 < summary(out)["interrupted_after_s"] < 600
    assert "The run was interrupted after " in stdout
    assert ", interrupted after " in (out / "report.html").read_text("utf-8")
    assert not pids_with([str(out)])


@pytest.mark.broker
@pytest.mark.long
def test_sigterm_to_all_its_processes_writes_the_summary(tmp_path: Path) -> None:
    """As systemd and build servers send it: probe and broker get it too. What fails is said."""
    text = SCENARIO.replace("duration_s: 4", "duration_s: 60").replace("min: 0.5", "max: 0")
    process, out = under_load(tmp_path, text)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    for pid in (process.pid, *map(int, children.split())):
        os.kill(pid, signal.SIGTERM)
    code, stdout, stderr = finish(process)
    assert code == 1, stdout + stderr
    assert summary(out)["interrupted_after_s"] < 60


@pytest.mark.broker
@pytest.mark.long
def test_a_probe_that_another_ends_interrupts_the_run(tmp_path: Path) -> None:
    """It drains and ends well; that the load was cut short is said, and is no success."""
    text = SCENARIO.replace("duration_s: 4", "duration_s: 600")
    process, out = under_load(tmp_path, text)
    (probe,) = pids_with(["platform_probe", str(out)])
    os.kill(probe, signal.SIGTERM)
    code, stdout, stderr = finish(process)
    assert code == 130, stdout + stderr
    assert "the probe was told to end, not by this run: unlocks under way may finish" in stdout
    assert 0 < summary(out)["interrupted_after_s"] < 600
    assert ", interrupted after " in (out / "report.html").read_text("utf-8")


@pytest.mark.broker
@pytest.mark.long
def test_ctrl_c_when_all_unlocks_have_begun_interrupts_nothing(tmp_path: Path) -> None:
    """They end as they would have, so the run is whole, and judged like any other."""
    out = tmp_path / "run"
    text = SCENARIO.replace("actuation: 0.02", "actuation: 6").replace(
        "deadline_s: 3", "deadline_s: 9"
    )
    expected = text.replace("attempts.ok_share: {min: 0.5}", "attempts.total: {equals: 80}")
    process = start("fleet_sim", "run", write_scenario(tmp_path, expected), "--out", out)
    wait_for_line(process, "the last unlocks end")
    process.send_signal(signal.SIGINT)
    code, stdout, stderr = finish(process)
    assert code == 0, stdout + stderr
    assert summary(out)["interrupted_after_s"] is None


def test_ctrl_c_while_boxes_connect_is_no_success(tmp_path: Path) -> None:
    """Nothing that is expected of unlocks holds where there were none."""
    out = tmp_path / "run"
    url = "mqtt://127.0.0.1:1"
    process = start("fleet_sim", "run", write_scenario(tmp_path), "--out", out, "--broker", url)
    wait_for_line(process, "no box on")
    process.send_signal(signal.SIGINT)
    code, stdout, stderr = finish(process)
    assert code == 1, stdout + stderr
    assert summary(out)["interrupted_after_s"] == 0
    assert "The run was interrupted before a car was opened" in stdout


@pytest.mark.broker
def test_ctrl_c_twice_ends_now_and_loses_nothing(tmp_path: Path) -> None:
    """What had ended is on disk; nothing of the run is left running."""
    text = SCENARIO.replace("duration_s: 4", "duration_s: 600").replace(
        "actuation: 0.02", "actuation: 2.5"
    )
    process, out = under_load(tmp_path, text)
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "Ctrl-C again")
    process.send_signal(signal.SIGINT)
    code, _, stderr = finish(process)
    assert code == 130, stderr
    assert len(lines(out / "attempts.jsonl")) > 10
    wait_for(lambda: not pids_with([str(out)]))


def test_a_broker_that_is_away_is_waited_for_then_given_up(tmp_path: Path) -> None:
    """A message while it waits, exit code 2 after --wait seconds."""
    url = "mqtt://127.0.0.1:1"
    scenario = write_scenario(tmp_path)
    code, stdout, stderr = run_here(
        "fleet_sim", "run", scenario, "--out", tmp_path / "run", "--broker", url, "--wait", 4
    )
    assert code == 2
    assert f"no box on {url} yet: unreachable: Connection refused" in stdout
    assert f"{url}: no box could connect in 4 s: unreachable: Connection refused" in stderr


@pytest.mark.broker
@pytest.mark.long
def test_a_file_that_cannot_grow_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    """As on a full disk: writes fail in mid-run, the run goes on, and says what is missing."""
    out = tmp_path / "run"
    process = start(
        "fleet_sim",
        "run",
        write_scenario(tmp_path),
        *("--out", out),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    code, stdout, stderr = finish(process)
    assert code == 2, stdout
    assert "report.html" in stderr
    assert "Traceback" not in stderr
    whole = [line for line in (out / "attempts.jsonl").read_text().splitlines() if line[-1] == "}"]
    assert len(whole) > 20
    assert summary(out)["probe"]["ended"] == 80


def test_iotcore_refuses_more_boxes_than_it_carries(tmp_path: Path) -> None:
    """The error says what to do instead."""
    code, _, stderr = run_here(
        "fleet_sim",
        "run",
        write_scenario(tmp_path),
        *("--out", tmp_path / "run", "--private-broker", "iotcore", "--set", "fleet.count=2001"),
    )
    assert code == 2
    assert "install mosquitto" in stderr


@pytest.mark.broker
def test_a_killed_run_leaves_nothing_running(tmp_path: Path) -> None:
    """After SIGKILL broker and probe end too, and what had ended is on disk."""
    text = SCENARIO.replace("duration_s: 4", "duration_s: 600")
    process, out = under_load(tmp_path, text)
    process.kill()
    process.communicate()
    wait_for(lambda: not pids_with([str(out)]))
    assert len(lines(out / "attempts.jsonl")) > 10


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
