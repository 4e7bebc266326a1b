"""Cohorts are found in incidents of our own, and those of others are read."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cohorts.score import score_own
from tests.helpers.places import ROOT

pytestmark = pytest.mark.long


def test_the_search_is_as_good_as_is_said() -> None:
    """Bounds below the figures of docs/cohorts.md, which are of more incidents."""
    score, tried = score_own(2, 60)
    assert len(tried) == 60
    assert score.top1 >= 0.85
    assert score.top3 >= 0.92
    assert score.none_f1 >= 0.85


def test_the_command_of_the_page_prints_and_writes_the_figures(tmp_path: Path) -> None:
    """The JSON has `cohorts.top1` and `cohorts.none_f1`, as a greater score nests them."""
    line = ".venv/bin/python -m bench.cohorts"
    assert f"\n{line}\n" in (ROOT / "docs/cohorts.md").read_text(encoding="utf-8")
    file = tmp_path / "cohorts.json"
    command = [sys.executable, *shlex.split(line)[1:], "--incidents", "4", "--json", str(file)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "right cohort first" in run.stdout
    written = json.loads(file.read_text(encoding="utf-8"))
    assert {"top1", "top3", "none_f1", "ms", "seed"} <= written["cohorts"].keys()
    assert written["outside"] == {}
