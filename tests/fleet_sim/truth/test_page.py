"""The page of a result, its badges, and the tables on a terminal."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from fleet_sim.truth.grading import Grade
from fleet_sim.truth.outputs import tables
from fleet_sim.truth.page import badge_of, write_page
from fleet_sim.truth.score import true_share
from tests.helpers.truth_results import result_of, unlocks_of, write_result

RESULT = result_of(
    {
        "app": {"control": {Grade.TRUE: 6}, "auto_relock": {Grade.TRUE: 4}},
        "ha": {"control": {Grade.TRUE: 6}, "sms_wake_lost": {Grade.SILENT: 2, Grade.STALE: 2}},
    }
)


def test_the_page_shows_each_mode_and_client(tmp_path: Path) -> None:
    """It escapes what clients are called and what was found, and loads nothing."""
    directory = write_result(tmp_path / "run", RESULT)
    page = write_page(
        directory, RESULT, unlocks_of(RESULT), failed=["ha: 90%: 0 of 4"], words=["fleet-sim"]
    ).read_text()
    for text in ("auto_", "relock", "0 % (0 to 49)", "100 % (51 to 100)", "ha: 90%: 0 of 4"):
        assert text in page
    assert "&lt;b&gt;stale&lt;/b&gt;" in page
    assert page.count("&lt;b&gt;") == 1, "silence is no lie, and of two alike one is shown"
    assert "<script" not in page
    assert {path.parent.name for path in directory.rglob("badge.svg")} == {"app", "ha"}


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, "not graded"),
        ({Grade.TRUE: 9, Grade.LATE: 1}, "90 % true"),
        ({Grade.TRUE: 3, Grade.STUCK: 1}, "75 % true"),
        ({Grade.FALSE_SUCCESS: 1}, "0 % true"),
    ],
)
def test_a_badge_says_the_share(counts: dict[Grade, int], text: str) -> None:
    """As a picture that stands by itself; better shares have another colour."""
    root = ET.fromstring(badge_of(counts))  # noqa: S314 - our own text
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")][1] == text


def test_tables_show_the_worst_first_and_the_grades_that_were_given() -> None:
    """Each mode has its share with a Wilson interval."""
    out = StringIO()
    for table in tables(RESULT):
        Console(file=out, width=120).print(table)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[0] == ["app", "unlocks", "true"]
    assert lines[4] == ["ha", "unlocks", "true", "silent", "stale"]
    assert lines[5] == ["sms_wake_lost", "4", "0", "%", "(0", "to", "49)", "2", "2"]
    assert [line[0] for line in lines] == [
        "app", "auto_relock", "control", "all", "ha", "sms_wake_lost", "control", "all"
    ]  # fmt: skip
    estimate = true_share({Grade.TRUE: 4})
    assert estimate is not None
    assert round(estimate.limits.low, 2) == 0.51
