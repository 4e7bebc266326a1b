"""Tests of the tables at the end of a run."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fleet_sim.results.report import write_report
from fleet_sim.results.summary import summarize
from fleet_sim.runs.closing_tables import BASELINE, FOOTNOTES, LAG, ODD_NOTE, print_summary
from tests.helpers.sample_run import SampleRun, sample_facts, write_sample_run
from tests.helpers.screen import written


@pytest.mark.parametrize("is_terminal", [True, False])
def test_summary_of_a_failing_run(tmp_path: Path, is_terminal: bool) -> None:  # noqa: FBT001
    """The closing tables hold outcomes, times, causes and every verdict."""
    console = Console(file=StringIO(), force_terminal=is_terminal, width=120)
    summary = write_sample_run(tmp_path, SampleRun())
    print_summary(summary, console)
    text = written(console)
    total = summary["attempts"]["total"]
    assert f"{summary['attempts']['by_outcome']['ok']} of {total} unlocks opened" in text
    assert re.search(r"box_offline +25 ", text)
    assert "no_subscriber " not in text.split("expected")[0]
    assert re.search(r"✗ +attempts.ok_share +≥ 0.99 +0.9", text)
    assert re.search(r"✓ +attempts.by_cause.no_subscriber += 0 +0", text)
    assert "✗ 2 of 3 expectations do not hold" in text
    late, first = summary["stray"]["late_unlock"], summary["late_unlocks"][0]["vehicle_id"]
    told = f"{late} opened late, after the customer was told no: {first} after 24 s, garage-"
    assert told in text
    assert f"and {late - 5} others" in " ".join(text.split())


def test_summary_of_a_good_run(tmp_path: Path, pipe: Console) -> None:
    """Without failures there is no table of causes, and every expectation holds."""
    print_summary(write_sample_run(tmp_path, SampleRun(garage=False, rare_share=0.0)), pipe)
    text = written(pipe)
    assert "what it means" not in text
    assert "opened late" not in text
    assert "Watched from inside" not in text
    assert "✓ all 3 expectations hold" in text


def test_summary_explains_what_is_not_about_cars(tmp_path: Path, pipe: Console) -> None:
    """The loopback box, how late the monitor was, and numbers whose names could be misread."""
    summary = write_sample_run(tmp_path, SampleRun())
    number = {"key": "boxes.connected_max", "condition": {"min": 1000}, "value": 1000}
    print_summary({**summary, "expect": [{**number, "holds": True}]}, pipe)
    text = written(pipe)
    for label, note in zip((BASELINE, LAG), FOOTNOTES, strict=True):
        assert re.search(rf"^.* {label} ", text, re.MULTILINE)
        assert note.startswith(label)
        assert note in " ".join(text.split())
    assert re.search(r"boxes.connected_max +≥ 1,?000 +1,?000 +the most at one time", text)
    assert "floor  " not in text


def test_summary_explains_modes_of_unlocks_that_opened(tmp_path: Path, pipe: Console) -> None:
    """A car that opened and locked itself again is among those that opened."""
    summary = write_sample_run(tmp_path, SampleRun(garage=False, rare_share=0.0))
    for by_mode, is_noted in (({"auto_relock": 1}, True), ({"dns_failure": 1}, False)):
        diagnoses = {**summary["diagnoses"], "total": 1, "by_mode": by_mode}
        before = len(written(pipe))
        print_summary({**summary, "diagnoses": diagnoses}, pipe)
        text = written(pipe)[before:]
        assert "failed, or looked odd: likeliest mode" in text
        assert ("the car locked itself again *" in text) is is_noted
        assert (ODD_NOTE in text) is is_noted


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"interrupted_after_s": 9.25},
            "The run was interrupted after 9.25 s: all this is of what there was.",
        ),
        (
            {"interrupted_after_s": 0.0},
            "The run was interrupted before a car was opened: all this is of what there was.",
        ),
        (
            {"safety": {"movements": 9, "without_right": 4, "findings": 4}},
            "no monitor can: 9 movements of locks, and 4 moved for a command without",
        ),
        (
            {"broken_brokers": ["broker 2 of 3 was killed"]},
            "Brokers that broke: broker 2 of 3 was killed",
        ),
        ({}, "0 of 0 unlocks opened (–)"),  # noqa: RUF001
    ],
)
def test_what_is_unusual_is_said(
    tmp_path: Path, pipe: Console, changes: dict[str, Any], said: str
) -> None:
    """An interruption, locks that moved without a right, brokers that broke; dashes for nothing."""
    summary = summarize(tmp_path, sample_facts())
    for key, value in changes.items():
        summary[key] = {**summary[key], **value} if isinstance(value, dict) else value
    print_summary(summary, pipe)
    assert said in " ".join(written(pipe).split())


@pytest.mark.parametrize(
    ("boxes", "probe", "said"),
    [
        ((), {"stood_still_s": 0.6, "dropped": 0}, None),
        (
            ("process 2 of 3 (9 boxes): silent for 40 s",),
            {},
            "process 2 of 3 (9 boxes): silent for",
        ),
        ((), {"stood_still_s": 39.91, "dropped": 91}, "the probe: silent for 39.9 s, 91 starts dr"),
        ((), {"dropped": 1}, "the probe: 1 start dropped"),
    ],
)
def test_what_could_not_keep_up_is_named(
    tmp_path: Path, pipe: Console, boxes: tuple[str, ...], probe: dict[str, Any], said: str | None
) -> None:
    """Above what it spoilt, and in the report; it is the doing of no car."""
    summary = write_sample_run(tmp_path, SampleRun())
    summary["boxes"]["silent_processes"] = boxes
    summary["probe"] |= probe
    print_summary(summary, pipe)
    told = " ".join(written(pipe).split())
    write_report(tmp_path, summary, "")
    html = (tmp_path / "report.html").read_text("utf-8")
    assert ("Could not keep up:" in told) is ("could not keep up" in html) is (said is not None)
    assert said is None or (said in told and said in html)
