"""Modes, faults, profiles and sinks of other packages, by their entry points.

A package names it in its `pyproject.toml`, under `[project.entry-points."unlockpath.faults"]` and
the like. The groups are those of `GROUPS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, Final

from fleet_wire.error_text import with_place
from fleet_wire.errors import ConfigError

GROUPS: Final = {
    "unlockpath.modes": "a module with `MODES`",
    "unlockpath.faults": "a module that registers its faults",
    "unlockpath.profiles": "the path of a profile's file",
    "unlockpath.sinks": "a function that makes a sink of the settings",
}
"""The object that an entry point of each group names."""


def names_of_others(group: str) -> list[str]:
    """Return the names of the entry points of a group, in order."""
    return sorted(entry_points(group=group).names)


def added_by_others(group: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and the object of each entry point of a group, in the order of their names.

    Raises `ConfigError` for one that cannot be imported.
    """
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            yield point.name, point.load()
        except Exception as error:
            whose = point.dist.name if point.dist else "a package"
            place = f"entry point '{point.name}' of {group}, from {whose}"
            raise ConfigError([f"{place}: {with_place(error, '/')}"]) from error
