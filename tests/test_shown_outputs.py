"""What pages show below a command is what comes out, numbers too."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.helpers.own_commands import PROGRAMS
from tests.helpers.pages import blocks
from tests.helpers.places import ROOT

LEFT_OUT = "..."
"""Stands in a block for lines that are not shown."""
TOOK = re.compile(r"\(\d+(?:\.\d+)? m?s\)")
"""How long something took on this machine."""
WIDE = "140"
"""Columns of a terminal in which no line of a page is broken."""
LONG = ("ci.md",)
"""Pages whose commands simulate several runs."""
SHOWN = [
    (path.name, block)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for block in blocks(path.read_text(encoding="utf-8"), "console")
    if any(line and not line.startswith("$ ") for line in block.splitlines())
]


def words(text: str) -> str:
    """Return a text without what differs from machine to machine, wherever its lines break."""
    return " ".join(TOOK.sub("(took)", text).split())


@pytest.mark.parametrize(
    ("name", "block"),
    [pytest.param(*one, marks=[pytest.mark.long] * (one[0] in LONG)) for one in SHOWN],
)
def test_the_output_is_what_comes_out(
    name: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line that is shown, in virtual time. Runs side by side may end in any order."""
    del name
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", WIDE)
    said = ""
    shown = []
    for line in block.splitlines():
        if line.startswith("$ "):
            program, *arguments = shlex.split(line.removeprefix("$ "), comments=True)
            said += words(CliRunner().invoke(PROGRAMS[program], arguments).output) + " "
        elif line.strip() != LEFT_OUT:
            shown.append(words(line))
    assert [line for line in shown if line not in said] == []
