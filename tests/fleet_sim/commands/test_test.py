"""`fleet-sim test`: what it prints and writes, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_sim.__main__ import main
from fleet_sim.runs.suite import SuiteResult, SuiteRun
from tests.helpers.commands import SCENARIO
from tests.helpers.junit import read_junit


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    """Return a directory with a scenario that holds and one that does not."""
    directory = tmp_path / "scenarios"
    directory.mkdir()
    (directory / "holds.yaml").write_text(SCENARIO, encoding="utf-8")
    broken = SCENARIO.replace("{min: 0.5}", "{max: 0.5}")
    (directory / "broken.yaml").write_text(broken, encoding="utf-8")
    return directory


def run(*words: object) -> Result:
    """Run `fleet-sim test` and return how it ended."""
    return CliRunner().invoke(main, ["test", *map(str, words)])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[SuiteRun]:
    """Return the runs that are asked for; all cars open, which `broken` does not expect.

    `runs/test_suite.py` starts real ones.
    """
    asked: list[SuiteRun] = []

    async def run_suite(
        runs: Sequence[SuiteRun], *, jobs: int, on_end: Callable[[SuiteResult], None]
    ) -> list[SuiteResult]:
        del jobs
        asked.extend(runs)
        results = [SuiteResult(run=each, duration_s=1.0, seed=5, expect=[]) for each in runs]
        for result in results:
            condition = {"max": 0.5} if result.run.name == "broken" else {"min": 0.5}
            result.expect.append(
                {
                    "key": "attempts.ok_share", "condition": condition, "value": 1,
                    "holds": "min" in condition,
                }
            )  # fmt: skip
            on_end(result)
        return results

    monkeypatch.setattr(import_module("fleet_sim.commands.test"), "run_suite", run_suite)
    return asked


FAILURE = "broken: attempts.ok_share is 1, expected ≤ 0.5; see "


@pytest.mark.usefixtures("ran")
def test_the_last_line_says_what_failed(scenarios: Path, tmp_path: Path) -> None:
    """And the file for the build server too; the exit code is 1, the other scenario is fine."""
    junit = tmp_path / "build" / "result.xml"
    result = run(scenarios, "--out", tmp_path / "out", "--junit", junit, "--jobs", "2")
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    assert lines[-1] == f"✗ {FAILURE}{tmp_path / 'out' / 'broken'}"
    assert any(line.startswith("✓ holds (") for line in lines)
    assert "1 of 2 scenarios is fine" in lines[-2]
    root = read_junit(junit)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "1", "0")
    failing = root.find("testsuite/testcase/failure/..")
    assert failing is not None
    assert failing.get("name") == "attempts.ok_share ≤ 0.5"


def test_json_stands_alone_on_stdout(scenarios: Path, tmp_path: Path, ran: list[SuiteRun]) -> None:
    """All else is on stderr; options reach each run."""
    result = run(
        scenarios / "holds.yaml", "--out", tmp_path / "out", "--json", "--seed", "5",
        "--set", "fleet.count=3",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout)
    (scenario,) = found["scenarios"]
    assert (found["mode"], found["fine"], found["total"]) == ("virtual", 1, 1)
    assert (scenario["name"], scenario["seed"], scenario["error"]) == ("holds", 5, None)
    assert [verdict["holds"] for verdict in scenario["expect"]] == [True]
    (one,) = ran
    assert one.options == ("--mode", "virtual", "--seed", "5", "--set", "fleet.count=3")
