"""A defect of the model, in either mode: counted and told, and the rest of the fleet goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.commands import (
    SCENARIO,
    finish,
    lines,
    start,
    summary,
    wait_for_line,
    write_scenario,
)

pytestmark = pytest.mark.long

DEFECTS = ("LocalProtocolError: no way", "ZeroDivisionError", "KeyError", "ValueError: no fault")
BROKEN = "tests.helpers.broken_model"
TEXT = f"""\
{SCENARIO.replace("keepalive_s: 5", "heartbeat_s: 1")}
faults:
  - name: no_coverage_garage
    target: {{ids: [car-00003, car-00004]}}
    window: {{start_s: 0, end_s: 7}}
"""


def defective(directory: Path) -> Path:
    """Write a scenario in which four cars are broken, and one has no coverage."""
    return write_scenario(directory, TEXT)


@pytest.mark.parametrize("mode", ["virtual", pytest.param("live", marks=pytest.mark.broker)])
def test_a_run_goes_on_and_ends_with_exit_code_2(mode: str, tmp_path: Path) -> None:
    """A box, a fault's process and a handler: each defect is logged once, and none is hidden."""
    out = tmp_path / "run"
    process = start(
        BROKEN,
        *("run", defective(tmp_path), "--mode", mode, "--out", out, "--listen", "127.0.0.1:0"),
        *("--set", "fleet.count=80", "--set", "load.deadline_s=10"),  # no car is asked twice
    )
    code, stdout, stderr = finish(process)
    assert code == 2, stdout + stderr
    result = summary(out)
    assert result["model_defects"] >= len(DEFECTS)
    assert result["first_model_defect"].startswith("KeyError: 'no start' (__main__:")
    assert f"{result['model_defects']} defects of the model" in stderr
    assert result["first_model_defect"] in stderr
    assert "Traceback" not in stderr
    log = (out / "fleet.log").read_text(encoding="utf-8")
    for defect in DEFECTS:
        assert log.count(f"the model failed: {defect}") == 1
    assert log.count("Traceback") == len(DEFECTS)
    attempts = lines(out / "attempts.jsonl")
    assert len(attempts) == 80
    struck = {"car-00000", "car-00004"}
    assert {it["outcome"] for it in attempts if it["vehicle_id"] not in struck} == {"ok"}
    assert all(it["vehicle_id"] in struck for it in attempts if it["outcome"] != "ok")
    assert "Not to be trusted" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.broker
def test_boxes_alone_serve_on_and_end_with_exit_code_2(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    """SIGTERM ends them as ever, but whoever started them learns of it."""
    process = start(BROKEN, "boxes", defective(tmp_path), "--broker", mosquitto.address)
    wait_for_line(process, "SIGTERM or Ctrl-C ends it")
    process.send_signal(signal.SIGTERM)
    code, _, stderr = finish(process)
    assert code == 2
    assert "of the model; the log has the traceback. The first: KeyError: 'no start'" in stderr


@pytest.mark.parametrize(
    "how",
    [
        ("virtual",),
        pytest.param(("live",), marks=pytest.mark.broker),
        pytest.param(("live", "--processes", "2"), marks=pytest.mark.broker),
    ],
)
def test_a_run_whose_time_stands_still_ends_and_names_the_process(
    how: tuple[str, ...], tmp_path: Path
) -> None:
    """Also where it is the time of one process of several: then the others go on."""
    process = start(
        "tests.helpers.stalled_model",
        *("run", defective(tmp_path), "--out", tmp_path / "run", "--listen", "127.0.0.1:0"),
        *("--mode", *how),
    )
    code, stdout, stderr = finish(process)
    assert code == 2, stdout + stderr
    assert "simulated time stands still at second" in stderr
    assert "process strike (__main__:" in stderr
    assert "of car-00003 waits for no time" in stderr
    assert "Traceback" not in stderr
