"""The plots of a sweep's report: each measurement over what was swept.

A line over one key of numbers, a map of colours over two keys, boxes beside each other otherwise.
What is the same in every run is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from fleet_sim.results.figure import Figure, axis
from fleet_sim.results.report_plots import Plot
from fleet_sim.results.uncertainty import share
from fleet_sim.sweeps.plan import Values
from fleet_sim.sweeps.settings import (
    Setting,
    expected_keys,
    measured_values,
    measurement_text,
    number,
    varying_keys,
)

_BLUE, _GREEN, _RED, _GREY = "#2a78d6", "#0b9e77", "#d1481f", "#7d8994"
_LIGHT_BLUE = "rgba(42, 120, 214, 0.18)"
_SHADES = [[0, "rgba(42, 120, 214, 0.06)"], [1, "rgba(42, 120, 214, 0.62)"]]
"""Shades from the least to the greatest; text is readable on all of them, on light and dark
paper."""
_POINTS_AT_MOST = 3_000
"""Above this a run is no point of its own: a browser draws each as an element."""
_FLAT_CHARACTERS = 40
"""Labels that have more together are written at an angle."""
_LABELS_AT_MOST = 16
_LABEL_CHARACTERS = 22
_COLUMNS_WITH_TEXT = 8
_LOG_FROM = 20
"""Values that differ by more than this factor stand on a logarithmic axis."""
_Z_95 = 1.959964
"""The normal quantile of a 95 % interval."""

HEADLINES = {
    "attempts.ok_share": "Share of unlocks that opened",
    "unlock.p50_s": "p50 of the time to open",
    "unlock.p95_s": "p95 of the time to open",
}


def drawn_keys(settings: Sequence[Setting]) -> list[str]:
    """Return the measurements that the report is about: the headlines, and what is expected."""
    return [*dict.fromkeys([*HEADLINES, *expected_keys(settings)])]


def sweep_plots(settings: Sequence[Setting]) -> list[Plot]:
    """Return every plot with something to see: which expectations hold, each measurement."""
    over = _Over(settings)
    plots = [
        Plot(
            "holds",
            "Runs whose expectations all hold",
            "Of the seeds of each setting."
            if over.is_map
            else "Share of the seeds; bars: the 95 % interval (Wilson) for this many.",
            _holds(settings, over),
        ),
        *(
            Plot(
                f"spread-{place}",
                HEADLINES.get(key, key),
                _caption(settings, over, key),
                _spread(settings, over, key) if len(measured_values(settings, key)) > 1 else None,
            )
            for place, key in enumerate(drawn_keys(settings))
        ),
    ]
    return [plot for plot in plots if plot.is_drawn]


def _caption(settings: Sequence[Setting], over: _Over, key: str) -> str:
    is_expected = any(setting.verdicts(key) for setting in settings)
    if over.is_map:
        return "The median of the seeds" + (
            "; ✗: the expectation on it holds in so many of them." if is_expected else "."
        )
    text = "Each point is one run; box: from the first to the third quartile; line: the median"
    if over.is_line:
        text = "Each point is one run; line: the median; shaded: from the least to the greatest"
    return text + ("; dotted: what the scenario expects." if is_expected else ".")


class _Over:
    """The axes of a sweep's plots: the keys that vary, and their values in order."""

    def __init__(self, settings: Sequence[Setting]) -> None:
        self.keys = varying_keys(settings)
        self.values = {key: _in_order([one.values[key] for one in settings]) for key in self.keys}

    @property
    def is_line(self) -> bool:
        """Whether the one key that varies has numbers as values."""
        return len(self.keys) == 1 and self._numbers(self.keys[0]) is not None

    @property
    def is_map(self) -> bool:
        """Whether two keys vary."""
        return len(self.keys) == 2  # noqa: PLR2004 - a map has two sides

    def position(self, setting: Setting, place: int) -> float:
        """Return where a setting stands on a single axis; `place` is its number in the sweep."""
        at = number(setting.values[self.keys[0]]) if self.is_line else None
        return place if at is None else at

    def cell(self, values: Values) -> tuple[int, int]:
        """Return the column and the row of a setting in a map: the last key goes to the right."""
        row, column = (self.values[key].index(values[key]) for key in self.keys)
        return column, row

    def axis(self, settings: Sequence[Setting]) -> dict[str, Any]:
        """Return the single axis: the keys are its title, their values its labels."""
        if self.is_line:
            return self._number_axis(self.keys[0])
        labels = [", ".join(setting.values[key] for key in self.keys) for setting in settings]
        return _label_axis(self.keys, labels if self.keys else ["as written"])

    def map_axis(self, key: str) -> dict[str, Any]:
        """Return a side of a map."""
        return _label_axis([key], self.values[key])

    def _number_axis(self, key: str) -> dict[str, Any]:
        values = self._numbers(key) or []
        low, high = min(values), max(values)
        more: dict[str, Any] = {}
        if low > 0 and high / low > _LOG_FROM:
            more["type"] = "log"
        if len(values) <= _LABELS_AT_MOST:
            more |= {"tickvals": values, "ticktext": [_short(text) for text in self.values[key]]}
        return axis(escape(key), **more)

    def _numbers(self, key: str) -> list[float] | None:
        values = [number(text) for text in self.values[key]]
        return None if None in values else [value for value in values if value is not None]


def _in_order(texts: Sequence[str]) -> list[str]:
    """Return each value once: numbers by size, others as in the command."""
    unlike = [*dict.fromkeys(texts)]
    values = {text: number(text) for text in unlike}
    if None in values.values():
        return unlike
    return sorted(unlike, key=lambda text: values[text] or 0.0)


def _short(text: str) -> str:
    cut = text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 1]}…"
    return escape(cut)


def _label_axis(keys: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Return an axis of labels at 0, 1, 2 and so on; of many, every n-th is written."""
    step = math.ceil(len(labels) / _LABELS_AT_MOST)
    words_of = [_short(label) for label in labels[::step]]
    is_flat = sum(map(len, words_of)) <= _FLAT_CHARACTERS
    return axis(
        ",<br>".join(escape(key) for key in keys), range=[-0.5, len(labels) - 0.5], showgrid=False,
        tickvals=[*range(0, len(labels), step)], ticktext=words_of, tickangle=0 if is_flat else -35,
    )  # fmt: skip


def _holds(settings: Sequence[Setting], over: _Over) -> Figure | None:
    judged = [
        (place, setting, *setting.holding())
        for place, setting in enumerate(settings)
        if setting.holding()[1]
    ]
    if len({held / total for _, _, held, total in judged}) < 2:  # noqa: PLR2004 - nothing to see
        return None
    shares = [held / total for _, _, held, total in judged]
    counts = [f"{held} of {total}" for _, _, held, total in judged]
    if over.is_map:
        return _map(over, [setting for _, setting, _, _ in judged], shares, counts, counts)
    bounds = [share(held, total, _Z_95).limits for _, _, held, total in judged]
    figure = Figure(
        320, showlegend=False, hovermode="closest", bargap=0.5, top=12,
        xaxis=over.axis(settings),
        yaxis=axis("", range=[-0.03, 1.05], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1]),
    )  # fmt: skip
    look: dict[str, Any] = {
        "x": [over.position(setting, place) for place, setting, _, _ in judged],
        "y": shares,
        "customdata": counts,
        "hovertemplate": "%{customdata} runs<extra></extra>",
        "error_y": {
            "type": "data", "symmetric": False, "color": _GREY, "thickness": 1.5,
            "array": [high - share for (_, high), share in zip(bounds, shares, strict=True)],
            "arrayminus": [share - low for (low, _), share in zip(bounds, shares, strict=True)],
        },
    }  # fmt: skip
    if over.is_line:
        return figure.add(
            "scatter", **_by_x(look), mode="lines+markers", line={"color": _GREEN, "width": 2.5}
        )
    return figure.add("bar", **look, width=min(0.5, 0.1 * len(settings)), marker={"color": _GREEN})


def _by_x(look: dict[str, Any]) -> dict[str, Any]:
    """Return a trace with its points from left to right, as a line needs them."""
    order = sorted(range(len(look["x"])), key=lambda place: look["x"][place])

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: ordered(part) for name, part in value.items()}
        return [value[place] for place in order] if isinstance(value, list) else value

    return {name: ordered(value) for name, value in look.items()}


def _spread(settings: Sequence[Setting], over: _Over, key: str) -> Figure:
    if over.is_map:
        return _spread_map(settings, over, key)
    unit = {"tickformat": ".0%"} if key.endswith("_share") else {}
    unit |= {"ticksuffix": " s"} if key.endswith("_s") else {}
    figure = Figure(
        320, showlegend=False, hovermode="closest", top=12, xaxis=over.axis(settings),
        yaxis=axis("", **unit),
    )  # fmt: skip
    draw = _draw_line if over.is_line else _draw_boxes
    draw(figure, settings, over, key)
    _draw_bounds(figure, settings, over, key)
    return figure


def _spread_map(settings: Sequence[Setting], over: _Over, key: str) -> Figure:
    spreads = [setting.spread(key) for setting in settings]
    texts = [measurement_text(key, median) for _, median, _ in spreads]
    for place, setting in enumerate(settings):
        verdicts = setting.verdicts(key)
        held = sum(bool(one["holds"]) for one in verdicts)
        if held < len(verdicts):
            texts[place] += f"<br>✗ {held} of {len(verdicts)}"
    hovers = [" · ".join(measurement_text(key, value) for value in spread) for spread in spreads]
    return _map(over, settings, [median for _, median, _ in spreads], texts, hovers)


def _map(
    over: _Over,
    settings: Sequence[Setting],
    shades: Sequence[float | None],
    texts: Sequence[str],
    hovers: Sequence[str],
) -> Figure:
    """Draw a cell for each setting: `shades` gives its colour, `texts` stands in it."""
    y_key, x_key = over.keys
    columns, rows = len(over.values[x_key]), len(over.values[y_key])
    cells: list[list[Any]] = [[None] * columns for _ in range(rows)]
    words_of: list[list[str]] = [[""] * columns for _ in range(rows)]
    hovers_of: list[list[str]] = [[""] * columns for _ in range(rows)]
    for setting, shade, text, hover in zip(settings, shades, texts, hovers, strict=True):
        column, row = over.cell(setting.values)
        cells[row][column], words_of[row][column] = shade, text
        hovers_of[row][column] = f"{escape(setting.label)}<br>{hover}"
    has_text = columns <= _COLUMNS_WITH_TEXT
    figure = Figure(
        min(600, 110 + 52 * rows), top=8, xaxis=over.map_axis(x_key), yaxis=over.map_axis(y_key)
    )
    return figure.add(
        "heatmap", z=cells, text=words_of, customdata=hovers_of, colorscale=_SHADES,
        showscale=not has_text, texttemplate="%{text}" if has_text else "", xgap=3, ygap=3,
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _draw_line(figure: Figure, settings: Sequence[Setting], over: _Over, key: str) -> None:
    ordered = sorted(settings, key=lambda setting: over.position(setting, 0))
    x = [over.position(setting, 0) for setting in ordered]
    least, median, greatest = zip(*(setting.spread(key) for setting in ordered), strict=True)
    figure.add(
        "scatter", x=x, y=least, mode="lines", line={"width": 0, "color": _LIGHT_BLUE},
        hoverinfo="skip",
    )  # fmt: skip
    figure.add(
        "scatter", x=x, y=greatest, mode="lines", line={"width": 0, "color": _LIGHT_BLUE},
        hoverinfo="skip", fill="tonexty", fillcolor=_LIGHT_BLUE,
    )  # fmt: skip
    runs = [(at, *pair) for at, one in zip(x, ordered, strict=True) for pair in _values(one, key)]
    if len(runs) <= _POINTS_AT_MOST:
        figure.add(
            "scatter", x=[at for at, _, _ in runs], y=[value for _, _, value in runs],
            mode="markers", marker={"color": _BLUE, "size": 5, "opacity": 0.5},
            customdata=[f"{measurement_text(key, value)}, seed {seed}" for _, seed, value in runs],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    figure.add(
        "scatter", x=x, y=median, mode="lines+markers", line={"color": _BLUE, "width": 2.5},
        customdata=[measurement_text(key, value) for value in median],
        hovertemplate="median %{customdata} at %{x}<extra></extra>",
    )  # fmt: skip


def _draw_boxes(figure: Figure, settings: Sequence[Setting], over: _Over, key: str) -> None:
    measured = [_values(setting, key) for setting in settings]
    shows_all = sum(map(len, measured)) <= _POINTS_AT_MOST
    for place, (setting, pairs) in enumerate(zip(settings, measured, strict=True)):
        figure.add(
            "box", x=[over.position(setting, place)] * len(pairs), y=[value for _, value in pairs],
            width=0.45, name=escape(setting.label), text=[f"seed {seed}" for seed, _ in pairs],
            boxpoints="all" if shows_all else "outliers", jitter=0.5, pointpos=0,
            marker={"color": _BLUE, "size": 4, "opacity": 0.55}, line={"width": 1.5},
            fillcolor=_LIGHT_BLUE, hoveron="boxes+points",
            hovertemplate="%{y:.4g}, %{text}<extra></extra>",
        )  # fmt: skip


def _draw_bounds(figure: Figure, settings: Sequence[Setting], over: _Over, key: str) -> None:
    """Draw what an expectation holds the runs to: through a line, beside each box."""
    for name in dict.fromkeys(name for setting in settings for name in setting.bounds(key)):
        bounds = [setting.bounds(key).get(name) for setting in settings]
        if over.is_line:
            at = {"x": [over.position(setting, 0) for setting in settings], "y": bounds}
            figure.add(
                "scatter", **_by_x(at), mode="lines", hovertemplate=f"{name} %{{y}}<extra></extra>",
                line={"color": _RED, "width": 1.5, "dash": "dot"},
            )  # fmt: skip
            continue
        for place, bound in enumerate(bounds):
            if bound is not None:
                figure.add_shape(
                    type="line", x0=place - 0.4, x1=place + 0.4, y0=bound, y1=bound,
                    line={"color": _RED, "width": 1.5, "dash": "dot"},
                )  # fmt: skip


def _values(setting: Setting, key: str) -> list[tuple[int, float]]:
    pairs = [(record.seed, record.measured.get(key)) for record in setting.ended_records]
    return [(seed, value) for seed, value in pairs if value is not None]
