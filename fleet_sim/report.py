"""The report of a run: one self-contained `report.html` that opens offline.

plotly.js is part of the page. A content security policy lets no other script run and no request
leave, whatever the data holds; all data is escaped besides. Equal inputs give equal bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from fleet_sim import report_page, report_plots
from fleet_sim.markup import Markup, element, render
from fleet_sim.report_data import read_run
from fleet_sim.report_page import Page
from fleet_sim.report_plots import Plot


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
    target.write_text(_document(name, body, drawn), encoding="utf-8")
    return target


def _document(title: str, body: Markup, plots: Sequence[Plot]) -> str:
    package = files("fleet_sim")
    script = package.joinpath("report.js").read_text(encoding="utf-8")
    plotly = report_plots.plotly_script()
    allowed = " ".join(f"'sha256-{_sha256(source)}'" for source in (plotly, script))
    return Template(
        package.joinpath("report.html.template").read_text(encoding="utf-8")
    ).substitute(
        policy=(
            f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
            "img-src data: blob:; base-uri 'none'; form-action 'none'"
        ),
        title=escape(title),
        css=package.joinpath("report.css").read_text(encoding="utf-8"),
        body=body,
        figures="\n".join(_figure_data(plot) for plot in plots if plot.figure is not None),
        plotly=plotly,
        script=script,
    )


def _sha256(source: str) -> str:
    return b64encode(sha256(source.encode()).digest()).decode()


def _figure_data(plot: Plot) -> str:
    return f'<script type="application/json" data-plot="plot-{plot.name}">{plot.as_json()}</script>'


def _panel(plot: Plot, *below: Markup) -> Markup:
    """Return the panel of a plot; nothing at all when there is nothing to draw."""
    if plot.figure is None:
        return Markup("")
    drawing = element(
        "div",
        id=f"plot-{plot.name}",
        class_="plot",
        data_axis="time" if plot.is_over_time else "",
        style=f"height:{plot.height}px",
    )
    return _section(plot.title, plot.caption, drawing, *below)


def _section(title: str, caption: str, *content: Markup) -> Markup:
    words = element("p", caption, class_="caption") if caption else Markup("")
    return element("section", element("h2", title), words, *content, class_="panel")


def _body(page: Page, drawn: Mapping[str, Plot]) -> Markup:
    return render(
        [
            report_page.header(page),
            report_page.outcome_bar(page),
            report_page.cards(page),
            _pair(
                _section("Expectations", "", report_page.expectations(page)),
                _section("Injected faults", "", report_page.faults(page)),
            ),
            _panel(drawn["latency"]),
            _pair(_panel(drawn["distribution"]), _panel(drawn["stages"])),
            _panel(drawn["outcomes"]),
            _panel(drawn["causes"], report_page.causes(page)),
            _panel(drawn["boxes"]),
            _vehicles(page),
            report_page.scenario(page),
            report_page.footer(page),
        ]
    )


def _pair(*sections: Markup) -> Markup:
    return element("div", *sections, class_="pair") if any(sections) else Markup("")


def _vehicles(page: Page) -> Markup:
    if not page.data.worst_vehicles(1):
        return Markup("")
    caption = report_page.vehicles_caption(page)
    return _section("Cars that did not open", caption, report_page.vehicles(page))
