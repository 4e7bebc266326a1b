"""Topic templates: `v1/{vehicle_id}/cmd` as filters, as topics, and recognised again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar

VEHICLE = "vehicle_id"
COMMAND = "command_id"
CLIENT = "client_id"
OWN_NAMES = (VEHICLE, COMMAND, CLIENT)
"""Names that a template may use without further notice."""
ANY = "+"


@dataclass(frozen=True, slots=True)
class TopicTemplate:
    """The levels of a topic: a fixed text, or the name of what stands there."""

    levels: tuple[str, ...]
    """Fixed texts; `+` where something stands."""
    names: tuple[str, ...]
    """The name for each level; "" for a fixed text or a wildcard."""

    @classmethod
    def parse(cls, text: str, variables: Mapping[str, str]) -> TopicTemplate:
        """Return a template. Raises `ValueError` that says what is wrong with it."""
        for name, value in variables.items():
            text = text.replace(f"{{{name}}}", value)
        levels, names = [], []
        for level in text.split("/"):
            if level.startswith("{") and level.endswith("}") and level[1:-1].isidentifier():
                levels.append(ANY)
                names.append(level[1:-1])
            elif "{" in level or "}" in level:
                raise ValueError(f"level '{level}': a name in braces is a whole level")
            elif "#" in level or (ANY in level and level != ANY):
                raise ValueError(f"level '{level}': expected text, or a name in braces")
            else:
                levels.append(level)
                names.append("")
        repeated = [name for name in names if name and names.count(name) > 1]
        if repeated:
            raise ValueError(f"'{{{repeated[0]}}}' stands there twice")
        return cls(tuple(levels), tuple(names))

    def index(self, name: str) -> int | None:
        """Return the level that holds `name`; None where there is none."""
        return self.names.index(name) if name in self.names else None

    def filter(self, vehicle_id: str | None = None) -> str:
        """Return the topic filter for one car, or for all."""
        if vehicle_id is None:
            return "/".join(self.levels)
        pairs = zip(self.levels, self.names, strict=True)
        return "/".join(vehicle_id if name == VEHICLE else level for level, name in pairs)

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the topic. Raises `KeyError` where a value is missing."""
        pairs = zip(self.levels, self.names, strict=True)
        return "/".join(str(values[name]) if name else level for level, name in pairs)

    def overlaps(self, other: TopicTemplate) -> bool:
        """Return whether one topic can fit both."""
        if len(self.levels) != len(other.levels):
            return False
        pairs = zip(self.levels, other.levels, strict=True)
        return all(ANY in (one, two) or one == two for one, two in pairs)


RouteT = TypeVar("RouteT")
_Shape = tuple[Callable[[list[str]], Any], dict[Any, RouteT]]


class TopicIndex(Generic[RouteT]):
    """Finds what a topic belongs to: one dictionary for each shape that templates have.

    A shape is the number of levels and which of them are fixed. Mostly a topic of so many levels
    has one shape, and is found at once.
    """

    def __init__(self, routes: Sequence[tuple[tuple[str, ...], RouteT]]) -> None:
        """Make it from the levels of templates, and what belongs to each."""
        self._by_length: dict[int, list[_Shape[RouteT]]] = {}
        shapes: dict[tuple[int, ...], dict[Any, RouteT]] = {}
        for levels, route in routes:
            fixed = tuple(at for at, level in enumerate(levels) if level != ANY)
            if not fixed:
                raise ValueError("a topic needs a fixed level")
            key = (len(levels), *fixed)
            if key not in shapes:
                shapes[key] = {}
                shape = (itemgetter(*fixed), shapes[key])
                self._by_length.setdefault(len(levels), []).append(shape)
            shapes[key][itemgetter(*fixed)(levels)] = route

    def find(self, levels: list[str]) -> RouteT | None:
        """Return the route of a topic's levels; None where there is none."""
        for fixed_of, routes in self._by_length.get(len(levels), ()):
            route = routes.get(fixed_of(levels))
            if route is not None:
                return route
        return None
