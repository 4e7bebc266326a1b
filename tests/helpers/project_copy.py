"""A copy of the project, for tests that change it as a contributor does."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.helpers.places import ROOT

PROGRAMS: Final = {"fleet-sim": "fleet_sim", "pytest": "pytest"}
"""Modules behind commands; other modules run by their own name."""
TESTS_WITHIN: Final = "-q -n 0 -p no:cacheprovider -o faulthandler_timeout=0"
"""What tests within a test are run with: the outer one alone says when they hang."""
WRITTEN_BY_PROGRAMS: Final = {"build", "dist", "runs"}
"""Folders beside those of the project."""


def copy_project(project: Path) -> None:
    """Copy all files of the project to a new directory."""
    shutil.copytree(ROOT, project, ignore=_not_of_the_project)


def _not_of_the_project(directory: str, names: list[str]) -> set[str]:
    written = WRITTEN_BY_PROGRAMS if Path(directory) == ROOT else set()
    return {name for name in names if name[0] == "."} | written


def contents(project: Path) -> dict[str, bytes]:
    """Return the bytes of each file of a copy, without what programs write."""
    found = {path.relative_to(project): path for path in project.rglob("*") if path.is_file()}
    return {
        str(name): path.read_bytes()
        for name, path in found.items()
        if name.parts[0] not in WRITTEN_BY_PROGRAMS
        and not any(part[0] == "." or part == "__pycache__" for part in name.parts)
    }


def run_in(project: Path, command: str) -> str:
    """Run a command in a copy of the project; return its output. Its exit code must be 0."""
    program, *words = shlex.split(command.removeprefix("python -m "))
    module = PROGRAMS.get(program, program)
    ended = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([f"{project}", os.environ.get("PYTHONPATH", "")]),
            "PYTEST_ADDOPTS": f"{TESTS_WITHIN} --basetemp {project.parent / 'tmp'}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}"
    return ended.stdout
