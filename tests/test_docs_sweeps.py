"""The sweeps that docs/sweeps.md and docs/reproduce.md show can be run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_sim.sweeps.plan import plan_sweep
from tests.helpers.own_commands import accept, run_here
from tests.helpers.pages import EXAMPLES, page
from tests.helpers.places import ROOT

COMMANDS = re.findall(
    r"^fleet-sim sweep scenarios/.*", page("reproduce.md") + page("sweeps.md"), re.MULTILINE
)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_setting_of_a_sweep_is_a_scenario(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan checks each combination of values, as the command does before its first run."""
    monkeypatch.chdir(ROOT)
    given = accept(line.split()).params
    assert plan_sweep(given["scenario"], given["sets"], seeds=given["seeds"])


def test_the_sweep_over_two_sizes_runs(tmp_path: Path) -> None:
    """With one seed and a short load; four groups, two of which share an id and its numbers."""
    (line,) = [line for line in COMMANDS if "carrier_outage" in line]
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
    program = EXAMPLES / "programs" / "sweep_means.py"
    printed = subprocess.check_output(
        [sys.executable, program, tmp_path / "out" / "table.parquet"], text=True
    )
    assert {"200", "400"} <= {*printed.split()}
