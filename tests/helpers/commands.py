"""Starts our commands as a user does, and reads what they write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.helpers.places import ROOT
from tests.helpers.waiting import PATIENCE_S, whole_lines

SCENARIO = (ROOT / "tests/helpers/scenarios/quick.yaml").read_text("utf-8")
EACH_CAR_ONCE = ("--set", "fleet.count=80", "--set", "load.deadline_s=60")
"""As many cars as unlocks, and none asked twice within its deadline: on a busy machine the box
would still be at its first command, and refuse the second."""


def write_scenario(directory: Path, text: str = SCENARIO) -> Path:
    """Write a scenario file and return its path."""
    path = directory / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def start(module: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start one of our commands, or a module of these tests, its output in pipes."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path},
        **options,
    )


def run(module: str, *arguments: object, timeout_s: float = PATIENCE_S) -> tuple[int, str, str]:
    """Run one of our commands to its end; return exit code, stdout and stderr."""
    with start(module, *arguments) as process:
        return finish(process, timeout_s)


def finish(process: subprocess.Popen[str], timeout_s: float = PATIENCE_S) -> tuple[int, str, str]:
    """Wait for the end of a command; return exit code, stdout and stderr."""
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, stdout, stderr


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file that another process may be writing."""
    return [json.loads(line) for line in whole_lines(path)]


def summary(directory: Path) -> dict[str, Any]:
    """Return the summary of a run."""
    value: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    return value


def pids_with(words: Sequence[str]) -> list[int]:
    """Return the processes whose command line holds all of `words`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(word in command for word in words):
                found.append(int(entry.name))
    return found
