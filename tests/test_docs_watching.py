"""docs/watching.md says what is so: its lines can be read, its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from fleet_wire.contract.platform_log import PlatformStep, decode_event
from fleet_wire.doors.form import load_door
from platform_probe.measure.watching.otlp_logs import ATTRIBUTES
from tests.helpers.pages import blocks
from tests.helpers.places import ROOT

PAGE = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match("\\| `\\w+` \\| [^W]", line)
]


def test_the_lines_are_lines() -> None:
    """Whoever copies them has a log."""
    (block,) = blocks(PAGE, "json")
    steps = [decode_event(line.encode()).event for line in block.splitlines()]
    assert steps == ["requested", "answered"]


def test_each_step_has_its_row() -> None:
    """And none is made up."""
    assert [row[0].strip("`") for row in ROWS[: len(PlatformStep)]] == list(PlatformStep)


def test_each_attribute_has_its_row() -> None:
    """In the order in which it is looked for."""
    found = {
        row[0].strip("`"): tuple(re.findall("`([^`]+)`", row[1]))
        for row in ROWS[len(PlatformStep) :]
    }
    assert found == ATTRIBUTES


def test_the_door_can_be_loaded(tmp_path: Path) -> None:
    """The file on the page is one."""
    *_, block = blocks(PAGE, "yaml")
    (tmp_path / "token.txt").write_text("secret")
    (tmp_path / "bookings.txt").write_text("car-1 b-1\n")
    path = tmp_path / "door.yaml"
    path.write_text(block)
    assert load_door(path).form.poll is not None
