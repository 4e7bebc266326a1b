"""The scenario of an incident: its slice of the fleet, its timing, and its mode as a fault.

It holds nothing personal: cars have generated ids, and accounts, bookings and positions are left
out. Times count from the first unlock. If unlocks ended of several causes, it expects only each
that another box would show.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, Final, TypeVar

import msgspec

from fleet_wire.config.file import yaml_text
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.mode import Layer
from fleet_wire.modes.recipe import Recipe, Values
from platform_probe.tell.export.incident import Incident, Unlock
from platform_probe.tell.export.recipes import PEOPLE, merge, recipe_for

DURATION_S: Final = 50.0
"""Unlocks start, or customers come, for so long [E]."""
ENOUGH: Final = 40
"""Unlocks of cars that are struck: with fewer, cars and unlocks are multiplied, so that chance does
not decide whether one fails [E]."""
MOST_STRUCK: Final = 100
OTHERS_PER_STRUCK: Final = 3
"""Other unlocks for each failed one; above that, one in two is kept, or in three, and so on [E]."""
LEAST_SHARE: Final = 0.1
"""The share of failed unlocks from which a run must show their cause too [E]."""
SEED: Final = 1
INCIDENT: Final = "incident"
ELSEWHERE: Final = "elsewhere"
"""The groups of other cars: a fault is aimed by it without a sign on the wire.

A site would be one: the monitor would find by it the answer that it should find without.
"""
_ABOVE_THE_CARS: Final = (Layer.PHONE, Layer.GATEWAY, Layer.BOOKING, Layer.COMMAND)
_ABOUT: Final = """\
#
# Which cars were alike, and the order of unlocks, are those of the incident. Ids are made up;
# numbers may be multiplied or thinned out, and times drawn together, so that a minute shows it.
"""
_LETTERS: Final = 98
_T = TypeVar("_T")


def text_of(incident: Incident) -> str:
    """Return the scenario as the text of its file."""
    mode = MODES[incident.mode]
    about = "\n".join(f"# {line}" for line in wrap(mode.engineer, _LETTERS))
    return f"{about}\n{_ABOUT}\n{yaml_text(scenario_of(incident))}"


def scenario_of(incident: Incident) -> Values:
    """Return the scenario as plain values."""
    recipe, ends = _recipe_of(incident), ends_of(incident)
    struck = _thinned(incident.struck, MOST_STRUCK)
    meanwhile = [one for one in incident.others if one.at_s >= struck[0].at_s]
    others = _thinned(meanwhile, OTHERS_PER_STRUCK * len(struck))
    times_of = math.ceil(ENOUGH / len(struck))
    cars_of = times_of / recipe.unlocks_per_car
    groups: list[Values] = []
    for end in ends:
        its = [one for one in struck if _outcome_to_repeat(one, ends) == end] or [end]
        box = recipe_for(incident.mode, cause=end.cause, reason=end.reason).box
        cars = _groups(INCIDENT, its, cars_of, first=len(groups) + 1)
        groups += [{**each, "box": copy.deepcopy(box)} for each in cars]  # YAML would tie them up
    beside = others or (struck if recipe.asks == "others" else [])
    groups += _groups(ELSEWHERE, beside, cars_of)
    ended = " and ".join(one.cause or "an unlock that looked well" for one in ends)
    return {
        "description": f"Exported: {incident.mode}, seen as {ended}.",
        "seed": SEED,
        "fleet": {"groups": [_without_empty(group) for group in groups]},
        **_demand(incident, recipe, _times_s(recipe, struck, others, times_of), groups),
        "faults": _faults(incident.mode, recipe, groups),
        "expect": {_proof(end): {"min": 1} for end in ends},
    }


def ends_of(incident: Incident) -> list[Unlock]:
    """Return an unlock for each cause that is to be seen: that of the model first.

    Another one is seen beside it where only what its boxes are like is different, and many enough
    ended so.
    """
    model, recipe = incident.model, _recipe_of(incident)
    found = [model]
    for cause, count in Counter(one.cause for one in incident.struck).most_common():
        if cause == model.cause or cause is None or count < LEAST_SHARE * len(incident.struck):
            continue
        one = next(one for one in incident.struck if one.cause == cause)
        other = recipe_for(incident.mode, cause=cause, reason=one.reason)
        if other != recipe and msgspec.structs.replace(other, box=recipe.box) == recipe:
            found.append(one)
    return found


def _recipe_of(incident: Incident) -> Recipe:
    model = incident.model
    return recipe_for(incident.mode, cause=model.cause, reason=model.reason)


def _outcome_to_repeat(unlock: Unlock, ends: Sequence[Unlock]) -> Unlock:
    """Return the end as which an unlock is done again: its own, or else the first."""
    return next((end for end in ends if end.cause == unlock.cause), ends[0])


def _demand(
    incident: Incident, recipe: Recipe, at_s: list[float], groups: Sequence[Values]
) -> Values:
    """Return customers where they matter, else unlocks over MQTT."""
    stages = [{"kind": "times", "at_s": at_s, "duration_s": DURATION_S}]
    is_above = MODES[incident.mode].layer in _ABOVE_THE_CARS and incident.model.by_api
    if recipe.customers is None and not is_above:
        return {"load": {"stages": stages, **recipe.load}}
    customers: Values = {"stages": stages, **copy.deepcopy(PEOPLE)}
    merge(customers, recipe.customers or {})
    struck = incident.struck if recipe.asks == "all" else ()
    asked = (*struck, *incident.others)
    apps = Counter(one.app_version for one in asked if one.app_version is not None)
    if apps:
        versions = [{"version": name, "share": number} for name, number in apps.most_common()]
        merge(customers, {"phone": {"app_versions": versions}})
    if recipe.asks == "others":
        customers["targets"] = {"group": _named(ELSEWHERE, groups)}
    return {"customers": customers, **({"platform": recipe.platform} if recipe.platform else {})}


def _faults(mode: str, recipe: Recipe, groups: Sequence[Values]) -> list[Values]:
    its = {"name": mode, "window": recipe.window, "parameters": recipe.parameters}
    entries = [_without_empty(its), *recipe.besides]
    return [{**each, "target": {"group": _named(INCIDENT, groups)}} for each in entries]


def _named(whose: str, groups: Sequence[Values]) -> str | list[str]:
    """Return the name of the groups of cars of the incident, or elsewhere; the one if it is one."""
    names = [group["name"] for group in groups if group["name"].startswith(whose)]
    return names[0] if len(names) == 1 else names


def _proof(model: Unlock) -> str:
    """Return the key of the summary that counts what is to be seen again."""
    if model.is_complaint:
        return "complaints.without_unlock"
    if model.cause is None:
        return "injected.touched.ok"
    return f"injected.touched.by_cause.{Cause(model.cause)}"


def _groups(
    whose: str, unlocks: Sequence[Unlock], times: float, *, first: int = 1
) -> list[dict[str, Any]]:
    """Return the cars of these unlocks, those alike together; `first` numbers them."""
    cars = Counter({one.vehicle_id: one.traits for one in unlocks}.values())
    return [
        {
            "name": f"{whose}-{number}",
            "count": math.ceil(count * times),
            **dict(traits),
        }
        for number, (traits, count) in enumerate(cars.most_common(), start=first)
    ]


def _times_s(
    recipe: Recipe, struck: Sequence[Unlock], others: Sequence[Unlock], times_of: int
) -> list[float]:
    """Return when unlocks begin: as they began, drawn together to fit, and so many times over."""
    asked = recipe.asked
    first_s = struck[0].at_s
    began_s = [one.at_s - first_s for one in (*struck, *others)]
    room_s = asked["until_s"] - asked["from_s"]
    longest_s = room_s if times_of == 1 else room_s / 2
    span_s = max(began_s)
    scale = min(1.0, longest_s / span_s) if span_s else 1.0
    step_s = (room_s - span_s * scale) / times_of
    return sorted(
        round(asked["from_s"] + at_s * scale + number * step_s, 3)
        for at_s in began_s
        for number in range(times_of)
    )


def _thinned(unlocks: Sequence[_T], most: int) -> Sequence[_T]:
    return unlocks[:: math.ceil(len(unlocks) / most)] if unlocks else unlocks


def _without_empty(values: Values) -> Values:
    return {key: value for key, value in values.items() if value not in ({}, [])}
