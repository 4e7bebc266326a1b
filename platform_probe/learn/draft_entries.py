"""Groups of messages as topics of a profile: the kind of each, and its fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.encodings import looks_like_protobuf
from fleet_wire.profiles.fields import FIELDS
from fleet_wire.profiles.topic_templates import CLIENT, COMMAND
from platform_probe.learn.draft_fields import Field, as_text, fields_of, problem_with
from platform_probe.learn.draft_groups import Group, kinds_of, vehicle_pointers
from platform_probe.learn.draft_ids import Place, ids_of
from platform_probe.learn.draft_topics import VEHICLE, WILD
from platform_probe.learn.draft_words import (
    ABOUT,
    CLIENT_WORDS,
    KIND_WORDS,
    WEAK_KIND_WORDS,
    beginnings,
    meaning,
    words_in,
)

COMMAND_LEVEL: Final = f"{{{COMMAND}}}"
_CLIENT_LEVEL: Final = f"{{{CLIENT}}}"

_LAST_COMMAND: Final = "last_command_id"
_LETTERS_OF_AN_ID: Final = 6
"""A shorter id, such as `17`, may come again by chance."""

_SURE, _BY_A_WEAK_WORD, _BY_VALUES, _BY_NAME = range(4)
"""How a kind was recognised, the surest first."""


@dataclass
class Entry:
    """A topic of a profile."""

    kind: TopicKind
    group: Group
    fields: dict[str, Field]
    id_at: Place | None = None
    """The location of the command's id."""

    @property
    def has_id(self) -> bool:
        """Return whether it carries the id of a command."""
        return COMMAND_LEVEL in self.group.pattern or COMMAND in self.fields

    def forget_id(self) -> None:
        """Reject the location of the id: the values there are no ids of commands."""
        self.fields.pop(COMMAND, None)
        names = (COMMAND_LEVEL, _CLIENT_LEVEL)
        pattern = (WILD if level in names else level for level in self.group.pattern)
        self.group.pattern = tuple(pattern)

    def form(self) -> dict[str, Any]:
        """Return it as a profile file has it."""
        form: dict[str, Any] = {"topic": self.group.template}
        if self.group.payload != "json":
            form["payload"] = self.group.payload
        if self.group.told_at is not None:
            form["when"] = {self.group.told_at: list(self.group.told)}
        if self.group.has_retained:
            form["retain"] = True
        if WILD in self.group.pattern:
            form["heard_only"] = True
        return form | {"fields": self.fields}

    def values_of(self, name: str) -> list[str]:
        """Return what was heard of a field, empty texts aside: `DONE;*` for what begins alike."""
        at = self.fields[name]["at"]
        if at == self.group.told_at:
            return list(self.group.told)
        level = self.group.level(at)
        values = self.group.values(at if level is None else level)
        return beginnings(name, (as_text(one) for one in values if one not in (None, "")))


class _Option(NamedTuple):
    """A candidate kind for a group."""

    entry: Entry
    rank: int


@dataclass
class SortedGroups:
    """Groups that are topics of a profile, and the others with the reason why not."""

    entries: list[Entry] = field(default_factory=list)
    others: list[tuple[Group, str]] = field(default_factory=list)

    def groups(self) -> list[Group]:
        """Return all groups."""
        return [*(one.group for one in self.entries), *(group for group, _ in self.others)]

    def of_kind(self, kind: TopicKind) -> list[Entry]:
        """Return the topics of a kind."""
        return [one for one in self.entries if one.kind is kind]


def sorted_out(groups: Sequence[Group]) -> SortedGroups:
    """Return what each group is taken for: answers and commands as sure as there are any."""
    options = [(group, list(_options(group))) for group in groups]
    for kind in (TopicKind.RESULT, TopicKind.COMMAND):
        first = (some[0] for _, some in options if some)
        best = min((one.rank for one in first if one.entry.kind is kind), default=_BY_NAME)
        options = [
            (group, [one for one in some if one.entry.kind is not kind or one.rank <= best])
            for group, some in options
        ]
    found = SortedGroups()
    for group, some in options:
        if some and not _is_shadow(group):
            found.entries.append(some[0].entry)
        else:
            found.others.append((group, _why_not(group)))
    _name_ids(found)
    return found


def _why_not(group: Group) -> str:
    """Return why a group is no topic of a profile, where that is known."""
    if group.documents is None and all(looks_like_protobuf(one.payload) for one in group.messages):
        return "Protobuf, it seems: a profile needs the fleet's descriptors for it"
    if _is_shadow(group):
        return "a Device Shadow: begin with the profile aws-shadow for it"
    if group.has_retained and TopicKind.COMMAND in kinds_of(group):
        return "retained, and a command never is"
    if VEHICLE not in group.pattern and next(vehicle_pointers(group), None) is None:
        return "nothing looks like the id of a car (--vehicle names one)"
    return next((why for kind in kinds_of(group) for why in group.why_missing(kind)), "")


def _is_shadow(group: Group) -> bool:
    """Return whether the topics are those of AWS IoT's Device Shadow."""
    levels = group.topics[0]
    return levels[:2] == ("$aws", "things") and levels[3:4] == ("shadow",)


# Kinds


def _options(group: Group) -> Iterator[_Option]:
    """Yield what a group may be, the likeliest first."""
    tried: set[TopicKind] = set()
    for kind in kinds_of(group):
        for guess in (kind, TopicKind.STATE) if kind is TopicKind.TELEMETRY else (kind,):
            entry = _entry(guess, group) if guess not in tried else None
            tried.add(guess)
            if entry is not None and (rank := _rank(entry)) is not None:
                yield _Option(entry, rank)
    for kind in (TopicKind.COMMAND, TopicKind.RESULT):
        entry = _entry(kind, group) if group.told_at is None and kind not in tried else None
        if entry is not None and _is_clear(entry):
            yield _Option(entry, _BY_VALUES)


def _entry(kind: TopicKind, group: Group) -> Entry | None:
    """Return a group as one of a kind; None where it does not say what such a message says."""
    if kind is TopicKind.COMMAND and group.has_retained:
        return None
    try:
        fields = fields_of(kind, group)
    except UnicodeDecodeError:
        return None
    fields.pop("vehicle_id", None)
    says_enough = fields and all(
        name in fields for name, info in FIELDS[kind].items() if info.is_needed
    )
    if not says_enough:
        return None
    if VEHICLE not in group.pattern:
        pointer = next(vehicle_pointers(group), None)
        if pointer is None:
            return None
        fields["vehicle_id"] = {"at": pointer}
    return Entry(kind, group, fields)


def _rank(entry: Entry) -> int | None:
    """Return how sure a kind is that the topic's words tell; None where it is another."""
    about = ABOUT.get(entry.kind)
    if about is None:
        return _SURE
    if entry.kind is TopicKind.COMMAND and _has_weak_words(entry.group):
        return _BY_A_WEAK_WORD if _is_clear(entry) else None
    if entry.fields[about].get("values"):
        return _SURE
    return None if entry.kind is TopicKind.PRESENCE else _BY_NAME


def _has_weak_words(group: Group) -> bool:
    words = {word for level in group.constant_levels for word in words_in(level)}
    is_told = group.told_at is not None or "{action}" in group.pattern
    return not is_told and not words & (KIND_WORDS[TopicKind.COMMAND] - WEAK_KIND_WORDS)


def _is_clear(entry: Entry) -> bool:
    """Return whether the word that a message is about can mean nothing else."""
    about = ABOUT[entry.kind]
    words = entry.fields[about].get("values", {})
    return any(meaning(about, word, strictly=True) is not None for word in words)


# Ids


def _name_ids(found: SortedGroups) -> None:
    """Name the ids of commands and answers, and the meaning of other topic levels."""
    commands, answers = found.of_kind(TopicKind.COMMAND), found.of_kind(TopicKind.RESULT)
    asked, answered = ids_of([one.group for one in commands], [one.group for one in answers])
    for entry, at in zip([*commands, *answers], [*asked, *answered], strict=True):
        _put_id(entry, at)
    for entry in list(found.entries):
        for at in entry.group.wilds():
            _name_level(entry, at)
        if entry.kind is TopicKind.COMMAND and WILD in entry.group.pattern:
            found.entries.remove(entry)
            found.others.append((entry.group, "nothing says what stands at +"))
    _name_last_commands(found)


def _name_last_commands(found: SortedGroups) -> None:
    """Name the field in which states repeat the id of the command that moved the lock."""
    ids = {
        said
        for one in found.of_kind(TopicKind.COMMAND)
        if one.id_at is not None
        for said in one.group.values(one.id_at)
        if isinstance(said, str) and len(said) >= _LETTERS_OF_AN_ID
    }
    for entry in found.of_kind(TopicKind.STATE):
        taken = {field["at"] for field in entry.fields.values()}
        for pointer in entry.group.pointers:
            if pointer not in taken and not ids.isdisjoint(_texts(entry.group.values(pointer))):
                entry.fields.setdefault(_LAST_COMMAND, {"at": pointer})
                break


def _texts(values: Sequence[Any]) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def _put_id(entry: Entry, at: Place | None) -> None:
    if isinstance(at, int):
        entry.id_at = at
        entry.group.with_level(at, COMMAND_LEVEL)
    elif at is not None:
        heard = entry.group.values(at)
        field: Field = {"at": at}
        if all(isinstance(value, int) for value in heard):
            field["number"] = True
        if problem_with(COMMAND, FIELDS[entry.kind][COMMAND], field, heard) is None:
            entry.id_at = at
            entry.fields = {COMMAND: field, **entry.fields}


def _name_level(entry: Entry, at: int) -> None:
    """Name a level that is neither car nor command: a client's id, or a constant."""
    group = entry.group
    is_same = len(set(group.values(at))) == 1
    is_free = COMMAND_LEVEL in group.pattern and _CLIENT_LEVEL not in group.pattern
    before = words_in(group.pattern[at - 1]) if at else frozenset()
    if is_free and (not is_same or before & CLIENT_WORDS):
        group.with_level(at, _CLIENT_LEVEL)
    elif is_same and group.told_at is None:
        group.with_level(at, group.topics[0][at])
