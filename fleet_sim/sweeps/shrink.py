"""Makes a scenario smaller for as long as it still shows what it is kept for.

The search is greedy. It tries each way to make the scenario smaller, keeps a reduction that still
shows, and repeats until nothing more can go. See Zeller and Hildebrandt, "Simplifying and isolating
failure-inducing input", 2002. The same seed gives the same result.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from fleet_wire.config.file import Loc, key_text

Values = dict[str, Any]
"""A scenario as plain values, as they stand in its file."""

_LISTS: tuple[Loc, ...] = (
    ("faults",),
    ("fleet", "groups"),
    ("load", "stages"),
    ("customers", "stages"),
)
"""Lists of which entries may go; the longest runs are cut down first."""
_LISTS_THAT_MAY_END = {("faults",)}
_SECTIONS: tuple[Loc, ...] = (("load",), ("customers",), ("platform",))
_STAYS = frozenset({"description", "seed", "kind", "name", "count", "id"})
"""Keys that say what a thing is: without them nothing is smaller."""
_NUMBERS = frozenset({"count", "rate_per_s", "from_rate_per_s", "to_rate_per_s", "per_day"})
"""The keys that make a run large, besides its length."""
_TIMES = frozenset({"duration_s", "start_s", "end_s"})
_SHORTEST_S = 1.0
_FEW_TIMES = 8
"""Number of an entry's times up to which the search drops each one alone."""


class Smaller(NamedTuple):
    """One way to make a scenario smaller."""

    what: str
    """In words, for whoever watches."""
    values: Values


def shrunk(
    values: Values, still_shows: Callable[[Values], bool], on_smaller: Callable[[Smaller], None]
) -> Values:
    """Return the smallest scenario found for which `still_shows` is true.

    `values` itself must show it. No scenario is tried twice. `on_smaller` learns of each step, so
    that what was found is not lost when `still_shows` raises.
    """
    tried = {_key(values)}
    was_smaller = True
    while was_smaller:
        was_smaller = False
        for ways in (
            _without_entries,
            _without_sections,
            _shorter,
            _fewer,
            _fewer_times,
            _without_keys,
        ):
            steps = ways(values)
            while (step := next(steps, None)) is not None:
                if (key := _key(step.values)) in tried:
                    continue
                tried.add(key)
                if still_shows(step.values):
                    values, was_smaller = step.values, True
                    on_smaller(step)
                    steps = ways(values)
    return values


def _key(values: Values) -> bytes:
    return msgspec.json.encode(values, order="sorted")


def _at(values: Any, loc: Loc) -> Any:
    for part in loc:
        values = values.get(part) if isinstance(values, Mapping) else values[part]
        if values is None:
            return None
    return values


def _without(values: Values, loc: Loc) -> Smaller:
    smaller = copy.deepcopy(values)
    del _at(smaller, loc[:-1])[loc[-1]]
    return Smaller(f"without {key_text(loc)}", smaller)


def _without_entries(values: Values) -> Iterator[Smaller]:
    for loc in _LISTS:
        entries = _at(values, loc)
        if isinstance(entries, list) and (len(entries) > 1 or loc in _LISTS_THAT_MAY_END):
            yield from (_without(values, (*loc, index)) for index in range(len(entries)))


def _without_sections(values: Values) -> Iterator[Smaller]:
    yield from (_without(values, loc) for loc in _SECTIONS if loc[0] in values)


def _shorter(values: Values) -> Iterator[Smaller]:
    """Halve all times at once, so that windows stay where they were in the load."""
    smaller = copy.deepcopy(values)
    locs = [loc for loc in _numbers(values, _TIMES) if loc[0] in ("load", "customers", "faults")]
    durations_s = [_at(values, loc) for loc in locs if loc[-1] == "duration_s"]
    if durations_s and max(durations_s) / 2 >= _SHORTEST_S:
        for loc in locs:
            _at(smaller, loc[:-1])[loc[-1]] = _at(values, loc) / 2
        _drop_late(smaller)
        yield Smaller("half as long", smaller)


def _drop_late(values: Values) -> None:
    """Leave out times of a stage that has ended by then; the first one stays within it."""
    for loc in _stages_of_times(values):
        stage = _at(values, loc)
        within = [at_s for at_s in stage["at_s"] if at_s < stage["duration_s"]]
        stage["at_s"] = within or [min(stage["at_s"]) / 2]


def _stages_of_times(values: Values) -> Iterator[Loc]:
    for section in ("load", "customers"):
        for index, stage in enumerate(_at(values, (section, "stages")) or ()):
            if isinstance(stage.get("at_s"), list) and "duration_s" in stage:
                yield section, "stages", index


def _fewer_times(values: Values) -> Iterator[Smaller]:
    """Leave out half of the times at which unlocks start, else one of them."""
    for loc in _stages_of_times(values):
        times = _at(values, loc)["at_s"]
        half = len(times) // 2
        kept = [times[:half], times[half:]] if half else []
        if len(times) <= _FEW_TIMES:
            kept += [[*times[:place], *times[place + 1 :]] for place in range(len(times))]
        for those in filter(None, kept):
            smaller = copy.deepcopy(values)
            _at(smaller, loc)["at_s"] = those
            yield Smaller(f"{key_text((*loc, 'at_s'))}: {len(those)} times", smaller)


def _fewer(values: Values) -> Iterator[Smaller]:
    """Make each number that makes a run large as small as it can be, or half, or three quarters."""
    for loc in _numbers(values, _NUMBERS):
        number = _at(values, loc)
        is_count = isinstance(number, int) and loc[-1] == "count"
        for size in (1, number // 2, number * 3 // 4) if is_count else (number / 2,):
            if 0 < size < number:
                smaller = copy.deepcopy(values)
                _at(smaller, loc[:-1])[loc[-1]] = size
                yield Smaller(f"{key_text(loc)} {size:g}", smaller)


def _without_keys(values: Values) -> Iterator[Smaller]:
    """Leave each key to its default: those further up first, as they take the others along."""
    for section in ("fleet", "load", "customers", "platform", "faults"):
        locs = [loc for loc, _ in _entries(values.get(section), (section,))]
        for loc in sorted(locs, key=len):
            if loc[-1] not in _STAYS:
                yield _without(values, loc)


def _entries(values: Any, at: Loc = ()) -> Iterator[tuple[Loc, Any]]:
    """Yield where each key of a mapping within `values` stands, and its value."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield (*at, key), value
            yield from _entries(value, (*at, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from _entries(value, (*at, index))


def _numbers(values: Any, names: frozenset[str]) -> Iterator[Loc]:
    for loc, value in _entries(values):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if loc[-1] in names and is_number:
            yield loc
