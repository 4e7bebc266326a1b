"""Files that GitHub, editors and pre-commit read are valid, and name only what exists."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers.places import ROOT
from tests.helpers.shipped import output_of

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
SCHEMAS = {
    "github-workflows": WORKFLOWS,
    "dependabot": [GITHUB / "dependabot.yml"],
    "github-issue-forms": [
        path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"
    ],
    "github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
}
PINNED = re.compile(r"uses: ([\w./-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+\n")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def read_yaml(path: Path) -> Any:
    """Return what a file of YAML holds."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each job of each workflow with its name."""
    for path in WORKFLOWS:
        for name, job in read_yaml(path)["jobs"].items():
            yield f"{path.stem}: {name}", job


@pytest.mark.parametrize("schema", SCHEMAS)
def test_github_accepts_the_files(schema: str) -> None:
    """Their published schemas hold, which check-jsonschema has on disk."""
    assert SCHEMAS[schema]
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}")
    output_of(*check, *SCHEMAS[schema])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """A tag can be moved; a commit cannot. The comment is what Dependabot renews."""
    text = path.read_text(encoding="utf-8")
    assert len(PINNED.findall(text)) == text.count("uses:")


def test_jobs_ask_for_little_and_end() -> None:
    """A job without a limit may run for six hours; a workflow's token may read only."""
    assert all(read_yaml(path)["permissions"] == {"contents": "read"} for path in WORKFLOWS)
    assert [name for name, job in jobs() if "timeout-minutes" not in job] == []


def test_jobs_run_targets_and_read_files_that_exist() -> None:
    """Each `make` names a target, each file of a step is in the repository."""
    steps = [step for _, job in jobs() for step in job["steps"]]
    targets = {
        target
        for step in steps
        for target in re.findall(r"\bmake ([\w./-]+)$", step.get("run", ""), re.MULTILINE)
    }
    assert {"check", "quick", "run", "test", "test-all", "develop", "docs"} == targets
    for target in targets:
        assert re.search(rf"^(?:[\w-]+ )*{target}(?: [\w-]+)*:", MAKEFILE, re.MULTILINE)
    files = [step["with"]["file"] for step in steps if "file" in step.get("with", {})]
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_pull_requests_meet_every_python_that_is_supported() -> None:
    """The classifiers say which; .devcontainer has the newest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    begin = "Programming Language :: Python :: "
    supported = [each.removeprefix(begin) for each in project["classifiers"] if begin in each]
    quick = dict(jobs())["ci: quick"]
    assert quick["strategy"]["matrix"]["python"] == supported
    devcontainer = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    assert f":{supported[-1]}-" in devcontainer["image"]
