"""Programs that pages include do what the pages say, on cars and runs of ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_sim.results.summary import read_json
from fleet_sim.sweeps.plan import plan_sweep
from tests.helpers.commands import SCENARIO, finish, lines, start, write_scenario
from tests.helpers.own_commands import accept, run_here
from tests.helpers.pages import EXAMPLES, page
from tests.helpers.places import ROOT

SWEEPS = re.findall(
    r"^fleet-sim sweep scenarios/.*", page("reproduce.md") + page("sweeps.md"), re.MULTILINE
)


def run_program(name: str, *words: object) -> str:
    """Run a program of the pages; return what it prints."""
    command = [sys.executable, str(EXAMPLES / "programs" / name), *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


@pytest.mark.broker
def test_a_client_unlocks_a_car(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """The box of docs/wire.md receives, and executes."""
    scenario = write_scenario(tmp_path, SCENARIO.replace("count: 30", "count: 2"))
    port = mosquitto.port
    with start("fleet_sim", "boxes", scenario, f"--broker=mqtt://127.0.0.1:{port}") as boxes:
        assert boxes.stdout is not None
        assert any("serving" in line for line in boxes.stdout)
        said = run_program("unlock.py", "127.0.0.1", port, "car-00001")
        boxes.terminate()
        finish(boxes)
    assert said.split() == ["received", "executed"]


def test_a_drill_is_compared_as_our_summary_does(tmp_path: Path) -> None:
    """Of a run with an outage: the unlocks that it touched, the others, and each one's cause."""
    out, drill = tmp_path / "run", tmp_path / "drill"
    scenario = ROOT / "scenarios" / "carrier_outage.yaml"
    code, _, stderr = run_here("fleet_sim", "run", scenario, "--mode", "virtual", "--out", out)
    assert code == 0, stderr
    write_drill(out, drill)
    injected = read_json(out / "summary.json")["injected"]
    (fault,) = injected["faults"]
    assert fault["not_ok"] > 10
    printed = {}
    for line in run_program("compare_drill.py", drill, out).splitlines():
        name, _, causes = line.partition(": ")
        printed[name] = {cause: int(n) for cause, n in re.findall(r"(\w+) (\d+)", causes)}
    expected = {fault["fault"]: fault, "no fault": injected["untouched"]}
    assert printed == {
        name: +Counter({"opened": entry["ok"], **entry["by_cause"]})
        for name, entry in expected.items()
    }


def write_drill(run: Path, drill: Path) -> None:
    """Write the ground truth of a run as boxes would, which know no attempts."""
    first = lines(run / "attempts.jsonl")[0]
    began_s = first["started_at"] - first["scheduled_s"]
    truth: list[dict[str, Any]] = [{"type": "began", "unix_s": began_s, "shard": "1/1"}]
    for line in lines(run / "ground_truth.jsonl"):
        del line["attempts"]
        truth.append(line)
    drill.mkdir()
    text = "".join(f"{json.dumps(line)}\n" for line in truth)
    (drill / "ground_truth.jsonl").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("line", SWEEPS)
def test_every_setting_of_a_sweep_is_a_scenario(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan checks each combination of values, as the command does before its first run."""
    monkeypatch.chdir(ROOT)
    given = accept(line.split()).params
    assert plan_sweep(given["scenario"], given["sets"], seeds=given["seeds"])


def test_the_sweep_over_two_sizes_runs(tmp_path: Path) -> None:
    """With one seed and a short load; four groups, two of which share an id and its numbers."""
    (line,) = [line for line in SWEEPS if "carrier_outage" in line]
    words = ["1" if word == "20" else word for word in line.split()[1:]]
    code, stdout, stderr = run_here(
        "fleet_sim", words[0], ROOT / words[1], *words[2:], "--out", tmp_path / "out",
        "--set", "load.stages.0.duration_s=20", "--jobs", "1",
    )  # fmt: skip
    assert code == 1, stdout + stderr  # what it expects of a whole run does not hold
    table = (tmp_path / "out" / "table.csv").read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(table[0].split(","), row.split(","), strict=True)) for row in table[1:]]
    assert [(row["fleet.count"], row["boxes.configured"], row["error"]) for row in rows] == [
        ("200", "800", ""), ("400", "1600", ""),
    ]  # fmt: skip
    printed = run_program("sweep_means.py", tmp_path / "out" / "table.parquet")
    assert {"200", "400"} <= {*printed.split()}
