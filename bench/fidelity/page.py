"""The rows as a table in a terminal, and as a page of the docs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.fidelity.figures import Figure, Row
from bench.results import aligned

_HEAD = """\
# The model beside measurements

`make fidelity` writes this page: the simulator's model beside measurements that others published.

A figure is in band if one of these holds:

- It has samples, and the Kolmogorov-Smirnov distance is at most 0.05.
- It has a median, a p95 or a single value, and that of the model is within 20 %.
  For charges and currents the limit is 5 %.
- It has a range, and the model's median is in it.

Samples are split into halves.
The model was tuned on one, and is judged on the other.
The files of others are not part of this project.
`bench/fidelity/percentiles.json` has the percentiles of their judging halves.
"""


def in_band(rows: Sequence[Row]) -> str:
    """Return how many rows and figures are in band, in words."""
    figures = [figure for row in rows for figure in row.figures]
    inside = sum(figure.is_in_band for figure in figures)
    unread = sum(bool(figure.unread) for figure in figures)
    return (
        f"{sum(row.is_in_band for row in rows)} of {len(rows)} rows are in band; of {len(figures)}"
        f" figures {inside} in band, {len(figures) - inside - unread} out, {unread} not judged"
    )


def table(rows: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    lines = [("figure", "published", "model", "KS", "band")]
    lines += [
        (f"{row.title}: {figure.name}", *_cells(figure)) for row in rows for figure in row.figures
    ]
    return f"{aligned(lines)}\n{in_band(rows)}"


def page(rows: Sequence[Row]) -> str:
    """Return the page."""
    parts = [_HEAD, f"{in_band(rows)}.\n", _overview(rows)]
    parts += [_section(row) for row in rows]
    return "\n".join(parts)


def _overview(rows: Sequence[Row]) -> str:
    lines = ["| | In the scenario | Figures in band |", "|---|---|---|"]
    for row in rows:
        inside = sum(figure.is_in_band for figure in row.figures)
        unread = sum(bool(figure.unread) for figure in row.figures)
        not_judged = f", {unread} not judged" if unread else ""
        lines.append(f"| {row.title} | {row.model} | {inside} of {len(row.figures)}{not_judged} |")
    return "\n".join(lines) + "\n"


def _section(row: Row) -> str:
    lines = [f"## {row.title}", "", f"Source: {row.source}.", ""]
    lines += ["| | Published | Model | KS | |", "|---|---|---|---|---|"]
    lines += [f"| {figure.name} | {' | '.join(_cells(figure))} |" for figure in row.figures]
    if row.note:
        lines += ["", row.note.replace(". ", ".\n")]
    return "\n".join(lines) + "\n"


def _cells(figure: Figure) -> tuple[str, str, str, str]:
    ks = "" if figure.ks is None else f"{figure.ks:.3f}"
    if figure.unread:
        return "", _of_model(figure), "", f"not judged: {figure.unread}"
    return _published(figure), _of_model(figure), ks, "in" if figure.is_in_band else "out"


def _published(figure: Figure) -> str:
    if figure.between is not None:
        low, high = figure.between
        return f"{low:g} to {high:g} {figure.unit}".strip()
    return _percentiles(figure.p50, figure.p95, figure.unit)


def _of_model(figure: Figure) -> str:
    found = figure.found
    if math.isnan(found.p50):
        return ""
    is_one = len(found.values) == 1 or figure.between is not None
    both = figure.unread or not is_one
    p50 = found.p50 if both or figure.p50 is not None or figure.between is not None else None
    return _percentiles(p50, found.p95 if both else None, figure.unit)


def _percentiles(p50: float | None, p95: float | None, unit: str) -> str:
    parts = [] if p50 is None else [f"p50 {p50:.3g}" if p95 is not None else f"{p50:.3g}"]
    if p95 is not None:
        parts.append(f"p95 {p95:.3g}")
    return f"{', '.join(parts)} {unit}".strip()
