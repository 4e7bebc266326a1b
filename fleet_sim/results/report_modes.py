"""The report's part on the failure modes that the monitor named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet_sim.results import readable
from fleet_wire.modes.catalogue import MODES, TITLES


@dataclass(frozen=True, slots=True)
class ModeRow:
    """A failure mode that the monitor named, with what is to be done."""

    slug: str
    title: str
    unlocks: str
    acts: str
    now: str


def mode_rows(summary: Mapping[str, Any]) -> list[ModeRow]:
    """Return a row for each mode that was named; none in a summary from before there were any."""
    by_mode = (summary.get("diagnoses") or {}).get("by_mode") or {}
    return [_row(slug, number) for slug, number in Counter(by_mode).most_common() if number]


def _row(slug: str, number: int) -> ModeRow:
    mode = MODES.get(slug)
    return ModeRow(
        slug=slug,
        title=TITLES.get(slug, readable.NOTHING),
        unlocks=readable.count(number),
        acts=mode.acts.value if mode else readable.NOTHING,
        now=" ".join(filter(None, (mode.now, mode.mend))) if mode else readable.NOTHING,
    )
