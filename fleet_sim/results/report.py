"""The report of a run: one self-contained `report.html` that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet_sim.results import report_page, report_plots
from fleet_sim.results.markup import Markup, render
from fleet_sim.results.report_data import read_run
from fleet_sim.results.report_document import document, pair, panel, section
from fleet_sim.results.report_page import Page
from fleet_sim.results.report_plots import Plot


def write_report(run_directory: Path, summary: Mapping[str, Any], scenario_text: str) -> Path:
    """Write `report.html` into `run_directory` from its files and its summary; return its path.

    Shows verdicts from `summary["expect"]`. Reads `attempts.jsonl`, `fleet_samples.jsonl`,
    `ground_truth.jsonl` and `manifest.json` (`name`, `started_at`, `scenario`, and for the command
    that repeats the run `scenario_file` and `overrides`); what is missing is left out.
    """
    data = read_run(run_directory)
    name = str(data.manifest.get("name") or run_directory.resolve().name)
    page = Page(name=name, summary=summary, data=data, scenario_text=scenario_text)
    drawn = report_plots.plots(page)
    body = _body(page, {plot.name: plot for plot in drawn})
    target = run_directory / "report.html"
    target.write_text(document(name, body, drawn), encoding="utf-8")
    return target


def _body(page: Page, drawn: Mapping[str, Plot]) -> Markup:
    return render(
        [
            report_page.header(page),
            report_page.outcome_bar(page),
            report_page.cards(page),
            pair(
                section("Expectations", "", report_page.expectations(page)),
                section("Injected faults", "", report_page.faults(page)),
            ),
            panel(drawn["latency"]),
            pair(panel(drawn["distribution"]), panel(drawn["stages"])),
            panel(drawn["outcomes"]),
            panel(drawn["causes"], report_page.causes(page)),
            panel(drawn["boxes"]),
            _vehicles(page),
            report_page.scenario(page),
            report_page.footer(page),
        ]
    )


def _vehicles(page: Page) -> Markup:
    if not page.data.worst_cars(1):
        return Markup("")
    caption = report_page.vehicles_caption(page)
    return section("Cars that did not open", caption, report_page.vehicles(page))
