"""Tests of the report, as text and in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.results import report_plots
from fleet_sim.results.report import write_report
from fleet_sim.results.summary import summarize
from fleet_wire.contract.causes import CAUSES, Cause
from tests.helpers.browser import PageReader, on_a_telephone, open_page, read_page
from tests.helpers.sample_run import (
    SCENARIO_TEXT,
    SampleRun,
    make_attempt,
    sample_facts,
    write_lines,
    write_sample_run,
)

PLOTS = ("latency", "distribution", "stages", "outcomes", "causes", "boxes")
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>&amp;\"'`$x"


@pytest.mark.browser
def test_every_plot_is_drawn_in_an_open_page(tmp_path: Path) -> None:
    """Chromium draws each plot, one mark for each unlock, and the page asks for nothing.

    On a telephone columns break between words, and nothing makes the page wider.
    """
    summary = write_sample_run(tmp_path, SampleRun())
    report = write_report(tmp_path, summary, SCENARIO_TEXT)
    opened = open_page(report)
    for name in PLOTS:
        assert "js-plotly-plot" in opened.page.classes[f"plot-{name}"]
    assert opened.page.counts["svg.main-svg"] >= 2 * len(PLOTS)
    assert opened.page.counts["path.point plotly-customdata"] == summary["attempts"]["total"]
    assert opened.page.text.count("no_coverage_garage") >= 4
    assert opened.requests == []
    assert on_a_telephone(report) == "broken: [], wide: false."


@pytest.mark.browser
def test_the_browser_would_tell_of_a_request(tmp_path: Path) -> None:
    """A page that does ask the network is caught, so that the test above can fail."""
    page = tmp_path / "page.html"
    page.write_text("<img src='http://127.0.0.1:1/pixel.png'>", encoding="utf-8")
    assert "http://127.0.0.1:1/pixel.png" in open_page(page).requests


@pytest.mark.browser
def test_hostile_data_stays_text(tmp_path: Path) -> None:
    """Markup in ids, names and texts is shown as it is; no script of it runs."""
    summary = _hostile_run(tmp_path)
    opened = open_page(write_report(tmp_path, summary, HOSTILE))
    assert opened.page.counts["title"] == 1
    assert "img" not in opened.page.counts
    assert opened.page.counts["path.point plotly-customdata"] == 2
    assert opened.page.text.count(" ".join(HOSTILE.split())) >= 6
    assert opened.requests == []


def _hostile_run(directory: Path) -> dict[str, Any]:
    write_lines(
        directory / "attempts.jsonl",
        [
            make_attempt(1, vehicle_id=HOSTILE),
            make_attempt(2, vehicle_id=HOSTILE, cause=Cause.BOX_BUSY),
        ],
    )
    fault = {"fault": HOSTILE, "start_s": 0.0, "end_s": 5.0, "vehicles": [HOSTILE]}
    write_lines(directory / "ground_truth.jsonl", [fault])
    manifest = {"name": HOSTILE, "started_at": HOSTILE, "scenario_file": HOSTILE,
                "scenario": {"description": HOSTILE}}  # fmt: skip
    write_lines(directory / "manifest.json", [manifest])
    summary = summarize(directory, sample_facts())
    summary["expect"] = [{"key": HOSTILE, "condition": HOSTILE, "value": HOSTILE, "holds": False}]
    return summary


def shown(directory: Path, summary: dict[str, Any]) -> PageReader:
    """Return the page of a run, as a browser reads it."""
    return read_page(write_report(directory, summary, SCENARIO_TEXT).read_text("utf-8"))


def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    """The page depends on the run directory and the summary alone.

    It holds the build of plotly.js that draws in two dimensions, not the whole of it.
    """
    pages = []
    for name in ("first", "second"):
        directory = tmp_path / name
        directory.mkdir()
        summary = write_sample_run(directory, SampleRun())
        pages.append(write_report(directory, summary, SCENARIO_TEXT).read_bytes())
    assert pages[0] == pages[1]
    assert len(pages[0]) < 1_800_000


def test_marks_of_the_page(tmp_path: Path) -> None:
    """A number stands out only if it is not as expected; each cause that occurred is explained.

    The page links to no address.
    """
    summary = write_sample_run(tmp_path, SampleRun())
    page = shown(tmp_path, summary)
    marks = ("span.mark fail", "span.mark pass", "div.tile fail", "div.tile none", "div.tile pass")
    assert [page.counts.get(mark, 0) for mark in marks] == [2, 1, 2, 7, 0]
    assert page.addresses == ["data:,"]
    for cause in Cause:
        occurred = summary["attempts"]["by_cause"][cause.value] > 0
        assert (CAUSES[cause].explanation in page.text) == occurred
    good = write_sample_run(tmp_path, SampleRun(garage=False, rare_share=0.0))
    assert "plot-causes" not in shown(tmp_path, good).classes


def test_many_points_are_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the page says how many unlocks it draws."""
    monkeypatch.setattr(report_plots, "POINTS_AT_MOST", 100)
    summary = write_sample_run(tmp_path, SampleRun())
    page = shown(tmp_path, summary)
    said = re.search(r"(\d+) of (\d+) unlocks are drawn", page.text)
    assert said
    assert int(said[1]) <= 100
    assert int(said[2]) == summary["attempts"]["total"]
