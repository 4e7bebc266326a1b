"""docs/your-first-board.md and docs/boards.md tell the truth."""

from __future__ import annotations

import shlex
from html import unescape
from pathlib import Path

import pytest

from tests.helpers.consoles import Visitor, served
from tests.helpers.own_commands import accept, run_here
from tests.helpers.pages import blocks, page
from tests.helpers.places import ROOT
from tests.helpers.reader import typed_lines
from tests.helpers.shipped import yaml

TUTORIAL = page("your-first-board.md")
BOARD = Path("boards/garage/weekly.yaml")


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sit in a directory with the shipped scenarios, with the first part of the board typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    BOARD.parent.mkdir(parents=True)
    BOARD.write_text(blocks(TUTORIAL, "yaml")[0], encoding="utf-8")
    return tmp_path


def test_a_board_is_built_in_the_order_of_the_page(reader: Path) -> None:
    """From the run to the page in the console and the dashboard for Grafana."""
    first, more, settings = blocks(TUTORIAL, "yaml")
    checks = 0
    for line in typed_lines(ROOT / "docs" / "your-first-board.md"):
        program, *words = shlex.split(line)
        if words[0] == "console":
            accept([program, *words])
            continue
        code, stdout, stderr = run_here(program.replace("-", "_"), *words)
        assert code == 0, f"{line}: {stdout}{stderr}"
        if words[:2] == ["board", "check"]:
            assert stdout == "1 right\n"
            checks += 1
            if checks == 1:
                wrong_is_told(words)
                BOARD.write_text(first + more, encoding="utf-8")
    assert checks == 2
    assert (reader / "weekly.json").stat().st_size > 1_000

    Path("console.yaml").write_text(settings, encoding="utf-8")
    chosen = yaml(Path("console.yaml"))["console"]
    with served(Path("runs/garage"), reader / "audit.jsonl", **chosen) as url:
        shown = unescape(Visitor(url).get("/board/garage/weekly").text)
    assert 'class="problem"' not in shown
    assert shown.count('class="line"') == 2
    assert "Do cars below the ground open?" in shown
    for name in ("Edit", "Make a link"):
        assert name in shown


def wrong_is_told(words: list[str]) -> None:
    """Misspell a key as the page says, and compare what is told with the page."""
    right = BOARD.read_text(encoding="utf-8")
    BOARD.write_text(right.replace("chart: bars", "charts: bars"), encoding="utf-8")
    code, _, stderr = run_here("platform_probe", *words)
    assert code == 2
    assert stderr.strip() in TUTORIAL
    assert ":12: panels.1.charts" in stderr
