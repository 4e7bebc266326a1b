"""The name of a cohort, if several hold the same unlocks. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Final

from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.mode import Layer
from platform_probe.judge.diagnosis.cohorts.counts import Values

Name = frozenset[tuple[int, str]]
"""A conjunction: places of traits with their values."""

MOST_IN_NAME: Final = 2
"""Traits of another name, at most: three that happen to hold the same unlocks say little [E]."""
_PLACE: Final = ("region", "operator", "site")
_BUILD: Final = ("firmware", "hardware")
_ASKED: Final = ("endpoint", "api_release", "app_version")
_STRIKES_BY: Final = {
    Layer.NETWORK: _PLACE,
    Layer.BOX: _BUILD,
    Layer.VEHICLE: _BUILD,
    Layer.ACTUATOR: _BUILD,
    Layer.PHONE: ("app_version",),
    Layer.GATEWAY: _ASKED,
    Layer.BOOKING: _ASKED,
    Layer.COMMAND: _ASKED,
}
"""The traits by which failures of a layer can spread at all: a garage knows no firmware, and a
release that crashes no region. A fault of the broker or an attacker can hit any trait.
"""


def names_of(own: Name, kinds: Collection[Values]) -> list[Name]:
    """Return the conjunctions that hold the same kinds of unlocks as one, the shortest first.

    None holds more than it takes: of a firmware that is an operator's own, that alone.
    """
    inside = [kind for kind in kinds if _is_of_kind(own, kind)]
    outside = [kind for kind in kinds if not _is_of_kind(own, kind)]
    if not inside or not own:
        return [own]
    shared = [
        (place, value)
        for place, value in enumerate(inside[0])
        if value is not None and len({kind[place] for kind in inside}) == 1
    ]
    found: list[Name] = []
    for size in range(1, MOST_IN_NAME + 1):
        for name in map(frozenset, combinations(shared, size)):
            is_short = not any(shorter <= name for shorter in found)
            if is_short and not any(_is_of_kind(name, kind) for kind in outside):
                found.append(name)
    return found or [own]


def in_order(names: Sequence[Mapping[str, str]], mode: str | None) -> list[Mapping[str, str]]:
    """Return names of one cohort, values by traits, that which is to be said first.

    That is the shortest one by which its mode can strike: people act there. Others are said if they
    take no more traits than the first that is given, and stay as they are.
    """
    strikes_by = _STRIKES_BY.get(MODES[mode].layer, ()) if mode in MODES else ()
    fitting = [name for name in names if name and name.keys() <= {*strikes_by}]
    others = [name for name in names if name not in fitting and len(name) <= len(names[0])]
    return [*sorted(fitting, key=len), *others]


def _is_of_kind(one: Name, kind: Values) -> bool:
    return all(kind[place] == value for place, value in one)
