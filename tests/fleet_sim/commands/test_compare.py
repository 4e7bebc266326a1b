"""`fleet-sim compare`: what a person reads, what a program reads, and the exit code."""

from __future__ import annotations

from pathlib import Path

import msgspec
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


def test_worse_is_exit_code_1_and_the_last_line_says_in_what(runs: list[Path]) -> None:
    """With the numbers of both, the difference and its interval above; as JSON too."""
    result = run(*runs)
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    assert lines[0] == f"A: {runs[0]}, 400 unlocks"
    assert "  seed: 1 in A, 2 in B" in lines
    opened = next(line.split() for line in lines if line.startswith("opened "))
    assert opened[:6] == ["opened", "100.00", "%", "75.00", "%", "-25.00"]
    assert opened[-1] == "worse"
    assert lines[-1].startswith(
        "✗ B is worse: opened, firmware 1.8.0, time to open, p95 (6 differences judged"
    )
    result = run(*runs, "--json")
    assert result.exit_code == 1
    found = msgspec.json.decode(result.stdout)
    assert (found["verdict"], found["setups"]) == ("worse", {"seed": [1, 2]})


def test_better_and_the_same_are_exit_code_0(runs: list[Path]) -> None:
    """What so few unlocks cannot rule out is said; a directory that is no run is exit code 2."""
    better = run(*reversed(runs))
    assert better.exit_code == 0, better.output
    assert better.output.splitlines()[-1].startswith("✓ B is better: opened, firmware 1.8.0")
    same = run(runs[0], runs[0])
    assert same.exit_code == 0
    last = same.output.splitlines()[-1]
    assert last.startswith("✓ B is not shown to be worse")
    assert last.endswith(" points fewer opened is the most that could hide")
    assert "set up differently" not in same.output
    none = run(runs[0], runs[0] / "nowhere")
    assert none.exit_code == 2
    assert none.output == f"fleet-sim: {runs[0] / 'nowhere'}: no such directory\n"


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


def test_a_tolerated_difference_is_exit_code_0(runs: list[Path]) -> None:
    """The last line says what was tolerated; shares and times each in their unit."""
    tolerated = ["--tolerate", "60%", "--tolerate", "30s"]
    worse = run(*runs, *tolerated)
    assert worse.exit_code == 1  # a time that is no longer reached is later than any
    slow = write_run(runs[0].parent / "slow", [*unlocks("old", 200, total_s=2.5), *GOOD[200:]])
    assert run(runs[0], slow).exit_code == 1
    fine = run(runs[0], slow, "--tolerate", "0.5%", "--tolerate", "800ms")
    assert fine.exit_code == 0, fine.output
    assert "beyond 0.50 points and 800 ms)" in fine.output.splitlines()[-1]


def test_a_quantile_that_stands_for_another_is_explained(tmp_path: Path) -> None:
    """Its row names the one that is judged."""
    few = [*unlocks("old", 180, *[Cause.BOX_OFFLINE] * 20)]
    directory = write_run(tmp_path / "few", few)
    lines = run(directory, directory).output.splitlines()
    assert any(line.startswith("time to open, p85") for line in lines)
    said = "fewer than 95 % opened in both runs, so p85 stands for p95"
    assert [line for line in lines if line.startswith(said)]
