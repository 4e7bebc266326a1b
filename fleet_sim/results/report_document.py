"""The page around a report: one self-contained HTML file that opens offline.

plotly.js is part of the page. A content security policy lets no other script run and no request
leave, whatever the data holds; all data is escaped besides. Equal inputs give equal bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from fleet_sim.pages.rendering import render
from fleet_sim.results.report_plots import Plot, plotly_script


@dataclass(frozen=True, slots=True)
class Script:
    """A script that the policy of the page lets run."""

    source: str

    @property
    def sha256(self) -> str:
        """The digest of the source, as a policy names it."""
        return b64encode(sha256(self.source.encode()).digest()).decode()


def document(template: str, page: object, plots: Sequence[Plot]) -> str:
    """Return the HTML of a report: `template` shows `page` and, by their names, its `plots`."""
    drawing = files("fleet_sim.pages").joinpath("report.js").read_text(encoding="utf-8")
    return render(
        template,
        page=page,
        plots={plot.name: plot for plot in plots},
        scripts=[Script(plotly_script()), Script(drawing)],
    )
