"""The page around a report: one self-contained HTML file that opens offline.

plotly.js is part of the page. A content security policy lets no other script run and no request
leave, whatever the data holds; all data is escaped besides. Equal inputs give equal bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

from fleet_sim.results.markup import Markup, element
from fleet_sim.results.report_plots import Plot, plotly_script


def document(title: str, body: Markup, plots: Sequence[Plot]) -> str:
    """Return a page of HTML: everything it needs is in it."""
    package = files("fleet_sim")
    script = package.joinpath("report.js").read_text(encoding="utf-8")
    plotly = plotly_script()
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


def panel(plot: Plot, *below: Markup) -> Markup:
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
    return section(plot.title, plot.caption, drawing, *below)


def section(title: str, caption: str, *content: Markup) -> Markup:
    """Return a titled panel; an empty caption is left out."""
    words = element("p", caption, class_="caption") if caption else Markup("")
    return element("section", element("h2", title), words, *content, class_="panel")


def pair(*sections: Markup) -> Markup:
    """Return panels side by side where there is room; nothing at all when all are empty."""
    return element("div", *sections, class_="pair") if any(sections) else Markup("")
