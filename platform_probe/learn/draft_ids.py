"""Find the command's id in commands and answers: the value that both share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.fields import MAX_NAME
from platform_probe.learn.draft_groups import Group, last_word
from platform_probe.learn.draft_words import FIELD_WORDS

Place = int | str
"""A level of the topic, or a pointer into the payload."""
Columns = dict[Place, list[str]]
"""The values at each location, one for each message of a group."""

_NAMES: Final = FIELD_WORDS[TopicKind.COMMAND]["command_id"]
_OTHERS: Final = frozenset(
    word
    for kind in (TopicKind.COMMAND, TopicKind.RESULT)
    for name, words in FIELD_WORDS[kind].items()
    if name != "command_id"
    for word in words
)
"""Names of fields that are no ids, however much they differ."""


def ids_of(
    commands: Sequence[Group], answers: Sequence[Group]
) -> tuple[list[Place | None], list[Place | None]]:
    """Return for each group of commands, and of answers, where their id is; None for nowhere.

    It is what differs from command to command and comes again in answers, and among such places
    the one that is called so.
    """
    asked, answered = [_columns(one) for one in commands], [_columns(one) for one in answers]
    again = {text for columns in answered for texts in columns.values() for text in texts}
    pairs = zip(commands, asked, strict=True)
    places = [_of_command(columns, group.cars(), again) for group, columns in pairs]
    found = zip(asked, places, strict=True)
    ids = {text for columns, at in found if at is not None for text in columns[at]}
    return places, [_of_answer(columns, ids) for columns in answered]


def _columns(group: Group) -> Columns:
    """Return what may be an id: it stands in every message, and is not what the car is called."""
    cars = set(group.cars())
    columns = {}
    for place, values in _candidates(group):
        if all(_is_id(value) for value in values):
            texts = [str(value) for value in values]
            if not set(texts) <= cars:
                columns[place] = texts
    return columns


def _candidates(group: Group) -> Iterator[tuple[Place, list[object]]]:
    for at in group.wilds():
        yield at, group.values(at)
    for pointer in group.pointers:
        if last_word(pointer) not in _OTHERS and pointer != group.told_at:
            yield pointer, group.values(pointer)


def _is_id(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and 0 < len(value) <= MAX_NAME)


def _of_command(columns: Columns, cars: list[str], again: set[str]) -> Place | None:
    def score(place: Place) -> tuple[bool, bool, bool, int]:
        linked = len(set(columns[place]) & again)
        return linked > 0, _is_named(place), isinstance(place, int), linked

    fitting = [
        place
        for place, texts in columns.items()
        if 2 * len(set(zip(cars, texts, strict=True))) >= len(texts)
    ]
    best = max(fitting, key=score, default=None)
    return None if best is None or not any(score(best)) else best


def _of_answer(columns: Columns, ids: set[str]) -> Place | None:
    def score(place: Place) -> tuple[bool, bool, bool, int]:
        texts = set(columns[place])
        linked = len(texts & ids)
        return 2 * linked >= len(texts), _is_named(place), isinstance(place, int), linked

    best = max(columns, key=score, default=None)
    if best is None:
        return None
    is_linked, is_named, is_level, _ = score(best)
    return best if is_linked or is_named or (is_level and not ids) else None


def _is_named(place: Place) -> bool:
    return isinstance(place, str) and last_word(place) in _NAMES
