"""Draws the scenario of an incident by its seed.

No two incidents are alike. Fleets have 30 to 230 cars, of all kinds or all of one kind. Boxes
report every five seconds or every five minutes. A fault hits single cars one by one, or all cars at
one place at once. The history before it is long or hardly any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.score.incidents import (
    CHATTY_HEARTBEAT_S,
    FIRMWARES,
    HARDWARES,
    MAPPED_WIRE,
    OLD_MODEMS,
    OPERATORS,
    REGIONS,
    VALUES,
    WIDER,
    Incident,
    Loss,
)
from bench.score.wide import (
    GAP_S,
    habits,
    is_rare,
    lengths_s,
    log_uniform,
    reshaped,
    wide_parameters,
    wide_stages,
    widen_groups,
)
from fleet_sim.faults import FAULTS, Need, Strikes
from fleet_sim.faults.drawing import Drawing
from fleet_wire.randomness import RandomStream

SMALLEST, LARGEST = 4, 24
"""Cars of a group, of eight groups, at least and at most; small fleets are as frequent as large."""
TAIL_S: Final = 620.0
"""After the last window: a diagnosis may change for ten minutes."""
ARRIVALS_S: Final = 420.0
"""Windows are open within this time after the first seconds."""
QUIET_S: Final = (10.0, 60.0, 120.0)
"""Seconds that the monitor has watched before the first window."""
SHORT_TAIL_S: Final = 150.0
OUTLASTS: Final = 6
"""One in this many training incidents lasts as long as the monitor watches. So a car that is not
back after ten minutes is no evidence that it never will be."""
UNLOCKS_PER_CAR: Final = 1.8
"""Within `ARRIVALS_S`: few enough that cars are not asked again and again [E]."""
HEARTBEATS_S: Final = (5, 20, 60, 300)
"""Seconds between heartbeats: those of a box that is watched, and of one that saves data."""
KEEPALIVES_S: Final = (10, 60, 240)
DEADLINES_S: Final = (12.0, 20.0)
AT_ONE_PLACE: Final = 0.35
"""Share of the faults on single cars that hit a whole group at once: a garage, say."""
STRUCK: Final = (0.05, 0.25)
"""Share of the cars that are struck where single ones are."""
OF_SEVERAL_MODELS: Final = 0.3
"""Share of the fleets in which some boxes report more often than others."""
POLLS: Final = 0.25
"""Share of the widely drawn platforms that answer at once; the app asks later how it ended."""
IN_THREE_REGIONS: Final = (0, 2)
"""Remainders of the seed by five for which a fleet has three regions; the others have two. An
operator's outage in one of three regions is a small part of its cars [E]."""
ALL_ALIKE: Final = 0.3
"""Share of the fleets with one operator, one firmware, one hardware."""


def scenario_of(incident: Incident) -> dict[str, Any]:
    """Return the scenario of an incident, as its YAML would say it."""
    stream = RandomStream.named(incident.seed, f"score/{'+'.join(incident.faults)}")
    has_platform = (
        incident.is_of_many
        or _needs_platform(incident)
        or stream.uniform() < 0.5
        or incident.loss is Loss.PLATFORM_LOG
    )
    groups = _groups(incident, stream, has_people=has_platform)
    quiet_s = QUIET_S[stream.index(len(QUIET_S))]
    if incident.is_wide:
        return _wide(incident, groups, stream, quiet_s=quiet_s, has_platform=has_platform)
    entries = [
        entry
        for name in incident.faults
        for entry in _entries(name, incident, groups, stream, quiet_s=quiet_s)
    ]
    cars = sum(group["count"] for group in groups)
    stages = _stages(cars, quiet_s, _tail_s(incident))
    scenario = _scenario(incident, groups, entries)
    return scenario | _demand(incident, stages, stream, has_platform=has_platform)


def _scenario(
    incident: Incident, groups: list[dict[str, Any]], entries: list[dict[str, Any]]
) -> dict[str, Any]:
    scenario: dict[str, Any] = {
        "description": f"drawn to be diagnosed: {', '.join(incident.faults) or 'a healthy fleet'}",
        "seed": incident.seed,
        "fleet": {"groups": groups},
        "faults": entries,
    }
    if incident.loss is Loss.MAPPED_WIRE:
        scenario["fleet"]["profile"] = MAPPED_WIRE
    return scenario


def _demand(
    incident: Incident, stages: list[dict[str, Any]], stream: RandomStream, *, has_platform: bool
) -> dict[str, Any]:
    """Return the keys of a scenario that say who opens cars."""
    if has_platform:
        return _with_customers(incident, stages)
    taps = max((its.double_taps for its in _drawings(incident)), default=0.0)
    return {
        "load": {
            "stages": stages,
            "deadline_s": DEADLINES_S[stream.index(len(DEADLINES_S))],
            "double_taps": taps,
            **_life(incident),
        }
    }


def _wide(
    incident: Incident,
    groups: list[dict[str, Any]],
    stream: RandomStream,
    *,
    quiet_s: float,
    has_platform: bool,
) -> dict[str, Any]:
    """Return the scenario of a widely drawn incident."""
    lengths = lengths_s(incident, stream)
    until_s = sum(lengths) + GAP_S[1] * (len(lengths) - 1)
    widen_groups(groups, until_s, stream)
    entries = []
    start_s = quiet_s
    for name, length_s in zip(incident.faults, lengths, strict=False):  # a healthy fleet has none
        usual = _entries(name, incident, groups, stream, quiet_s=quiet_s)
        parameters = wide_parameters(name, usual[0]["parameters"], length_s, stream)
        for one in usual:
            if one["name"] == name:
                one["parameters"] = parameters
        if is_rare(name, parameters):
            usual = [{**usual[0], "target": {}}]
        entries += reshaped(usual, start_s, length_s)
        start_s += length_s + log_uniform(GAP_S, stream)
    cars = sum(group["count"] for group in groups)
    stages = wide_stages(cars, quiet_s, until_s, _tail_s(incident))
    scenario = _scenario(incident, groups, entries)
    scenario |= _demand(incident, stages, stream, has_platform=has_platform)
    if has_platform:
        scenario["platform"] = {**habits(stream), **scenario.get("platform", {})}
        if stream.uniform() < POLLS:
            customers = scenario["customers"]
            customers["phone"] = {**customers.get("phone", {}), "wait_s": 0}
    return scenario


def _stages(cars: int, quiet_s: float, tail_s: float) -> list[dict[str, Any]]:
    """Return when unlocks start: often while faults are at work, less often afterwards."""
    rate_per_s = UNLOCKS_PER_CAR * cars / ARRIVALS_S
    return [
        {"kind": "poisson", "rate_per_s": round(rate, 4), "duration_s": duration_s}
        for rate, duration_s in ((rate_per_s, quiet_s + ARRIVALS_S), (rate_per_s / 3, tail_s))
    ]


def _tail_s(incident: Incident) -> float:
    return SHORT_TAIL_S if incident.is_short else TAIL_S


def _life(incident: Incident) -> dict[str, float]:
    lives_s = [its.command_ttl_s for its in _drawings(incident) if its.command_ttl_s is not None]
    return {"command_ttl_s": max(lives_s)} if lives_s else {}


def _with_customers(incident: Incident, stages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the keys of a scenario in which people rent."""
    customers: dict[str, Any] = {
        "stages": stages,
        "walk": {"base_s": 5, "spread_s": 20},
        "drive": {"base_s": 30, "spread_s": 60},
    }
    platform: dict[str, Any] = _life(incident)
    for name in incident.faults:
        customers |= FAULTS[name].drawing.customers or {}
        platform |= _platform_for(name)
    return {"customers": customers, **({"platform": platform} if platform else {})}


def _drawings(incident: Incident) -> list[Drawing]:
    return [FAULTS[name].drawing for name in incident.faults]


def _platform_for(name: str) -> Mapping[str, Any]:
    """Return how the platform must be so that a fault shows: as in its mode's recipe."""
    mode = FAULTS[name].mode
    return {} if mode is None else mode.recipe.platform


def _needs_platform(incident: Incident) -> bool:
    return any(
        Need.PLATFORM in FAULTS[name].needs
        or _platform_for(name)
        or FAULTS[name].drawing.customers is not None
        for name in incident.faults
    )


def _groups(incident: Incident, stream: RandomStream, *, has_people: bool) -> list[dict[str, Any]]:
    """Return cars of all kinds, so that no two dimensions say the same; or all of one kind."""
    size = round(log_uniform((SMALLEST, LARGEST), stream))
    if incident.is_short:
        size = SMALLEST
    drawings = _drawings(incident)
    heartbeats_s = _from(HEARTBEATS_S, [its.heartbeat_from_s for its in drawings])
    heartbeat_s = heartbeats_s[stream.index(len(heartbeats_s))]
    is_one_model = stream.uniform() >= OF_SEVERAL_MODELS
    asleep = stream.between(0.3, 0.6) if any(its.needs_sleepers for its in drawings) else 0.0
    is_mixed = stream.uniform() >= ALL_ALIKE or any(
        not VALUES.keys().isdisjoint(its.strikes_alike) for its in drawings
    )
    keepalives_s = _from(KEEPALIVES_S, [its.keepalive_from_s for its in drawings])
    has_talkers = any(its.needs_talkers for its in drawings)
    has_old_modems = any(its.needs_old_modems for its in drawings)
    is_by_release = has_talkers and stream.uniform() < 0.5
    regions = _number_of_regions(incident)
    groups = []
    for number in range(8):
        box: dict[str, Any] = {
            "heartbeat_s": heartbeat_s,
            "keepalive_s": keepalives_s[stream.index(len(keepalives_s))],
            "door_opens": None if has_people else {"base_s": 3.0, "spread_s": 8.0},
        }
        if has_old_modems and number % 3 == 0:
            box["radio"] = {"technology": OLD_MODEMS[stream.index(2)]}
        if not is_one_model:
            box["heartbeat_s"] = heartbeats_s[stream.index(len(heartbeats_s))]
        if incident.loss is Loss.HEARTBEATS:
            box["heartbeat_s"] = 0
        if asleep:
            box["asleep_share"] = round(asleep, 3)
        kind = number if is_mixed else 0
        if has_talkers:
            is_one = bool(kind >> 2 & 1) if is_by_release else stream.uniform() < 0.4
            box["heartbeat_s"] = CHATTY_HEARTBEAT_S if is_one else box["heartbeat_s"]
        hardware = HARDWARES[stream.index(2)] if is_mixed else HARDWARES[0]
        groups.append(
            {
                "name": f"g{number}",
                "count": size + stream.index(6),
                "region": REGIONS[number % regions],
                "operator": OPERATORS[kind >> 1 & 1],
                "firmware": FIRMWARES[kind >> 2 & 1],
                "hardware": "tcu-1" if "radio" in box else hardware,
                "box": box,
            }
        )
    return groups


def _number_of_regions(incident: Incident) -> int:
    """Return in how many regions the cars stand."""
    # Every third group has old modems, so they are not one region's.
    has_old_modems = any(its.needs_old_modems for its in _drawings(incident))
    return 3 if incident.seed % 5 in IN_THREE_REGIONS and not has_old_modems else 2


def _from(numbers: Sequence[int], least: Sequence[int]) -> list[int]:
    """Return the numbers with which all faults of an incident can show."""
    least_of_all = max(least, default=0)
    return [number for number in numbers if number >= least_of_all]


def _entries(
    name: str,
    incident: Incident,
    groups: list[dict[str, Any]],
    stream: RandomStream,
    *,
    quiet_s: float,
) -> list[dict[str, Any]]:
    """Return the entries of one fault: one for each car, or one for all that it strikes."""
    parameters = _parameters(name, incident, stream)
    drawing = FAULTS[name].drawing
    options = drawing.strikes_alike
    together = options[stream.index(len(options))] if options else None
    is_single = together is None and FAULTS[name].strikes is not Strikes.PLATFORM
    may_be_alike = drawing.may_strike_alike
    if is_single and (incident.is_of_many or (may_be_alike and stream.uniform() < AT_ONE_PLACE)):
        options = may_be_alike or ("group",)
        together, is_single = options[stream.index(len(options))], False
    if is_single:
        return _on_single_cars(name, incident, parameters, groups, stream, quiet_s=quiet_s)
    start_s = quiet_s + stream.between(0, 60)
    end_s = _end_s(incident, start_s + stream.between(150, 350), quiet_s=quiet_s)
    window = {"start_s": round(start_s, 1), "end_s": round(end_s, 1)}
    target: dict[str, Any] = {}
    if together == "group":
        target["group"] = groups[stream.index(len(groups))]["name"]
    if together in VALUES:
        values = [value for value in VALUES[together] if any(g[together] == value for g in groups)]
        target[together] = values[stream.index(len(values))]
    if drawing.is_in_one_region:
        target["region"] = REGIONS[stream.index(2)]
    if together == "some":
        ids = _ids(groups)
        number = max(round(len(ids) * stream.between(0.1, 0.2)), 6)
        target["ids"] = [ids.pop(stream.index(len(ids))) for _ in range(number)]
    entries = [{"name": name, "target": target, "window": window, "parameters": parameters}]
    if drawing.brought_out_by is not None:
        other, its = drawing.brought_out_by
        later = {"start_s": round(start_s + 40, 1), "end_s": window["end_s"]}
        entries.append({"name": other, "target": target, "window": later, "parameters": its})
    return entries


def _ids(groups: list[dict[str, Any]]) -> list[str]:
    return [f"{group['name']}-{number:05d}" for group in groups for number in range(group["count"])]


def _on_single_cars(
    name: str,
    incident: Incident,
    parameters: dict[str, Any],
    groups: list[dict[str, Any]],
    stream: RandomStream,
    *,
    quiet_s: float,
) -> list[dict[str, Any]]:
    ids = _ids(groups)
    struck = max(round(len(ids) * stream.between(*STRUCK)), 4)
    entries = []
    for _ in range(struck):
        vehicle_id = ids.pop(stream.index(len(ids)))
        start_s = quiet_s + stream.between(0, ARRIVALS_S / 2)
        length_s = stream.between(120, ARRIVALS_S + quiet_s - start_s)
        end_s = _end_s(incident, start_s + length_s, quiet_s=quiet_s)
        entries.append(
            {
                "name": name,
                "target": {"ids": [vehicle_id]},
                "window": {"start_s": round(start_s, 1), "end_s": round(end_s, 1)},
                "parameters": parameters,
            }
        )
    return entries


def _end_s(incident: Incident, usual_s: float, *, quiet_s: float) -> float:
    """Return when a fault ends, or the end of the run where it outlasts the monitor's looks."""
    is_learned = not (incident.is_held_out or incident.is_of_many)
    outlasts = incident.outlasts or (is_learned and incident.seed % OUTLASTS == 0)
    return quiet_s + ARRIVALS_S + _tail_s(incident) if outlasts else usual_s


def _parameters(name: str, incident: Incident, stream: RandomStream) -> dict[str, Any]:
    wider = WIDER if incident.is_held_out else 0.0
    drawing = FAULTS[name].drawing
    learned = drawing.learned_variants or drawing.variants
    variants = drawing.variants if incident.is_held_out else learned
    drawn = FAULTS[name].drawn_severity(stream, wider=wider)
    return {**drawn, **variants[stream.index(len(variants))]}
