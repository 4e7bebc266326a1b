"""`fleet-sim compare`: what a person reads, what a program reads, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet_sim.__main__ import main
from fleet_wire.contract.causes import Cause
from tests.helpers.compared_runs import unlocks, write_run
from tests.helpers.junit import read_junit

GOOD = [*unlocks("old", 200), *unlocks("new", 200)]
BAD = [*unlocks("old", 100, *[Cause.BOX_OFFLINE] * 100), *unlocks("new", 200)]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Return a good run and a bad one."""
    scenario = {"fleet": {"groups": [{"firmware": "1.8.0"}]}}
    return [
        write_run(tmp_path / "good", GOOD, seed=1, scenario=scenario),
        write_run(tmp_path / "bad", BAD, seed=2, scenario=scenario),
    ]


def run(*words: object) -> Result:
    """Run `fleet-sim compare` and return how it ended."""
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_a_build_server_gets_a_test_for_each_difference(runs: list[Path], tmp_path: Path) -> None:
    """Those that are worse fail, with the numbers of both; the exit code is the same."""
    file = tmp_path / "new" / "result.xml"
    result = run(*runs, "--junit", file)
    assert result.exit_code == 1
    root = read_junit(file)
    assert (root.get("name"), root.get("tests"), root.get("failures")) == (
        "fleet-sim compare", "6", "3",
    )  # fmt: skip
    (suite,) = root
    assert suite.get("name") == f"{runs[1]} against {runs[0]}"
    failed = {
        case.get("name"): failure.get("message", "")
        for case in suite
        for failure in case.iter("failure")
    }
    assert failed.keys() == {"opened", "firmware 1.8.0", "time to open, p95"}
    assert failed["opened"].startswith("worse: 100.00 % in A, 75.00 % in B, -25.00 (-")
