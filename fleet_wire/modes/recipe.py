"""How a failure mode is brought about again within a minute, in the words of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from fleet_wire.contract.causes import Cause

Values = dict[str, Any]
"""Keys of a scenario with their values."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parts of a scenario that show a mode; the fault has the mode's slug.

    Times and chances are such that the mode shows at once and for sure, not as in the field.
    """

    asked: Values = {}
    """The time in which cars are asked for (`from_s`, `until_s`), seconds of the load."""
    window: Values = {}
    parameters: Values = {}
    box: Values = {}
    load: Values = {}
    customers: Values | None = None
    """Customers with phones, whatever path the unlock had; None: none are needed."""
    platform: Values = {}
    besides: Sequence[Values] = []
    """Faults that bring the mode out."""
    unlocks_per_car: float = 1.0
    """More than one where a car must be asked again."""
    asks: Literal["all", "others"] = "all"
    """Others: customers rent cars that the fault does not strike."""
    causes: Mapping[Cause, Recipe] = {}
    """Other values for an unlock that ended of a cause."""
    reasons: Mapping[str, Recipe] = {}
    """Other values for an unlock whose reason has this word."""
