"""Fields of the contract in messages that were heard: found by names and values, and tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.draft_groups import MAX_VALUES, Group, last_word
from fleet_wire.profiles.draft_words import (
    ABOUT,
    FIELD_WORDS,
    beginnings,
    meaning,
    opposite,
    plain,
)
from fleet_wire.profiles.fields import FIELDS, FieldInfo, Type, reader
from fleet_wire.profiles.form import FieldForm
from fleet_wire.profiles.reading import TEXT

_MILLISECONDS_FROM: Final = 100_000_000_000
"""A time below is in seconds: in milliseconds it would be in 1973."""
OTHERWISE: Final = {"action": "ignored", "phase": "refused", "reason": "failed"}
"""What a value is taken for that nobody knows."""

Field = dict[str, Any]
"""A field as a profile file has it."""


def fields_of(kind: TopicKind, group: Group) -> dict[str, Field]:
    """Return each field that every message of a group lets us read, ids of commands aside.

    What says what a message is says what it is about, too, where nothing else does.
    """
    places = dict(_places(kind, group))
    found: dict[str, Field] = {}
    for name, place in places.items():
        info, heard = FIELDS[kind][name], _values(group, place)
        field: Field = {"at": place, **_more(name, info, heard)}
        problem = problem_with(name, info, field, heard)
        if problem is not None:
            group.missing[kind, name] = problem
        elif not _leads_through(place, found):
            found[name] = field
    return found


def _values(group: Group, place: str) -> list[Any]:
    level = group.level(place)
    if place == group.told_at:
        return list(group.told)
    return group.values(place if level is None else level)


def _leads_through(at: str, found: Mapping[str, Field]) -> bool:
    """Return whether one pointer leads through the plain value of another."""
    others = [field["at"] for field in found.values()]
    return at.startswith("/") and any(
        at.startswith(f"{one}/") or one.startswith(f"{at}/") for one in others
    )


def _places(kind: TopicKind, group: Group) -> Iterator[tuple[str, str]]:
    """Yield which field may stand where."""
    about = ABOUT.get(kind)
    if about is not None:
        place = _place_of(about, kind, group)
        if place is not None:
            yield about, place
    if group.documents is None:
        yield from _text_places(kind, group, about)
        return
    taken = {about, "command_id"}
    for pointer in group.pointers:
        name = _field_named(kind, last_word(pointer))
        if name is not None and name not in taken and pointer != group.told_at:
            taken.add(name)
            yield name, pointer


def _text_places(kind: TopicKind, group: Group, about: str | None) -> Iterator[tuple[str, str]]:
    if about is None:
        names = (_field_named(kind, plain(word)) for word in reversed(group.words))
        name = next((name for name in names if name is not None), None)
        if name is not None:
            yield name, TEXT
    elif kind is TopicKind.RESULT and "{phase}" in group.pattern and any(group.values(TEXT)):
        yield "reason", TEXT


def _place_of(about: str, kind: TopicKind, group: Group) -> str | None:
    """Return where the word stands that a message is about: by name and value, or by one."""
    if group.level(f"{{{about}}}") is not None:
        return f"{{{about}}}"
    if group.documents is None:
        return TEXT
    others = [one for one in group.pointers if one != group.told_at]
    named = [one for one in others if last_word(one) in FIELD_WORDS[kind][about]]
    loosely = (one for one in named if _mean(about, group.values(one), strictly=False))
    strictly = (one for one in others if _mean(about, group.values(one), strictly=True))
    told = [group.told_at] if group.told_at is not None and _mean(about, group.told) else []
    return next((one for some in (loosely, strictly, told, named) for one in some), group.told_at)


def _mean(name: str, values: Sequence[Any], *, strictly: bool = False) -> bool:
    texts = beginnings(name, (as_text(value) for value in values if isinstance(value, str | int)))
    return len(texts) <= MAX_VALUES and any(
        meaning(name, text, strictly=strictly) is not None for text in texts
    )


def _field_named(kind: TopicKind, word: str) -> str | None:
    """Return the field that is called so."""
    words = FIELD_WORDS[kind].items()
    return next((name for name, known in words if word in known), None)


def problem_with(name: str, info: FieldInfo, field: Field, heard: Sequence[Any]) -> str | None:
    """Return why a field cannot be read from all that was heard; None where it can."""
    read = reader(name, info, FieldForm.model_validate(field))
    is_needed = info.is_needed or name in ("vehicle_id", "command_id")
    try:
        said = [read(value) for value in heard]
    except RemoteProtocolError as error:
        return str(error)
    has_gap = any(value is None for value in said) if is_needed else set(said) <= {None}
    return f"{name}: a message does not say it" if has_gap else None


def _more(name: str, info: FieldInfo, heard: Sequence[Any]) -> Field:
    if info.type is Type.TIME:
        return _unit(heard)
    if info.type not in (Type.WORD, Type.FLAG):
        return {}
    if info.type is Type.FLAG and all(isinstance(value, bool | None) for value in heard):
        return {}
    texts = beginnings(name, (as_text(one) for one in heard if one is not None and one != ""))
    known = {
        text: _typed(said, info)
        for text in texts[:MAX_VALUES]
        if (said := meaning(name, text)) is not None
    }
    otherwise = OTHERWISE.get(name)
    if name == "status" and known and len(known) < len(texts):
        otherwise = "ignored"
    if info.type is Type.FLAG or name == "status":
        known |= _unsaid(name, info, known)
    more: Field = {"values": known} if known else {}
    return more | ({"otherwise": otherwise} if otherwise else {})


def _unsaid(name: str, info: FieldInfo, known: Mapping[str, Any]) -> Field:
    """Return the other of two words, where only one was heard: it will come."""
    found: Field = {}
    if len(set(known.values())) == 1:
        (text, *_) = known
        other = opposite(text)
        said = None if other is None else meaning(name, other)
        if other is not None and said is not None:
            found[other] = _typed(said, info)
    return found


def _typed(word: str, info: FieldInfo) -> str | bool:
    return word == "true" if info.type is Type.FLAG else word


def _unit(heard: Sequence[Any]) -> Field:
    """Return the unit of times; milliseconds need none."""
    first = next((value for value in heard if value is not None), None)
    if isinstance(first, str):
        return {"unit": "iso"}
    is_seconds = isinstance(first, int | float) and first < _MILLISECONDS_FROM
    return {"unit": "s"} if is_seconds else {}


def as_text(value: Any) -> str:
    """Return a value of JSON as a profile file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
