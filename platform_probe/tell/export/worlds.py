"""Possible worlds of an incident: one for each likely failure mode, as scenarios with customers.

`fleet-sim what-if` plays them on with each mitigation. Cars have made-up ids; times, accounts and
places are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES
from platform_probe.store.reading import Source, Span
from platform_probe.tell.export.incident import Incident, Unlock, incident_of_unlocks, unlocks_in
from platform_probe.tell.export.recipes import PEOPLE
from platform_probe.tell.export.scenario import scenario_of

MOST_WORLDS: Final = 3
LEAST_WEIGHT: Final = 0.05
"""A less likely mode changes no ranking [E]."""
FLEET: Final = 200
"""Cars of a world: enough for a share of each group, and a future plays in .1 s [E]."""
UNKNOWN: Final = (
    "how long the failure lasts: in each world it lasts until a mitigation ends it",
    "which cars nobody tried to open: the fleet has the cars that were asked for, in proportion",
    "how many customers come: as many an hour as pressed before, or one for each car at most",
)
"""What no monitor can know, and what is assumed instead."""


def worlds_of(source: Source, span: Span, cars: Sequence[str], mode: str | None) -> dict[str, Any]:
    """Return the worlds of an incident as plain values, the likeliest first.

    `cars` are those whose unlocks belong to it; empty: all of its mode. Raises `ConfigError` where
    no unlock of the time is diagnosed.
    """
    unlocks = unlocks_in(source, span)
    ids = set(cars)
    struck = [
        one for one in unlocks if not one.went_well and (one.vehicle_id in ids or one.mode == mode)
    ]
    weights = _weights(struck)
    if not weights:
        raise ConfigError(["no unlock of the incident is diagnosed yet: ask again in a minute"])
    worlds = []
    for slug, weight in weights.items():
        incident = incident_of_unlocks(slug, struck, unlocks)
        worlds.append({"weight": weight, "mode": slug, "scenario": _lasting(incident)})
    return {"unknown": [*UNKNOWN], "worlds": worlds}


def _weights(struck: Sequence[Unlock]) -> dict[str, float]:
    """Return the mean probability of each likely mode over the unlocks of an incident."""
    total: Counter[str] = Counter()
    for one in struck:
        for ranked in one.modes:
            if ranked.mode in MODES:
                total[ranked.mode] += ranked.probability  # type: ignore[assignment] # a float
    number = sum(bool(one.modes) for one in struck)
    return {
        mode: round(weight / number, 4)
        for mode, weight in total.most_common(MOST_WORLDS)
        if weight / number >= LEAST_WEIGHT
    }


def _lasting(incident: Incident) -> dict[str, Any]:
    """Return the scenario of an incident that goes on, with customers."""
    scenario = scenario_of(incident)
    groups = scenario["fleet"]["groups"]
    cars = sum(group["count"] for group in groups)
    if cars > FLEET:
        for group in groups:
            group["count"] = max(1, round(group["count"] * FLEET / cars))
    customers: Mapping[str, Any] = scenario.get("customers") or PEOPLE
    span_s = max(1.0, _span_s(incident))
    pressed = len(incident.struck) + len(incident.others)
    stage = {"kind": "poisson", "rate_per_s": pressed / span_s, "duration_s": 600.0}
    kept = {key: value for key, value in customers.items() if key not in ("stages", "targets")}
    return {
        "description": scenario["description"],
        "fleet": scenario["fleet"],
        "customers": {**kept, "stages": [stage]},
        **({"platform": scenario["platform"]} if "platform" in scenario else {}),
        "faults": [{**fault, "window": {"start_s": 0}} for fault in scenario["faults"]],
    }


def _span_s(incident: Incident) -> float:
    times = [one.at_s for one in (*incident.struck, *incident.others)]
    return max(times) - min(times)
