"""Where the time of a profiled run went, by part of the project."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections import defaultdict
from typing import Any

PLACES = {
    "SimPy": ("simpy",),
    "box": ("fleet_sim.cars",),
    "modem": tuple(
        f"fleet_sim.cars.{part}"
        for part in ("bearer", "connection", "dialler", "downlink", "modem", "uplink")
    ),
    "radio": (
        "fleet_sim.cars.distributions",
        "fleet_sim.cars.radio",
        "fleet_sim.cars.radio_parameters",
    ),
    "faults": ("fleet_sim.faults", "fleet_sim.runs.injection"),
    "broker model": ("fleet_sim.broker",),
    "clock and timers": (
        "fleet_sim.cars.world",
        "fleet_sim.runs.virtual.time",
        "fleet_wire.clock",
        "fleet_wire.system_clock",
        "platform_probe.measure.load.timerfd",
        "platform_probe.measure.load.timers",
    ),
    "random draws": ("fleet_wire.arrivals", "fleet_wire.randomness"),
    "codec": ("fleet_wire.contract.codec", "fleet_wire.contract.messages", "msgspec"),
    "signatures": ("fleet_wire.contract.signing",),
    "topics and the rest of the contract": ("fleet_wire.contract",),
    "links": ("fleet_wire.links",),
    "profiles": ("fleet_wire.profiles",),
    "customers and platform": ("fleet_sim.customers", "fleet_sim.platform"),
    "attempts": ("platform_probe.measure.attempts",),
    "diagnosis": (
        "fleet_wire.modes",
        "platform_probe.judge.diagnosis",
        "platform_probe.journal",
        "platform_probe.judge",
        "platform_probe.judge_process",
        "platform_probe.judge.weights",
    ),
    "probe": (
        "platform_probe",
        "platform_probe.judge.alerting",
        "platform_probe.judge.detection",
        "platform_probe.judge.incidents",
        "platform_probe.journal.locks",
    ),
    "summary and report": (
        "fleet_sim.pages",
        "fleet_sim.results",
        "fleet_sim.runs.conclude",
        "jinja2",
    ),
    "scenario and run": ("fleet_sim", "fleet_wire"),
}
"""Each share with its modules and packages; of two that hold a module the inner one counts.

A module of ours that no room below names counts for the probe, or for scenario and run.
"""
OTHER = "other"
_SHARE_OF_PLACE = {place: share for share, places in PLACES.items() for place in places}
_BUILTIN = "~"
"""What `pstats` gives as the file of functions written in C: they count for who called them."""


def shares_of(profile: cProfile.Profile) -> dict[str, float]:
    """Return each part's share of the time, the largest first.

    To be called in the process that was profiled: it knows which file is which module.
    """
    modules = {getattr(module, "__file__", None): name for name, module in sys.modules.items()}
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined] # no stub
    spent_s: defaultdict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own_s, _, callers) in stats.items():
        if file != _BUILTIN:
            spent_s[share_of(modules.get(file, ""))] += own_s
            continue
        by_callers_s = 0.0
        for (caller_file, _, _), (_, _, from_caller_s, _) in callers.items():
            module = "msgspec" if "msgspec" in name else modules.get(caller_file, "")
            spent_s[share_of(module)] += from_caller_s
            by_callers_s += from_caller_s
        spent_s[OTHER] += own_s - by_callers_s
    total_s = sum(spent_s.values())
    ordered = sorted(spent_s.items(), key=lambda item: -item[1])
    return {part: part_s / total_s for part, part_s in ordered}


def share_of(module: str) -> str:
    """Return the share that a module's time counts for."""
    place = module
    while place and place not in _SHARE_OF_PLACE:
        place = place.rpartition(".")[0]
    return _SHARE_OF_PLACE.get(place, OTHER)
