"""The plots of a sweep's report: how each measurement is spread over the seeds, by setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fleet_sim.results import readable
from fleet_sim.results.report_plots import Plot, axis, new_figure
from fleet_sim.sweeps.plan import Values, label_of
from fleet_sim.sweeps.point import PointRecord

_BLUE, _GREEN, _RED = "#2a78d6", "#0b9e77", "#d1481f"
_POINTS_AT_MOST = 3_000
"""Above this only outliers are drawn as points: a browser draws each as an element."""
_LABELS_LIE_FLAT = 6
_Z_95 = 1.959964
"""The normal quantile of a 95 % interval."""

HEADLINES = {
    "attempts.ok_share": "Share of unlocks that opened",
    "unlock.p95_s": "p95 of the time to open, seconds; none where fewer than 95 % opened",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of swept values, and its runs in the order of their seeds."""

    values: Values
    records: list[PointRecord]

    @property
    def label(self) -> str:
        """The setting in words."""
        return label_of(self.values)

    @property
    def ended(self) -> list[PointRecord]:
        """The runs that did not fail."""
        return [record for record in self.records if record.error is None]

    def verdicts(self, key: str) -> list[Mapping[str, Any]]:
        """Return the verdict of each run on the expectation `key`."""
        return [one for record in self.records for one in record.expect if one["key"] == key]

    def holding(self) -> tuple[int, int]:
        """Return in how many runs every expectation held, and how many were judged."""
        judged = [record.expect_holds for record in self.ended if record.expect]
        return sum(map(bool, judged)), len(judged)


def expected_keys(settings: Sequence[Setting]) -> list[str]:
    """Return the keys that any run had an expectation on, in the scenario's order."""
    keys: dict[str, None] = {}
    for setting in settings:
        for record in setting.records[:1]:
            keys.update(dict.fromkeys(one["key"] for one in record.expect))
    return [*keys]


def sweep_plots(settings: Sequence[Setting]) -> list[Plot]:
    """Return every plot of the report: the headlines, the share that holds, each expectation."""
    plots = [
        Plot(
            "holds",
            "Runs whose expectations all hold",
            "Share of the seeds. The line is the 95 % interval (Wilson) for this many seeds.",
            _holds(settings),
        )
    ]
    keys = [*HEADLINES, *(key for key in expected_keys(settings) if key not in HEADLINES)]
    for number, key in enumerate(keys):
        text = "Each point is one run: box from the first to the third quartile, line at the median"
        if any(setting.verdicts(key) for setting in settings):
            text += "; dotted: what the scenario expects"
        plots.append(
            Plot(f"spread-{number}", HEADLINES.get(key, key), f"{text}.", _spread(settings, key))
        )
    return plots


def _labels(settings: Sequence[Setting]) -> dict[str, Any]:
    return _settings_axis([escape(setting.label) for setting in settings])


def _settings_axis(labels: Sequence[str]) -> dict[str, Any]:
    """Return an axis of settings at 0, 1, 2 and so on, in the order of the sweep."""
    return axis(
        "", tickvals=[*range(len(labels))], ticktext=labels, range=[-0.6, len(labels) - 0.4],
        tickangle=0 if len(labels) <= _LABELS_LIE_FLAT else -35, showgrid=False,
    )  # fmt: skip


def _holds(settings: Sequence[Setting]) -> Any:
    judged = [(place, *setting.holding()) for place, setting in enumerate(settings)]
    judged = [(place, held, total) for place, held, total in judged if total]
    if not judged:
        return None
    shares = [held / total for _, held, total in judged]
    bounds = [wilson(held, total) for _, held, total in judged]
    figure = new_figure(
        320, showlegend=False, hovermode="closest", bargap=0.5, xaxis=_labels(settings),
        yaxis=axis("", range=[0, 1.12], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1]),
    )  # fmt: skip
    figure.add_bar(
        x=[place for place, _, _ in judged], y=shares, width=min(0.5, 0.1 * len(settings)),
        marker={"color": _GREEN},
        error_y={
            "type": "data", "symmetric": False, "color": "#7d8994", "thickness": 1.5,
            "array": [high - share for (_, high), share in zip(bounds, shares, strict=True)],
            "arrayminus": [share - low for (low, _), share in zip(bounds, shares, strict=True)],
        },
        customdata=[f"{held} of {total} runs" for _, held, total in judged],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    return figure


def wilson(successes: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `total` > 0 (Wilson 1927, the score interval)."""
    share, z2 = successes / total, _Z_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z_95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def _spread(settings: Sequence[Setting], key: str) -> Any:
    measured = [_values(setting, key) for setting in settings]
    if not any(measured):
        return None
    shows_all = sum(map(len, measured)) <= _POINTS_AT_MOST
    is_share = key.endswith("_share")
    figure = new_figure(
        340, showlegend=False, hovermode="closest", xaxis=_labels(settings),
        yaxis=axis("", tickformat=".1%" if is_share else ""),
    )  # fmt: skip
    for place, (setting, pairs) in enumerate(zip(settings, measured, strict=True)):
        figure.add_box(
            x=[place] * len(pairs), y=[value for _, value in pairs], width=0.45,
            name=escape(setting.label), text=[f"seed {seed}" for seed, _ in pairs],
            boxpoints="all" if shows_all else "outliers", jitter=0.5, pointpos=0,
            marker={"color": _BLUE, "size": 4, "opacity": 0.55}, line={"width": 1.5},
            fillcolor="rgba(42, 120, 214, 0.18)", hoveron="boxes+points",
            hovertemplate="%{y:.4g}, %{text}<extra></extra>",
        )  # fmt: skip
        for bound in _bounds(setting, key):
            figure.add_shape(
                type="line", x0=place - 0.4, x1=place + 0.4, y0=bound, y1=bound,
                line={"color": _RED, "width": 1.5, "dash": "dot"},
            )  # fmt: skip
    return figure


def _values(setting: Setting, key: str) -> list[tuple[int, float]]:
    pairs = [(record.seed, record.measured.get(key)) for record in setting.ended]
    return [(seed, value) for seed, value in pairs if value is not None]


def _bounds(setting: Setting, key: str) -> list[float]:
    """Return the numbers that an expectation holds `key` to; of one run, as all have the same."""
    conditions = [one["condition"] for one in setting.verdicts(key)[:1]]
    return [
        bound
        for condition in conditions
        for bound in condition.values()
        if isinstance(bound, int | float) and not isinstance(bound, bool)
    ]


def spread_words(setting: Setting, key: str) -> list[str]:
    """Return least, median and greatest of a measurement over the runs of a setting, in words.

    A quantile that a run did not reach is above all that were reached.
    """
    values = [record.measured.get(key) for record in setting.ended] or [None]
    values.sort(key=lambda value: math.inf if value is None else value)
    as_text = readable.share if key.endswith("_share") else readable.duration
    return [as_text(values[place]) for place in (0, (len(values) - 1) // 2, -1)]
