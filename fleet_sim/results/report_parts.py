"""The report's part on each part of the fleet: values for the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet_sim.pages.page_data import LegendEntry
from fleet_sim.results import readable
from fleet_sim.results.report_colours import CAUSE_COLOURS
from fleet_wire.contract.causes import Cause

MOST = 12
"""Parts of one kind that are shown."""
NEARLY_ALL = 0.9
"""Share of what did not open that makes a part of the fleet the place to look at."""
AT_MOST = 0.5
"""And it has no more than this share of all unlocks: else chance could have it so."""
FEWEST = 10
"""Fewest failures of a part for a remark on them."""


@dataclass(frozen=True, slots=True)
class PartRow:
    """How the unlocks of one part went."""

    by: str
    """The trait of this part; empty below the first of a kind."""
    label: str
    unlocks: str
    opened: str
    p50: str
    p95: str
    late: str
    causes: list[LegendEntry]


def part_rows(summary: Mapping[str, Any]) -> list[PartRow]:
    """Return the parts of a fleet, the worst of each kind first; no kind that has only one."""
    kinds = summary.get("by") or {}
    return [row for name, parts in kinds.items() if len(parts) > 1 for row in _rows_of(name, parts)]


def where_it_failed(summary: Mapping[str, Any]) -> str | None:
    """Return which part of the fleet nearly all unlocks that did not open belong to, in words.

    A firmware before a group, a region or an operator. None where there is no such part.
    """
    for name, parts in (summary.get("by") or {}).items():
        failed = {label: sum(part["by_cause"].values()) for label, part in parts.items()}
        total = sum(failed.values())
        asked = sum(part["total"] for part in parts.values())
        for label, number in failed.items():
            unlocks = parts[label]["total"]
            if total >= FEWEST and number >= NEARLY_ALL * total and unlocks <= AT_MOST * asked:
                of = "All" if number == total else f"{readable.count(number)} of the"
                return (
                    f"{of} {readable.count(total)} that did not open were of {name} {label},"
                    f" which had {readable.count(unlocks)} of all {readable.count(asked)} unlocks"
                )
    return None


def _rows_of(name: str, parts: Mapping[str, Mapping[str, Any]]) -> list[PartRow]:
    asked = [(label, part) for label, part in parts.items() if part["total"]]
    worst = sorted(asked, key=lambda pair: (pair[1]["ok_share"], pair[0]))[:MOST]
    left_out = f" ({MOST} of {len(asked)})" if len(asked) > MOST else ""
    return [
        _row(label, part, by="" if number else f"{name}{left_out}")
        for number, (label, part) in enumerate(worst)
    ]


def _row(label: str, part: Mapping[str, Any], *, by: str) -> PartRow:
    causes = sorted(part["by_cause"].items(), key=lambda pair: (-pair[1], pair[0]))
    return PartRow(
        by=by,
        label=label,
        unlocks=readable.count(part["total"]),
        opened=readable.share(part["ok_share"]),
        p50=readable.duration(part["p50_s"]),
        p95=readable.duration(part["p95_s"]),
        late=readable.count(part["late_unlock"]),
        causes=[
            LegendEntry(f"{cause} × {number}", CAUSE_COLOURS[Cause(cause)])  # noqa: RUF001
            for cause, number in causes
            if number
        ],
    )
