"""How each failure mode is brought about again: its recipe, over what holds for all."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.recipe import Recipe, Values

COMMON: Final = Recipe(
    asked={"from_s": 6, "until_s": 46},
    window={"start_s": 5},
    load={"deadline_s": 15, "command_ttl_s": 15},
)
"""The values for all modes; a cause goes over them, and the mode over both, key by key."""
CAUSES: Final = {
    # The broker gives a box up after 1.5 times its keepalive: soon, or not within the run.
    Cause.BOX_OFFLINE: Recipe(box={"keepalive_s": 6}),
    Cause.BOX_SILENT: Recipe(box={"keepalive_s": 240}),
    Cause.DOWNLINK_LOST: Recipe(box={"heartbeat_s": 4}),
    # Under way when it began: the box had confirmed the command.
    Cause.EXECUTION_SILENT: Recipe(asked={"from_s": 3, "until_s": 6}),
    # It arrives in time, but has expired by the box's clock, which is ahead.
    Cause.BOX_SAYS_EXPIRED: Recipe(box={"clock_error": 8}),
}
"""The needs of an unlock that ends of a cause, whatever the mode."""
PEOPLE: Final[Values] = {
    "walk": {"base_s": 3, "spread_s": 5},
    "drive": {"base_s": 20, "spread_s": 20},
}
"""Habits of customers."""


def recipe_for(mode: str, *, cause: str | None, reason: str | None) -> Recipe:
    """Return how a mode is brought about so that it ends of a cause, for a reason of the box."""
    own = MODES[mode].recipe
    ended = None if cause is None else Cause(cause)
    values: Values = {}
    for more in (
        COMMON,
        CAUSES.get(ended) if ended else None,
        own,
        own.causes.get(ended) if ended else None,
        *(its for word, its in own.reasons.items() if word in (reason or "")),
    ):
        if more is not None:
            merge(values, msgspec.to_builtins(more))
    return msgspec.convert(values, Recipe)


def merge(values: Values, more: Mapping[str, Any]) -> None:
    """Put values over others, key by key where both are mappings."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            merge(values[key], value)
        else:
            values[key] = copy.deepcopy(value)
