"""The GitHub Action and the GitLab template: what they type is run, as they type it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.scenario.loading import load_scenario
from tests.helpers.junit import read_junit
from tests.helpers.own_commands import accept, run_here
from tests.helpers.pages import EXAMPLES
from tests.helpers.places import ROOT
from tests.helpers.shipped import DEPLOY, yaml
from tests.helpers.virtual_runs import run_virtually

ACTION: dict[str, Any] = yaml(DEPLOY / "ci" / "github" / "action.yml")
TEMPLATE: dict[str, Any] = yaml(DEPLOY / "ci" / "gitlab.yml")[".unlockpath"]
STEP: dict[str, Any] = ACTION["runs"]["steps"][1]
SCRIPTS = {"github": STEP["run"], "gitlab": TEMPLATE["script"][0]}
SHELLS = {"github": ("bash", "--noprofile", "--norc"), "gitlab": ("sh", "-e")}
"""As the runners start them; GitLab's ends at the first error unless a script says otherwise.

Both type the same, so each test types on one of them: on GitLab's where a command is to fail.
"""
CAR = """\
description: Cars that answer.
seed: 1
fleet: {groups: [{name: car, count: 20, box: {processing: PROCESSING}}]}
load: {stages: [{kind: constant, rate_per_s: 5, duration_s: 20}], deadline_s: 10}
expect: {attempts.ok_share: {min: 0.5}}
"""


def typed(kind: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as its runner does, with these variables."""
    file = directory / "script"
    file.write_text(SCRIPTS[kind], encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    summary = {"GITHUB_STEP_SUMMARY": str(directory / "summary.md")} if kind == "github" else {}
    return subprocess.run(
        [*SHELLS[kind], str(file)],
        cwd=directory, env={"PATH": path, "HOME": str(directory), **summary, **variables},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with a scenario."""
    (tmp_path / "cars.yaml").write_text(CAR.replace("PROCESSING", "0.1"), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the run of a release that an earlier build has kept, and that of a slower one."""
    directory = tmp_path_factory.mktemp("releases")
    runs = directory / "old", directory / "slower"
    for run, processing in zip(runs, ("0.1", "0.2"), strict=True):
        scenario = directory / "cars.yaml"
        scenario.write_text(CAR.replace("PROCESSING", processing), encoding="utf-8")
        run_virtually(load_scenario(scenario), run, seed=1)
    return runs


def test_both_type_the_same() -> None:
    """So that what is true of one is true of the other."""
    assert SCRIPTS["gitlab"] == f"set +e\n{SCRIPTS['github']}"


@pytest.mark.long
def test_a_release_that_is_as_good_passes(directory: Path) -> None:
    """Tests and comparison; each leaves JUnit and Markdown."""
    done = typed(
        "github", directory, UNLOCKPATH_TEST="cars.yaml", UNLOCKPATH_COMPARE="cars.yaml",
        FLEET_SIM_RUN_MODE="virtual",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    out = directory / "unlockpath"
    assert [read_junit(out / f"{name}.xml").get("failures") for name in ("test", "compare")] == [
        "0", "0",
    ]  # fmt: skip
    assert "✓ all" in (out / "compare.md").read_text("utf-8")
    shown = (directory / "summary.md").read_text("utf-8")
    assert "## fleet-sim test: ✓" in shown
    assert "## fleet-sim compare: ✓" in shown


def test_a_release_that_opens_fewer_cars_fails(
    directory: Path, releases: tuple[Path, Path]
) -> None:
    """Exit code 1, and the report names what is worse; so it does beside good tests."""
    done = typed(
        "gitlab", directory, UNLOCKPATH_TEST="cars.yaml", UNLOCKPATH_COMPARE="cars.yaml",
        UNLOCKPATH_BEFORE=f"{releases[0]}", FLEET_SIM_RUN_MODE="virtual",
        UNLOCKPATH_AFTER="--set fleet.groups.car.box.processing=30",
        UNLOCKPATH_TOLERATE="0.5% 200ms",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ B is worse: opened" in done.stdout
    out = directory / "unlockpath"
    assert read_junit(out / "test.xml").get("failures") == "0"
    assert read_junit(out / "compare.xml").get("failures") != "0"
    assert not (out / "before").exists(), "a run that is there is not made again"


def test_what_is_tolerated_is_not_worse(directory: Path, releases: tuple[Path, Path]) -> None:
    """Runs that are there are compared; without tolerance the second is worse."""
    before, after = map(str, releases)
    assert run_here("fleet_sim", "compare", before, after)[0] == 1
    done = typed(
        "gitlab", directory, UNLOCKPATH_COMPARE="cars.yaml", UNLOCKPATH_BEFORE=before,
        UNLOCKPATH_AFTER=after, UNLOCKPATH_TOLERATE="1s",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_scenario_that_cannot_be_run_is_exit_code_2(directory: Path) -> None:
    """It is neither a good release nor a bad one."""
    assert typed("gitlab", directory, UNLOCKPATH_COMPARE="nothing.yaml").returncode == 2


def test_every_input_reaches_the_script() -> None:
    """By a variable of its name; the script is handed no text of a user as code."""
    assert STEP["env"] == {
        f"UNLOCKPATH_{name.upper()}": f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]
    }
    assert "${{" not in STEP["run"]
    assert TEMPLATE["variables"].keys() == {*STEP["env"], "UNLOCKPATH_PACKAGE"}


def test_the_pages_set_what_there_is() -> None:
    """The examples of docs/ci.md name inputs and variables that exist."""
    example = (EXAMPLES / "ci" / "github_action.yml").read_text(encoding="utf-8")
    given = {
        line.partition(":")[0].strip() for line in example.partition("with:\n")[2].splitlines()
    }
    assert given <= ACTION["inputs"].keys()
    assert len(example.strip().splitlines()) <= 10
    assert f"```yaml\n{example}```" in (ROOT / "README.md").read_text(encoding="utf-8")
    example = (EXAMPLES / "ci" / "gitlab.yml").read_text(encoding="utf-8")
    given = {word.strip(":") for word in example.split() if word.startswith("UNLOCKPATH_")}
    assert given <= TEMPLATE["variables"].keys()


def test_the_job_publishes_its_result_and_keeps_the_runs_of_a_failure() -> None:
    """The result whatever came out, and each build has a directory of its own for its runs."""
    steps = yaml(EXAMPLES / "ci" / "github_job.yml")["steps"]
    (line,) = (step["run"] for step in steps if "fleet-sim test" in step.get("run", ""))
    tested = accept(shlex.split(re.sub(r"\$\{\{ (.*?) \}\}", r"<\1>", line))).params
    uploaded = {step["if"]: Path(step["with"]["path"]) for step in steps if "if" in step}
    assert uploaded["always()"] == tested["junit"]
    assert uploaded["failure()"] in tested["out"].parents
    assert "github.run_id" in str(tested["out"])
    assert "github.run_attempt" in str(tested["out"])
