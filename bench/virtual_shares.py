"""Where the time of a profiled run went, by part of the project."""

from __future__ import annotations

import cProfile
import pstats
from collections import defaultdict
from typing import Any

_PARTS = (
    ("/simpy/", "SimPy"),
    ("/fleet_wire/memory_", "broker model"),
    ("/fleet_wire/codec", "codec"),
    ("/fleet_wire/randomness", "random draws"),
    ("/fleet_wire/signing", "signatures"),
    ("/fleet_sim/radio", "radio"),
    ("/fleet_sim/distributions", "radio"),
    ("/fleet_sim/modem", "modem"),
    ("/fleet_sim/virtual_time", "clock and timers"),
    ("/fleet_sim/world", "clock and timers"),
    ("/fleet_sim/report", "summary and report"),
    ("/fleet_sim/summary", "summary and report"),
    ("/fleet_sim/conclude", "summary and report"),
    ("/plotly", "summary and report"),
    ("/fleet_sim/", "box"),
    ("/platform_probe/", "probe"),
    ("/fleet_wire/", "topics and the rest of the wire"),
)
_OTHER = "other"
_BUILTIN = "~"
"""What `pstats` gives as the file of functions written in C: they count for who called them."""


def shares_of(profile: cProfile.Profile) -> dict[str, float]:
    """Return each part's share of the time, the largest first."""
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined] # no stub
    spent_s: defaultdict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own_s, _, callers) in stats.items():
        if file != _BUILTIN:
            spent_s[_part_of(file)] += own_s
            continue
        by_callers_s = 0.0
        for (caller_file, _, _), (_, _, from_caller_s, _) in callers.items():
            part = _part_of(caller_file)
            spent_s["codec" if "msgspec" in name else part] += from_caller_s
            by_callers_s += from_caller_s
        spent_s[_OTHER] += own_s - by_callers_s
    total_s = sum(spent_s.values())
    ordered = sorted(spent_s.items(), key=lambda item: -item[1])
    return {part: part_s / total_s for part, part_s in ordered}


def _part_of(file: str) -> str:
    return next((part for place, part in _PARTS if place in file), _OTHER)
