"""The plots of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fleet_sim.results import readable
from fleet_sim.results.figure import MIDDLE_GREY, TOP, Figure, axis
from fleet_sim.results.report_colours import CAUSE_COLOURS, OUTCOME_COLOURS
from fleet_sim.results.report_data import (
    PlottedUnlock,
    RunData,
    bucket_width_s,
    histogram,
    lanes,
    log_seconds,
    per_bucket,
    quantile_line,
    seconds_ticks,
    thin,
    time_ticks,
)
from fleet_sim.results.times import quantile
from fleet_wire.contract.causes import CAUSES, Cause, Outcome

POINTS_AT_MOST = 20_000
"""Above this the scatter shows every n-th unlock: a browser draws each point as an element."""

_DENSE = 3_000
"""Above this the marks are smaller, so that they do not cover each other."""

_BINS = 50
_LEGEND_AT_MOST = 6
_HEADROOM = 1.32
"""The names of the quantiles stand above the bars."""

_QUANTILE_BLUE = "#2a78d6"
_LIGHT_BLUE = "rgba(42, 120, 214, 0.35)"
_FAULT_FILL = "rgba(214, 120, 20, 0.13)"
_FAULT_LINE = "rgba(214, 120, 20, 0.65)"
_SYMBOLS = {
    Outcome.OK: "circle",
    Outcome.REFUSED: "diamond",
    Outcome.FAILED: "x",
    Outcome.UNKNOWN: "triangle-up",
}


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot for a panel of the report."""

    name: str
    title: str
    caption: str
    figure: Figure | None
    """None when there is nothing to draw."""
    is_over_time: bool = False

    @property
    def is_drawn(self) -> bool:
        """Whether there is something to draw."""
        return self.figure is not None

    def as_json(self) -> str:
        """Return the figure for `Plotly.newPlot`, fit to stand in a script element.

        There only "</script" and "<!--" mean anything, and both need a "<".
        """
        return "" if self.figure is None else self.figure.to_json().replace("<", "\\u003c")


def plots(summary: Mapping[str, Any], data: RunData) -> list[Plot]:
    """Return every plot of the report, in the order of the page."""
    width_s = bucket_width_s(data.end_s, at_most=45)
    shown = thin(data.points, POINTS_AT_MOST)
    thinned = ""
    if len(shown) < len(data.points):
        thinned = f" {len(shown):,} of {len(data.points):,} unlocks are drawn, failures first."
    return [
        Plot(
            "latency",
            "Latency over time",
            "Each mark is one unlock, placed at its intended start. One that timed out stands at "
            "its deadline. The lines are the time to open, and have gaps where too few opened. "
            f"Shaded: a fault was injected.{thinned}",
            _latency(data, shown) if data.points else None,
            is_over_time=True,
        ),
        Plot(
            "distribution",
            "Latency distribution",
            "Bars: unlocks by time. Line: share of all unlocks that had opened by then.",
            _distribution(data) if data.points else None,
        ),
        Plot(
            "stages",
            "Where the time goes",
            f"From each stage to the next: p50 dark, p95 light.{_api_answer(summary)}",
            _stages(summary),
        ),
        Plot(
            "outcomes",
            "Outcomes over time",
            f"Unlocks per {readable.duration(width_s)}, by how they ended.",
            _outcomes(data, width_s) if data.points else None,
            is_over_time=True,
        ),
        Plot(
            "causes",
            "Causes over time",
            f"Unlocks that did not end well, per {readable.duration(width_s)}, by cause, "
            "in the colours of the table.",
            _causes(data, width_s),
            is_over_time=True,
        ),
        Plot(
            "boxes",
            "Connected boxes",
            "Boxes with a connection to the broker, and those asleep.",
            _boxes(data, summary["boxes"]["configured"]),
            is_over_time=True,
        ),
    ]


def _over_time(data: RunData, height: int, y_title: str, **y_axis: Any) -> Figure:
    """Return an empty figure over the seconds of the load, with the faults as shaded spans."""
    start_s = min(0.0, -0.01 * data.end_s)
    labels = lanes(data)
    height_of_labels = 16 * (1 + max((lane for _, lane in labels), default=-1))
    figure = Figure(
        height + height_of_labels,
        top=TOP + height_of_labels,
        hovermode="closest",
        xaxis=axis("into the load", range=[start_s, data.end_s * 1.01], **time_ticks(data.end_s)),
        yaxis=axis(y_title, **y_axis),
    )
    for fault, lane in labels:
        figure.add_shape(
            type="rect", x0=fault.start_s, x1=fault.end_s, y0=0, y1=1, yref="paper",
            fillcolor=_FAULT_FILL, line={"color": _FAULT_LINE, "width": 1, "dash": "dot"},
            layer="below",
        )  # fmt: skip
        figure.add_annotation(
            text=escape(fault.fault), x=max(fault.start_s, start_s), y=1, yref="paper",
            xanchor="left", yanchor="bottom", yshift=16 * lane, showarrow=False,
            font={"size": 12},
        )  # fmt: skip
    return figure


def _latency(data: RunData, shown: Sequence[PlottedUnlock]) -> Figure:
    totals = [point.total_s for point in data.points]
    low, high = log_seconds([*totals, data.deadline_s or totals[0]])
    ticks, words = seconds_ticks(low, high)
    figure = _over_time(
        data, 420, "", type="log", range=[low, high], tickvals=ticks, ticktext=words
    )
    for outcome in Outcome:
        points = [point for point in shown if point.outcome is outcome]
        if points:
            _mark(figure, outcome, points, is_dense=len(shown) > _DENSE)
    width_s = bucket_width_s(data.end_s, at_most=30)
    for percent, dash in ((50, "solid"), (95, "dot")):
        x, y = quantile_line(data.points, percent, width_s)
        figure.add(
            "scatter", x=x, y=y, name=f"p{percent} per {readable.duration(width_s)}", mode="lines",
            line={"color": _QUANTILE_BLUE, "width": 3, "dash": dash},
            hovertemplate=f"p{percent} %{{y:.3g}} s<extra></extra>",
        )  # fmt: skip
    if data.deadline_s is not None:
        figure.add(
            "scatter", x=[0, data.end_s], y=[data.deadline_s] * 2, name="deadline", mode="lines",
            line={"color": MIDDLE_GREY, "width": 1.5, "dash": "dash"}, hoverinfo="skip",
        )  # fmt: skip
    return figure


def _mark(
    figure: Figure, outcome: Outcome, points: Sequence[PlottedUnlock], *, is_dense: bool
) -> None:
    is_ok = outcome is Outcome.OK
    figure.add(
        "scatter",
        x=[round(point.at_s, 3) for point in points],
        y=[round(point.total_s, 5) for point in points],
        customdata=[
            [escape(point.vehicle_id), point.cause.value if point.cause else "opened"]
            for point in points
        ],
        name=outcome.value,
        mode="markers",
        marker={
            "color": OUTCOME_COLOURS[outcome],
            "symbol": _SYMBOLS[outcome],
            "size": (3 if is_dense else 5) if is_ok else (5 if is_dense else 8),
            "opacity": (0.35 if is_dense else 0.6) if is_ok else 0.85,
        },
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{y:.3g} s at %{x:.1f} s"
        "<extra></extra>",
    )


def _distribution(data: RunData) -> Figure:
    """Draw on decimal logarithms as a linear axis: bars on a log axis would change in width."""
    totals = sorted(point.total_s for point in data.points)
    low, high = log_seconds(totals)
    ticks, words = seconds_ticks(low, high)
    edges = [low + (high - low) * number / _BINS for number in range(_BINS)]
    highest = max(histogram(totals, low, high, _BINS))
    figure = Figure(
        380, barmode="stack", bargap=0.06, hovermode="closest",
        xaxis=axis(
            "", range=[low, high], tickvals=[math.log10(tick) for tick in ticks], ticktext=words
        ),
        yaxis=axis("unlocks", range=[0, _HEADROOM * highest]),
        yaxis2=axis(
            "opened by then", overlaying="y", side="right", range=[0, _HEADROOM],
            tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1], showgrid=False,
        ),
    )  # fmt: skip
    for outcome in Outcome:
        times_s = [point.total_s for point in data.points if point.outcome is outcome]
        if times_s:
            figure.add(
                "bar", x=edges, y=histogram(times_s, low, high, _BINS), offset=0,
                name=outcome.value, marker={"color": OUTCOME_COLOURS[outcome]},
                customdata=[readable.duration(10**edge) for edge in edges],
                hovertemplate="%{y} from %{customdata}<extra></extra>",
            )  # fmt: skip
    _draw_opened_by(figure, data, low, high)
    _mark_quantiles(figure, sorted(point.opens_s for point in data.points))
    return figure


def _mark_quantiles(figure: Figure, ordered_s: Sequence[float]) -> None:
    """Mark the quantiles of the time to open that are reached."""
    names: dict[float, list[str]] = {}
    for percent in (50, 95, 99):
        at_s = quantile(ordered_s, percent)
        if at_s is not None:
            names.setdefault(at_s, []).append(f"p{percent}")
    for at_s, percents in names.items():
        x = math.log10(at_s)
        figure.add_shape(
            type="line", x0=x, x1=x, y0=0, y1=1, yref="y domain",
            line={"color": MIDDLE_GREY, "width": 1.5, "dash": "dot"},
        )  # fmt: skip
        figure.add_annotation(
            text=", ".join(percents), x=x, y=1, yref="y domain", textangle=-90, xanchor="right",
            yanchor="top", xshift=1, showarrow=False, font={"size": 12},
        )  # fmt: skip


def _draw_opened_by(figure: Figure, data: RunData, low: float, high: float) -> None:
    """Draw the cumulative share: it ends at the share of unlocks that opened at all."""
    opened = sorted(point.total_s for point in data.points if point.outcome is Outcome.OK)
    steps = [step for percent in range(1, 101) if (step := quantile(opened, percent))]
    ok_share = len(opened) / len(data.points)
    x = [low, *(math.log10(step) for step in steps), high]
    y = [0.0, *(percent / 100 * ok_share for percent in range(1, len(steps) + 1)), ok_share]
    figure.add(
        "scatter", x=x, y=y, name="opened by then", yaxis="y2", mode="lines",
        line={"color": _QUANTILE_BLUE, "width": 2.5}, customdata=[f"{10**at:.3g} s" for at in x],
        hovertemplate="%{y:.1%} opened within %{customdata}<extra></extra>",
    )  # fmt: skip


def _stages(summary: Mapping[str, Any]) -> Figure | None:
    """Draw p95 behind p50, in the order in which an unlock passes its stages."""
    known: Mapping[str, Any] = summary["stages"]
    reached = [stage for stage, times in known.items() if times["p50_s"] is not None]
    if not reached:
        return None
    labels = [_hop_label(stage, known[stage]) for stage in reached]
    figure = Figure(
        380, top=8, barmode="overlay", bargap=0.35, showlegend=False,
        xaxis=axis(
            "seconds from the stage before", rangemode="tozero",
            range=[0, 1.04 * max(known[stage]["p95_s"] for stage in reached) or 1],
        ),
        yaxis=axis("", autorange="reversed", ticklabelstandoff=8, showgrid=False),
    )  # fmt: skip
    for key, colour in (("p95_s", _LIGHT_BLUE), ("p50_s", _QUANTILE_BLUE)):
        values = [known[stage][key] for stage in reached]
        figure.add(
            "bar", x=values, y=labels, orientation="h", marker={"color": colour},
            hovertemplate=f"{key[:3]} %{{x:.3g}} s<extra></extra>",
        )  # fmt: skip
    return figure


def _api_answer(summary: Mapping[str, Any]) -> str:
    """Return how long the API took, where there is one: its hop is 0 where it is waited for."""
    times = summary["api_answer"]
    if not times["count"]:
        return ""
    p50, p95, p99 = (readable.duration(times[f"p{n}_s"]) for n in (50, 95, 99))
    return (
        f" From its request to its answer the API took {p50} (p50), {p95} (p95), {p99} (p99); an"
        " answer that comes when the command is published already is a hop of 0."
    )


def _hop_label(stage: str, hop: Mapping[str, Any]) -> str:
    """Return a stage with its times below: beside a bar they would not fit on a telephone."""
    times = f"{readable.duration(hop['p50_s'])} · {readable.duration(hop['p95_s'])}"
    return f"{stage.replace('_', ' ')}<br><b>{times}</b>"


def _stack(data: RunData, width_s: int, parts: Sequence[tuple[str, str, list[float]]]) -> Figure:
    """Draw stacked bars of (name, colour, times)."""
    figure = _over_time(data, 280, "unlocks", rangemode="tozero")
    figure.layout.update(barmode="stack", bargap=0.08, hovermode="x unified", showlegend=True)
    for name, colour, times_s in parts:
        counts = per_bucket(times_s, width_s=width_s, end_s=data.end_s)
        figure.add(
            "bar", x=[(number + 0.5) * width_s for number in range(len(counts))], y=counts,
            name=name, marker={"color": colour}, width=0.92 * width_s,
        )  # fmt: skip
    return figure


def _outcomes(data: RunData, width_s: int) -> Figure:
    parts = [
        (
            outcome.value,
            OUTCOME_COLOURS[outcome],
            [point.at_s for point in data.points if point.outcome is outcome],
        )
        for outcome in Outcome
    ]
    return _stack(data, width_s, [part for part in parts if part[2]])


def _causes(data: RunData, width_s: int) -> Figure | None:
    times_s: dict[Cause, list[float]] = {}
    for point in data.points:
        if point.cause is not None:
            times_s.setdefault(point.cause, []).append(point.at_s)
    if not times_s:
        return None
    parts = [
        (cause.value, CAUSE_COLOURS[cause], times_s[cause]) for cause in CAUSES if cause in times_s
    ]
    figure = _stack(data, width_s, parts)
    # a legend of up to twenty causes would cover the plot
    figure.layout["showlegend"] = len(parts) <= _LEGEND_AT_MOST
    return figure


def _boxes(data: RunData, configured: int | None) -> Figure | None:
    if not data.samples:
        return None
    figure = _over_time(data, 260, "boxes", rangemode="tozero")
    figure.layout.update(hovermode="x unified", showlegend=True)
    times_s = [round(sample.t_s, 2) for sample in data.samples]
    series = (
        ("connected", "#0b9e77", [sample.connected for sample in data.samples]),
        ("asleep", "#8a96a3", [sample.asleep for sample in data.samples]),
    )
    for name, colour, values in series:
        figure.add(
            "scatter", x=times_s, y=values, name=name, mode="lines",
            line={"color": colour, "width": 2}, fill="tozeroy", fillcolor=f"{colour}22",
        )  # fmt: skip
    if configured:
        figure.add(
            "scatter", x=[times_s[0], data.end_s], y=[configured, configured], name="configured",
            mode="lines", line={"color": MIDDLE_GREY, "width": 1.5, "dash": "dash"},
        )  # fmt: skip
    return figure
