"""Failure modes in the summary of a run, in its report, and in the closing tables."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fleet_sim.results.expectations import known_keys
from fleet_sim.results.report import write_report
from fleet_sim.results.summary import empty_summary, summarize
from fleet_sim.runs.closing_tables import MODES_SHOWN, print_summary
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.modes.catalogue import MODES, TITLES
from tests.helpers.browser import read_page
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.sample_run import sample_facts, write_lines

GARAGE, LOST = RankedMode("no_coverage_garage", 0.7), RankedMode("ack_lost_executed", 0.9)
UNKNOWN = RankedMode("unknown", 0.5)


@pytest.fixture
def summary(tmp_path: Path) -> dict[str, Any]:
    """Return the summary of three unlocks that were diagnosed, the first one anew."""
    diagnoses = [
        diagnosis_of(LOST, GARAGE, revision=2),
        diagnosis_of(GARAGE, LOST),
        diagnosis_of(LOST, attempt_id="a2"),
        diagnosis_of(UNKNOWN, attempt_id="a3"),
    ]
    write_lines(tmp_path / "diagnoses.jsonl", diagnoses)
    return summarize(tmp_path, sample_facts())


def test_the_last_revision_counts(summary: dict[str, Any]) -> None:
    """By its number, whatever the order of the lines; a scenario can expect each mode."""
    counted = summary["diagnoses"]
    assert (counted["total"], counted["revisions"]) == (3, 4)
    assert counted["by_mode"] == dict.fromkeys(TITLES, 0) | {"ack_lost_executed": 2, "unknown": 1}
    assert {f"diagnoses.by_mode.{name}" for name in TITLES} <= set(known_keys())


def test_the_report_says_who_must_act(summary: dict[str, Any], tmp_path: Path) -> None:
    """The most frequent first; what is no mode has nobody."""
    page = read_page(write_report(tmp_path, summary, "").read_text("utf-8")).text
    mode = MODES["ack_lost_executed"]
    to_do = f"{mode.slug} 2 {mode.title} {mode.acts.value} {mode.now}"
    assert page.index(to_do) < page.index(f"unknown 1 {TITLES['unknown']} – –")  # noqa: RUF001


def test_closing_tables_name_the_modes(summary: dict[str, Any]) -> None:
    """With what each is; of many the most frequent ones."""
    assert re.search(r"ack_lost_executed +2 +the car opened, its answer was lost", _told(summary))
    for number, name in enumerate(MODES):
        summary["diagnoses"]["by_mode"][name] = number
    summary["diagnoses"]["total"] = sum(summary["diagnoses"]["by_mode"].values())
    told = _told(summary)
    assert len(re.findall(r"^[a-z0-9_]+ +\d\d  ", told, re.MULTILINE)) == MODES_SHOWN
    others = summary["diagnoses"]["total"] - sum([*range(len(MODES))][-MODES_SHOWN:])
    assert re.search(rf"others +{others:,}", told)
    assert "likeliest failure mode" not in _told(empty_summary())


def _told(summary: dict[str, Any]) -> str:
    console = Console(file=StringIO(), width=120)
    print_summary(summary, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
