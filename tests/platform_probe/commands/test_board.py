"""`platform-probe board check` of PromQL, without a Prometheus; `board.txt` has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.own_commands import run_here

BOARD = """\
title: Series
panels:
  - {title: Right, chart: line, promql: 'rate(x[$__range])'}
  - {title: Wrong, promql: 'rate(x)'}
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Write a board whose second question is wrong."""
    path = tmp_path / "series.yaml"
    path.write_text(BOARD)
    return path


@pytest.mark.prometheus
def test_promtool_finds_what_is_wrong(board: Path) -> None:
    """With line and key; what it finds nothing wrong with is right."""
    code, _, problems = run_here("platform_probe", "board", "check", board)
    assert code == 2
    assert f"{board}:4: panels.1.promql: 1:6: parse error: expected type range" in problems
    assert "panels.0" not in problems


def test_what_was_not_checked_is_said(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can check it without promtool."""
    monkeypatch.setenv("PATH", "")
    code, said, _ = run_here("platform_probe", "board", "check", board)
    assert code == 0
    assert f"PromQL not checked: {board}:3, {board}:4\n" in said
