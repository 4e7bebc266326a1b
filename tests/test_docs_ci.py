"""The job of docs/ci.md does what the page says of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.helpers.own_commands import accept
from tests.helpers.pages import EXAMPLES
from tests.helpers.shipped import yaml

EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")


def test_the_result_is_published_and_the_runs_of_a_failure_are_kept() -> None:
    """The result whatever came out, and each build has a directory of its own for its runs."""
    steps = yaml(EXAMPLES / "ci" / "github_job.yml")["steps"]
    (line,) = (step["run"] for step in steps if "fleet-sim test" in step.get("run", ""))
    tested = accept(shlex.split(EXPRESSION.sub(r"<\1>", line))).params
    uploaded = {step["if"]: Path(step["with"]["path"]) for step in steps if "if" in step}
    assert uploaded["always()"] == tested["junit"]
    assert uploaded["failure()"] in tested["out"].parents
    assert "github.run_id" in str(tested["out"])
    assert "github.run_attempt" in str(tested["out"])
