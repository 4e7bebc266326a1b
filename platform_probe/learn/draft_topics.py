"""Which levels of the topics that were heard are words, and which are ids of cars or of others."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Final

from fleet_wire.contract.topics import VEHICLE_ID, TopicKind
from platform_probe.learn.draft_words import (
    ABOUT,
    CLIENT_WORDS,
    FIELD_WORDS,
    KIND_WORDS,
    KNOWN_WORDS,
    meaning,
    words_in,
)

Levels = tuple[str, ...]

VEHICLE: Final = "{vehicle_id}"
WILD: Final = "+"
"""A level that is an id, and of no car."""
MANY: Final = 3
"""Number of values above which a level holds ids rather than words, all else alike."""
_NO_IDS: Final = KNOWN_WORDS - FIELD_WORDS[TopicKind.COMMAND]["vehicle_id"]
"""Words that no id has in it; `car-a` may be one."""
_LOOKS_LIKE_ID: Final = re.compile(r"(?=.*\d)[A-Za-z0-9_.-]{4,64}|\d+", re.ASCII)
_LOOKS_GIVEN: Final = re.compile(r"\d+|[0-9a-fA-F-]{16,}", re.ASCII)
"""Ids that a machine gives to something new each time."""


def patterns_of(topics: Iterable[Levels], vehicles: frozenset[str]) -> dict[Levels, Levels]:
    """Return for each topic its levels, with the name in braces of what stands there.

    `{vehicle_id}` for a car; `{phase}`, `{action}` or `{status}` for a word that says it; `+` for
    another id.
    """
    distinct = sorted(set(topics))
    ids = _ids_in(distinct, vehicles)
    shapes = {
        levels: tuple(WILD if level in ids else level for level in levels) for levels in distinct
    }
    for name in ("phase", "action", "status"):
        saying = dict(_with_word_level(name, set(shapes.values())))
        shapes = {levels: saying.get(shape, shape) for levels, shape in shapes.items()}
    cars = _car_levels(shapes, vehicles)
    return {
        levels: tuple(VEHICLE if at == cars.get(shape) else one for at, one in enumerate(shape))
        for levels, shape in shapes.items()
    }


# Ids


def _ids_in(topics: list[Levels], vehicles: frozenset[str]) -> frozenset[str]:
    """Return the levels that are ids: they look like ones, or take their places."""
    looks = {level for levels in topics for level in levels if _LOOKS_LIKE_ID.fullmatch(level)}
    looks = (looks - _constants(topics, looks)) | vehicles
    return frozenset(looks | _spread([one for one in topics if not looks & set(one)]))


def _constants(topics: list[Levels], looks: set[str]) -> set[str]:
    """Return what looks like an id and is part of every topic: a word such as `fleet2`.

    If a topic would have no id left, the longest constant is the id: that of the only car.
    """
    shortest = min(map(len, topics), default=0)
    found = [
        level
        for at, level in enumerate(topics[0][:shortest] if topics else ())
        if level in looks and all(one[at] == level for one in topics)
    ]
    if all(looks & set(one) - set(found) for one in topics):
        return set(found)
    return set(found) - {max(reversed(found), key=len)} if found else set()


def _spread(topics: list[Levels]) -> set[str]:
    """Return the values of the level that has most of them, with all else alike and no words."""
    values: dict[tuple[int, Levels, Levels], set[str]] = defaultdict(set)
    for levels in topics:
        for at, level in enumerate(levels):
            values[at, levels[:at], levels[at + 1 :]].add(level)
    places: dict[tuple[int, int], set[str]] = defaultdict(set)
    for (at, before, after), several in values.items():
        if len(several) >= MANY and not any(words_in(one) & _NO_IDS for one in several):
            places[len(before) + len(after), at] |= several
    best: dict[int, set[str]] = {}
    for (length, _), several in sorted(places.items()):
        if len(several) > len(best.get(length, ())):
            best[length] = several
    return {level for several in best.values() for level in several}


# Levels that are words


def _with_word_level(name: str, shapes: set[Levels]) -> Iterator[tuple[Levels, Levels]]:
    """Yield each shape of which a level says a field, such as `seen` or `done`, and what it is."""
    siblings: dict[tuple[Levels, Levels], set[str]] = defaultdict(set)
    for shape in sorted(shapes):
        for at, level in enumerate(shape):
            if level != WILD and not level.startswith("{"):
                siblings[shape[:at], shape[at + 1 :]].add(level)
    taken: set[Levels] = set()
    for (before, after), words in sorted(siblings.items(), key=lambda one: -len(one[1])):
        members = [(*before, word, *after) for word in sorted(words)]
        if not taken & set(members) and _says(name, words, {*before, *after}):
            taken |= set(members)
            yield from ((one, (*before, f"{{{name}}}", *after)) for one in members)


def _says(name: str, words: set[str], others: set[str]) -> bool:
    """Return whether words that stand at one level are values of a field.

    `others` are the words around: that of answers tells, or two words that mean different things.
    """
    kind = next(kind for kind, about in ABOUT.items() if about == name)
    known = {word: said for word in words if (said := meaning(name, word, strictly=True))}
    foreign = {word for one, of in KIND_WORDS.items() if one is not kind for word in of}
    foreign -= KIND_WORDS[kind]
    if not known or any(words_in(word) & foreign for word in words - set(known)):
        return False
    if name == "action" and "unlock" not in known.values():
        return False
    around = {word for level in others for word in words_in(level)}
    are_several = name != "status" and len(set(known.values())) > 1  # "up", "down": two directions
    return are_several or bool(around & KIND_WORDS[kind])


# Cars


def _car_levels(shapes: Mapping[Levels, Levels], vehicles: frozenset[str]) -> dict[Levels, int]:
    """Return for each shape the level that is a car: what is heard of in most places.

    If two levels vary in equally many topics, the car is the one that comes more often, has fewer
    values, and looks less machine-made. A constant level loses against one whose ids come again.
    """
    ids: dict[Levels, set[Levels]] = defaultdict(set)
    for levels, shape in shapes.items():
        ids[shape].add(
            tuple(level if mark == WILD else "" for level, mark in zip(levels, shape, strict=True))
        )
    places: dict[str, set[tuple[Levels, int]]] = defaultdict(set)
    topics: Counter[str] = Counter()
    for shape, tuples in ids.items():
        for one in tuples:
            for at, value in enumerate(one):
                if value:
                    places[value].add((shape, at))
                    topics[value] += 1

    def score(shape: Levels, at: int) -> tuple[float, ...]:
        counts = Counter(one[at] for one in ids[shape])
        before = set().union(*(words_in(level) for level in shape[max(0, at - 1) : at]))
        return (
            len(vehicles & set(counts)),
            -_is_fixed_beside_many(ids[shape], at),
            fmean(len(places[value]) for value in counts),
            -bool(before & CLIENT_WORDS),
            fmean(topics[value] for value in counts),
            -len(counts),
            -fmean(_LOOKS_GIVEN.fullmatch(value) is not None for value in counts),
            -at,
        )

    found = {}
    for shape, tuples in ids.items():
        scores = [
            (score(shape, at), at)
            for at, level in enumerate(shape)
            if level == WILD and all(VEHICLE_ID.fullmatch(one[at]) for one in tuples)
        ]
        if scores:
            found[shape] = max(scores)[1]
    return found


def _is_fixed_beside_many(tuples: set[Levels], at: int) -> bool:
    """Return whether a level is the same all the time, and another has several, more than once."""
    if len({one[at] for one in tuples}) > 1:
        return False
    counts = (len({one[other] for one in tuples}) for other in range(len(next(iter(tuples)))))
    return any(1 < count < len(tuples) for count in counts)
