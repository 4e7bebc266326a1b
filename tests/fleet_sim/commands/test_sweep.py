"""`fleet-sim sweep`: what it says to people and to build servers when it is over."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from fleet_sim.commands import sweep as command
from fleet_sim.results.junit import write_junit
from tests.helpers.junit import read_junit
from tests.helpers.sweeps import plan, record


def test_seeds_of_a_setting_are_the_tests_of_a_suite(tmp_path: Path) -> None:
    """One that failed to end is an error, not a failure: nobody knows what holds."""
    records = [record(1, 0.75), record(2, 0.25), record(3, 0.0, error="ValueError: no")]
    records = [msgspec.structs.replace(each, duration_s=1.0) for each in records]
    write_junit(tmp_path / "r.xml", "x", command._suites(plan(tmp_path), records))
    (suite,) = read_junit(tmp_path / "r.xml")
    assert (suite.get("name"), suite.get("tests"), suite.get("time")) == (
        "garage, as written", "3", "3.000",
    )  # fmt: skip
    cases = [[(found.tag, found.get("message")) for found in case] for case in suite]
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
