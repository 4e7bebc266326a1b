"""Messages that were heard, grouped by what their topics have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from fleet_wire.contract.topics import VEHICLE_ID, TopicKind
from fleet_wire.links.link import Message
from fleet_wire.profiles.encodings import document_in
from fleet_wire.profiles.pointers import at as value_at
from fleet_wire.profiles.pointers import tokens_of
from fleet_wire.profiles.reading import TEXT
from platform_probe.learn.draft_topics import VEHICLE, WILD, Levels, patterns_of
from platform_probe.learn.draft_words import (
    ABOUT,
    FIELD_WORDS,
    KIND_WORDS,
    TELLING_WORDS,
    plain,
    words_in,
)

MAX_VALUES: Final = 20
"""Different values of a field that are listed; a field with more holds no words."""
_ODD_AT_MOST: Final = 0.1
"""Share of a topic's messages that may be no JSON where it is a topic of JSON."""
_KINDS_AT_LEAST: Final = 2
"""Kinds that a field tells apart: one that knows less says something else."""


@dataclass
class Group:
    """Messages whose topics differ in ids only, and that are of one kind as far as they say."""

    pattern: Levels
    topics: list[Levels] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    odd: list[Message] = field(default_factory=list)
    """Messages that are no JSON, where nearly all are: no profile could read both."""
    missing: dict[tuple[TopicKind, str], str] = field(default_factory=dict)
    """The reason why a field cannot be read here, by kind and name of the field."""
    told_at: str | None = None
    """The pointer to what says what they are, where there are others on these topics."""
    told: list[str] = field(default_factory=list)
    """The values of that field."""
    kind: TopicKind | None = None
    """The kind that those values mean."""

    @property
    def template(self) -> str:
        """Return the topic, with names for what varies."""
        return "/".join(self.pattern)

    @property
    def constant_levels(self) -> list[str]:
        """Return the levels that are the same for all cars."""
        return [level for level in self.pattern if level != WILD and not level.startswith("{")]

    @property
    def has_retained(self) -> bool:
        """Return whether the broker kept one of them."""
        return any(message.retain for message in self.messages)

    @cached_property
    def documents(self) -> list[dict[str, Any]] | None:
        """Return the payloads as documents of one encoding; None where one is none."""
        found = [document_in(message.payload) for message in self.messages]
        names = {None if one is None else one[0] for one in found}
        return None if len(names) != 1 else [one[1] for one in found if one is not None] or None

    @cached_property
    def payload(self) -> str:
        """Return how the payloads are written, as a profile file has it."""
        first = None if self.documents is None else document_in(self.messages[0].payload)
        return TEXT if first is None else first[0]

    def set_odd_ones_aside(self) -> None:
        """Part what is no document from what is, where that is nearly all."""
        are_read = [document_in(message.payload) is not None for message in self.messages]
        if 1 - _ODD_AT_MOST <= sum(are_read) / len(are_read) < 1:
            rows = list(zip(self.topics, self.messages, are_read, strict=True))
            self.odd = [message for _, message, is_read in rows if not is_read]
            self.topics = [levels for levels, _, is_read in rows if is_read]
            self.messages = [message for _, message, is_read in rows if is_read]

    def why_missing(self, kind: TopicKind) -> Iterator[str]:
        """Yield why fields of a kind cannot be read here."""
        yield from (why for (one, _), why in self.missing.items() if one is kind)

    @cached_property
    def pointers(self) -> list[str]:
        """Return where plain values stand in the documents, the shallow ones first."""
        found = {
            pointer: None for document in self.documents or () for pointer in _leaves(document, "")
        }
        return sorted(found, key=lambda pointer: pointer.count("/"))

    def values(self, place: str | int) -> list[Any]:
        """Return what each message has at a place: `text`, a pointer, or a level by its number.

        Raises `UnicodeDecodeError` for a text that is none.
        """
        if isinstance(place, int):
            return [levels[place] for levels in self.topics]
        if place == TEXT:
            return [message.payload.decode().strip() for message in self.messages]
        tokens = tokens_of(place)
        return [value_at(document, tokens) for document in self.documents or ()]

    def level(self, name: str) -> int | None:
        """Return the level that has a name, such as `{phase}`."""
        return self.pattern.index(name) if name in self.pattern else None

    def cars(self) -> list[str]:
        """Return the car of each message, "" where nothing names it."""
        level = self.level(VEHICLE)
        place = next(vehicle_pointers(self), None) if level is None else level
        return [""] * len(self.messages) if place is None else self.values(place)

    def wilds(self) -> list[int]:
        """Return the levels that are ids of no car."""
        return [at for at, level in enumerate(self.pattern) if level == WILD]

    def with_level(self, at: int, text: str) -> None:
        """Set the text of a level."""
        self.pattern = (*self.pattern[:at], text, *self.pattern[at + 1 :])


def groups_of(heard: Sequence[tuple[Levels, Message]], vehicles: frozenset[str]) -> list[Group]:
    """Return the messages by the pattern of their topics, and by what they say that they are."""
    patterns = patterns_of((levels for levels, _ in heard), vehicles)
    groups: dict[Levels, Group] = {}
    for levels, message in heard:
        pattern = patterns[levels]
        group = groups.setdefault(pattern, Group(pattern))
        group.topics.append(levels)
        group.messages.append(message)
    found = [groups[pattern] for pattern in sorted(groups)]
    for group in found:
        group.set_odd_ones_aside()
        _leave_cars_to_the_payload(group)
    return [part for group in found for part in _split_group(group)]


def _leave_cars_to_the_payload(group: Group) -> None:
    """Drop the level's car if the payload names other cars."""
    at = group.level(VEHICLE)
    if at is None:
        return
    in_topic = group.values(at)
    for pointer in vehicle_pointers(group):
        if in_topic != group.values(pointer):
            is_word = len(set(in_topic)) == 1 < len(in_topic)
            group.with_level(at, in_topic[0] if is_word else WILD)
            return


def vehicle_pointers(group: Group) -> Iterator[str]:
    """Yield where every message of a group names a car."""
    words = FIELD_WORDS[TopicKind.COMMAND]["vehicle_id"]
    for pointer in group.pointers:
        if last_word(pointer) in words and all(
            isinstance(value, str) and VEHICLE_ID.fullmatch(value)
            for value in group.values(pointer)
        ):
            yield pointer


def last_word(pointer: str) -> str:
    """Return how a field is called, as the lists of words have it."""
    return plain(pointer.rpartition("/")[2].rpartition(".")[2])


def parent_word(pointer: str) -> str:
    """Return how the object is called in which a field lies; empty at the top."""
    return last_word(pointer.rpartition("/")[0])


def _split_group(group: Group) -> list[Group]:
    """Return a group parted by what a field says that its messages are, where one does so."""
    for key in (group.documents or [{}])[0]:
        if plain(key) not in TELLING_WORDS:
            continue
        values = [document.get(key) for document in group.documents or ()]
        kinds = {value: kind_in(value) for value in values if isinstance(value, str)}
        told = set(kinds.values()) - {None}
        if len(told) >= _KINDS_AT_LEAST and len(kinds) <= MAX_VALUES and None not in values:
            return _parted(group, key, kinds)
    return [group]


def _parted(group: Group, key: str, kinds: Mapping[str, TopicKind | None]) -> list[Group]:
    parts: dict[TopicKind | None, Group] = {}
    rows = zip(group.topics, group.messages, group.documents or (), strict=True)
    for levels, message, document in rows:
        value = document[key]
        if not isinstance(value, str):
            continue
        kind = kinds[value]
        part = parts.setdefault(kind, Group(group.pattern, told_at=pointer_to(key), kind=kind))
        part.topics.append(levels)
        part.messages.append(message)
        if value not in part.told:
            part.told.append(value)
    return list(parts.values())


def kinds_of(group: Group) -> Iterator[TopicKind]:
    """Yield what a topic may be about, by its last words first."""
    if group.told_at is not None:
        yield from () if group.kind is None else (group.kind,)
        return
    yield from (kind for kind, about in ABOUT.items() if f"{{{about}}}" in group.pattern)
    for level in reversed(group.constant_levels):
        words = words_in(level)
        yield from (kind for kind, known in KIND_WORDS.items() if words & known)
    if group.documents is None and group.constant_levels:
        yield from _kinds_of_a_value(plain(group.constant_levels[-1]))


def _kinds_of_a_value(word: str) -> Iterator[TopicKind]:
    """Yield of which kind a topic is that is called like the one value that it holds."""
    for kind in (TopicKind.STATE, TopicKind.TELEMETRY):
        if any(word in known for known in FIELD_WORDS[kind].values()):
            yield kind


def kind_in(text: str) -> TopicKind | None:
    """Return the first kind of which a word stands in a text."""
    words = words_in(text)
    return next((kind for kind, known in KIND_WORDS.items() if words & known), None)


def pointer_to(key: str) -> str:
    """Return the pointer to a key of a document."""
    token = key.replace("~", "~0").replace("/", "~1")
    return f"/{token}"


def _leaves(value: Any, pointer: str) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{pointer}{pointer_to(key)}")
    elif not isinstance(value, list):
        yield pointer
