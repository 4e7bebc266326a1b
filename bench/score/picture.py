"""The score as a page: which mode was taken for which, and how sure one may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from fleet_sim.pages.rendering import render
from fleet_wire.modes.catalogue import MODES

CELL: Final = 9
LEFT: Final = 150
LARGEST: Final = 9.0


def page_of(figures: Mapping[str, Any]) -> str:
    """Return the page of the figures under `diagnosis` in `score.json`."""
    confusion: Mapping[str, Mapping[str, int]] = figures["confusion"]
    named = {name for row in confusion.values() for name in row}
    known = [slug for slug in MODES if slug in named or slug in confusion]
    columns = [*known, *sorted(named - set(known))]
    rows = [
        {"name": slug, "cells": _cells(slug, confusion[slug], columns)}
        for slug in known
        if slug in confusion
    ]
    most = max((each["number"] for each in figures["reliability"]), default=1)
    reliability = [
        {**each, "radius": round(2 + LARGEST * math.sqrt(each["number"] / most), 1)}
        for each in figures["reliability"]
    ]
    return render(
        "score.html",
        figures={**figures, "reliability": reliability},
        rows=rows,
        columns=columns,
        left=LEFT,
        cell=CELL,
        width=LEFT + CELL * len(columns) + CELL,
        height=LEFT + CELL * len(rows) + CELL,
    )


def _cells(slug: str, row: Mapping[str, int], columns: list[str]) -> list[dict[str, Any]]:
    total = sum(row.values())
    return [
        {
            "column": columns.index(name),
            "share": round(number / total, 3),
            "number": number,
            "is_right": name == slug,
        }
        for name, number in row.items()
    ]
