"""`fleet-sim sweep`: what it says to people and to build servers when it is over."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from fleet_sim.commands import sweep as command
from fleet_sim.results.junit import write_junit
from tests.helpers.junit import read_junit
from tests.helpers.own_commands import run_here
from tests.helpers.sweeps import plan, record, write_scenario


def test_a_failing_run_is_the_last_line_and_in_both_files(tmp_path: Path) -> None:
    """Of each setting the seeds are tests; JSON stands alone on stdout."""
    code, stdout, stderr = run_here(
        "fleet_sim", "sweep", write_scenario(tmp_path), "--seeds", "2", "--jobs", "1",
        "--set", "load.stages.0.rate_per_s=2,3", "--out", tmp_path / "out",
        "--junit", tmp_path / "result.xml", "--json",
    )  # fmt: skip
    assert code == 1, stderr
    last = stderr.splitlines()[-1]
    assert last == (
        "✗ load.stages.0.rate_per_s=3, seed 1: attempts.total is 15, expected = 10;"
        " attempts.ok_share is 0.6667, expected ≥ 0.75 (and 1 more)"
    )
    found = msgspec.json.decode(stdout)
    assert (found["fine"], found["total"]) == (2, 4)
    assert [each["seed"] for each in found["not_fine"]] == [1, 2]
    assert "--set load.stages.0.rate_per_s=3" in found["not_fine"][0]["command"]
    names = [
        (suite.get("name"), suite.get("tests"), suite.get("failures"))
        for suite in read_junit(tmp_path / "result.xml")
    ]
    times_s = [float(suite.get("time", 0)) for suite in read_junit(tmp_path / "result.xml")]
    assert all(time_s > 0 for time_s in times_s)
    assert names == [
        ("garage, load.stages.0.rate_per_s=2", "2", "0"),
        ("garage, load.stages.0.rate_per_s=3", "2", "2"),
    ]


def test_a_run_without_an_end_is_an_error(tmp_path: Path) -> None:
    """Not a failure: nobody knows whether its expectations hold."""
    records = [record(1, 0.75), record(2, 0.25), record(3, 0.0, error="ValueError: no")]
    write_junit(tmp_path / "r.xml", "x", command._suites(plan(tmp_path), records))
    cases = [
        [(found.tag, found.get("message")) for found in case]
        for case in read_junit(tmp_path / "r.xml").iter("testcase")
    ]
    wrong = "attempts.ok_share is 0.25, expected ≥ 0.5"
    assert cases == [[], [("failure", wrong)], [("error", "ValueError: no")]]


def test_a_good_sweep_ends_with_its_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing failed, so the last line is where to look."""
    command._print_result(Console(), [record(1, 0.75)], tmp_path)
    assert capsys.readouterr().out.splitlines() == [
        "every expectation held in 1 of 1 run",
        f"table: {tmp_path / 'table.csv'}",
        f"report: {tmp_path / 'report.html'}",
    ]
