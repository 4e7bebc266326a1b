"""How each failure mode is brought about again: `recipes.yaml`, read and put together."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Literal

import msgspec

from fleet_wire.config.file import load_document

Values = dict[str, Any]
"""Keys of a scenario with their values."""

_PACKAGE = "platform_probe.tell.export"
_FILE = "recipes.yaml"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time in which cars are asked for, seconds of the load."""

    from_s: float
    until_s: float


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parts of a scenario that show a mode; see `recipes.yaml`."""

    asked: Asked
    window: Values
    parameters: Values = {}
    box: Values = {}
    load: Values = {}
    customers: Values | None = None
    """The customers that a scenario needs, if it needs any."""
    platform: Values = {}
    besides: list[Values] = []
    unlocks_per_car: float = 1.0
    asks: Literal["all", "others"] = "all"
    causes: dict[str, Values] = {}
    reasons: dict[str, Values] = {}


class _Recipes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    common: Values
    people: Values
    causes: dict[str, Values]
    modes: dict[str, Values]


def recipe_for(mode: str, *, cause: str | None, reason: str | None) -> Recipe:
    """Return how a mode is brought about so that it ends of a cause, for a reason of the box."""
    recipes = _recipes()
    own = recipes.modes[mode]
    values = copy.deepcopy(recipes.common)
    for more in (
        recipes.causes.get(cause or "", {}),
        own,
        own.get("causes", {}).get(cause, {}),
        *(more for word, more in own.get("reasons", {}).items() if word in (reason or "")),
    ):
        merge(values, more)
    return msgspec.convert(values, Recipe)


def people() -> Values:
    """Return how customers are, where they come."""
    return copy.deepcopy(_recipes().people)


def merge(values: Values, more: Mapping[str, Any]) -> None:
    """Put values over others, key by key where both are mappings."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            merge(values[key], value)
        else:
            values[key] = copy.deepcopy(value)


@cache
def _recipes() -> _Recipes:
    with as_file(files(_PACKAGE) / _FILE) as path:
        return msgspec.convert(load_document(path).values, _Recipes)
