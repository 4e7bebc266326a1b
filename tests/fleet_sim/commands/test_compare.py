"""`fleet-sim compare` for build servers; `compared.txt` has what a person reads."""

from __future__ import annotations

from pathlib import Path

from fleet_wire.contract.causes import Cause
from tests.helpers.compared_runs import unlocks, write_run
from tests.helpers.junit import read_junit
from tests.helpers.own_commands import run_here


def test_a_build_server_gets_a_test_for_each_difference(tmp_path: Path) -> None:
    """Those that are worse fail, with the numbers of both; the exit code is the same."""
    good = write_run(tmp_path / "good", [*unlocks("old", 200), *unlocks("new", 200)])
    failed = [Cause.BOX_OFFLINE] * 100
    bad = write_run(tmp_path / "bad", [*unlocks("old", 100, *failed), *unlocks("new", 200)])
    file = tmp_path / "new" / "result.xml"
    assert run_here("fleet_sim", "compare", good, bad, "--junit", file)[0] == 1
    root = read_junit(file)
    assert (root.get("name"), root.get("tests"), root.get("failures")) == (
        "fleet-sim compare", "6", "3",
    )  # fmt: skip
    (suite,) = root
    assert suite.get("name") == f"{bad} against {good}"
    said = {
        case.get("name"): failure.get("message", "")
        for case in suite
        for failure in case.iter("failure")
    }
    assert said.keys() == {"opened", "firmware 1.8.0", "time to open, p95"}
    assert said["opened"].startswith("worse: 100.00 % in A, 75.00 % in B, -25.00 (-")
