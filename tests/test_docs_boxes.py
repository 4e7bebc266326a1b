"""What docs/drill.md shows can be done: its script finds what our own summary does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fleet_sim.results.summary import read_json
from tests.helpers.commands import lines
from tests.helpers.own_commands import run_here
from tests.helpers.pages import EXAMPLES
from tests.helpers.places import ROOT


def as_drill(run_directory: Path, drill: Path) -> None:
    """Write the ground truth of a run as boxes would, which know no attempts."""
    first = lines(run_directory / "attempts.jsonl")[0]
    began_s = first["started_at"] - first["scheduled_s"]
    truth: list[dict[str, Any]] = [{"type": "began", "unix_s": began_s, "shard": "1/1"}]
    for line in lines(run_directory / "ground_truth.jsonl"):
        del line["attempts"]
        truth.append(line)
    drill.mkdir()
    text = "".join(f"{json.dumps(line)}\n" for line in truth)
    (drill / "ground_truth.jsonl").write_text(text, encoding="utf-8")


def words(name: str, concluded: dict[str, Any]) -> str:
    """Return the line that the script prints of a fault, from an entry of our summary."""
    said = {"opened": concluded["ok"], **concluded["by_cause"]}
    return f"{name}: {sorted((cause, number) for cause, number in said.items() if number)}"


def printed(line: str) -> str:
    """Return a line of the script with its causes in the same form."""
    name, _, causes = line.partition(": ")
    pairs = (part.rsplit(" ", maxsplit=1) for part in causes.split(", "))
    return f"{name}: {sorted((cause, int(number)) for cause, number in pairs)}"


def test_the_script_finds_what_our_summary_does(tmp_path: Path) -> None:
    """Of a run with an outage: the unlocks that it touched, the others, and each one's cause."""
    out, drill = tmp_path / "run", tmp_path / "drill"
    scenario = ROOT / "scenarios" / "carrier_outage.yaml"
    code, _, stderr = run_here("fleet_sim", "run", scenario, "--mode", "virtual", "--out", out)
    assert code == 0, stderr
    as_drill(out, drill)
    script = EXAMPLES / "programs" / "compare_drill.py"
    command = [sys.executable, str(script), str(drill), str(out)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    injected = read_json(out / "summary.json")["injected"]
    (fault,) = injected["faults"]
    assert fault["not_ok"] > 10
    assert {printed(line) for line in said.splitlines()} == {
        words(fault["fault"], fault),
        words("no fault", injected["untouched"]),
    }
