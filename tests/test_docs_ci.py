"""The job of docs/ci.md does what the page says of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers.own_commands import accept
from tests.helpers.pages import EXAMPLES

EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")


@pytest.fixture(scope="module")
def steps() -> list[dict[str, Any]]:
    """Return the steps of the page's job."""
    job = YAML(typ="safe").load(EXAMPLES / "ci" / "github_job.yml")
    found: list[dict[str, Any]] = job["steps"]
    return found


@pytest.fixture(scope="module")
def tested(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the command that runs the scenarios is given."""
    (line,) = (step["run"] for step in steps if "fleet-sim test" in step.get("run", ""))
    return accept(shlex.split(EXPRESSION.sub(r"<\1>", line))).params


def uploaded(steps: list[dict[str, Any]], when: str) -> Path:
    """Return what the step uploads that goes by such a condition."""
    (step,) = (step for step in steps if step.get("if") == when)
    return Path(step["with"]["path"])


def test_the_result_is_published_whatever_came_out(
    steps: list[dict[str, Any]], tested: dict[str, Any]
) -> None:
    """A build server that sees failures alone cannot tell a good build from none."""
    assert uploaded(steps, "always()") == tested["junit"]


def test_the_runs_are_kept_where_one_failed(
    steps: list[dict[str, Any]], tested: dict[str, Any]
) -> None:
    """With their reports."""
    assert uploaded(steps, "failure()") in tested["out"].parents


def test_each_build_has_its_own_directory(tested: dict[str, Any]) -> None:
    """A second one would be refused otherwise: its directory is not empty."""
    assert "github.run_id" in str(tested["out"])
    assert "github.run_attempt" in str(tested["out"])
