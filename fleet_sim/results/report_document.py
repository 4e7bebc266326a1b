"""The page around a report: one self-contained HTML file that opens offline.

The page contains plotly.js, in the build that draws in two dimensions
(docs/decisions/0007-one-file-a-report.md). A content security policy lets no other script run and
no request leave, whatever the data holds; all data is escaped besides. Equal inputs give equal
bytes.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from fleet_sim.pages.rendering import render
from fleet_sim.results.report_plots import Plot


@dataclass(frozen=True, slots=True)
class Script:
    """A script that the policy of the page lets run."""

    source: str

    @property
    def sha256(self) -> str:
        """The digest of the source, as a policy names it."""
        return b64encode(sha256(self.source.encode()).digest()).decode()


def document(template: str, plots: Sequence[Plot], **values: object) -> str:
    """Return the HTML of a report: `template` shows values and, by their names, its `plots`."""
    return render(
        template,
        plots={plot.name: plot for plot in plots},
        scripts=[Script(plotly_script()), Script(_file("report.js").decode())],
        **values,
    )


def plotly_script() -> str:
    """Return plotly.js itself, the build that draws in two dimensions."""
    return gzip.decompress(_file("plotly/plotly-cartesian.min.js.gz")).decode()


def _file(name: str) -> bytes:
    return files("fleet_sim.pages").joinpath(name).read_bytes()
