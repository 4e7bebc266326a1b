"""Fields of the contract in messages that were heard: found by names and values, and tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.fields import FIELDS, FieldInfo, Type, reader
from fleet_wire.profiles.form import FieldForm
from fleet_wire.profiles.reading import TEXT
from fleet_wire.profiles.topic_templates import COMMAND
from platform_probe.learn.draft_groups import MAX_VALUES, Group, last_word, parent_word
from platform_probe.learn.draft_words import (
    ABOUT,
    FIELD_WORDS,
    beginnings,
    meaning,
    opposite,
    plain,
)

_MILLISECONDS_FROM: Final = 100_000_000_000
"""A time below is in seconds: in milliseconds it would be in 1973."""
OTHERWISE: Final = {"action": "ignored", "phase": "refused", "reason": "failed"}
"""The meaning of an unknown value."""

_NAMED_BY_PARENT: Final = (Type.WORD, Type.NAME)
"""The types of a field that is named after its parent, as in `/error/code`."""
_LEAST_V: Final = 6.0
_MOST_V: Final = 60.0
"""Highest voltage of a car's or a lorry's battery for lights and locks; a drive battery has
hundreds."""
_MILLIVOLTS_FROM: Final = 1000
_SIM_DIGITS: Final = 15
"""An IMSI has as many digits, an ICCID more (ITU-T E.212, E.118): no operator's name is so long."""

Field = dict[str, Any]
"""A field as a profile file has it."""


def fields_of(kind: TopicKind, group: Group) -> dict[str, Field]:
    """Return each field that can be read from every message of a group, except command ids.

    If no other field says what a message is about, the field that says what it is does. An answer
    always gets a reason: otherwise its refusals would look like the broker's. An answer always gets
    a reason: a refusal without one would look like one of the broker's.
    """
    found: dict[str, Field] = {}
    for name, place in _candidate_fields(kind, group):
        if name in found or _leads_through(place, found):
            continue
        info, heard = FIELDS[kind][name], _values(group, place)
        field: Field = {"at": place, **_more(name, info, heard)}
        problem = problem_with(name, info, field, heard) or _implausible(name, field, heard)
        if problem is None:
            found[name] = field
            group.missing.pop((kind, name), None)
        else:
            group.missing.setdefault((kind, name), problem)
    if kind is TopicKind.RESULT and "phase" in found:
        found.setdefault("reason", _reason_in(found["phase"]["at"], group))
    return found


def _reason_in(place: str, group: Group) -> Field:
    """Return the reason that the word of an answer itself gives, else that there is none."""
    if not place.startswith("{"):
        more = _more("reason", FIELDS[TopicKind.RESULT]["reason"], _values(group, place))
        if "values" in more:
            return {"at": place, **more}
    return {"value": OTHERWISE["reason"]}


def _values(group: Group, place: str) -> list[Any]:
    level = group.level(place)
    if place == group.told_at:
        return list(group.told)
    return group.values(place if level is None else level)


def _leads_through(at: str, found: Mapping[str, Field]) -> bool:
    """Return whether a pointer is that of another field, or one leads through the other's value."""
    others = [field["at"] for field in found.values()]
    return at.startswith("/") and any(
        at == one or at.startswith(f"{one}/") or one.startswith(f"{at}/") for one in others
    )


def _candidate_fields(kind: TopicKind, group: Group) -> Iterator[tuple[str, str]]:
    """Yield which field may stand where: the likeliest place of a field first."""
    about = ABOUT.get(kind)
    if about is not None:
        place = _find_word(about, kind, group)
        if place is not None:
            yield about, place
    if group.documents is None:
        yield from _text_places(kind, group, about)
        return
    pointers = [one for one in group.pointers if one != group.told_at]
    named = [(_field_named(kind, last_word(one)), one) for one in pointers]
    within = [(_field_named(kind, parent_word(one)), one) for one in pointers]
    yield from ((name, one) for name, one in named if name not in (None, about, COMMAND))
    for name, one in within:
        if name not in (None, about, COMMAND) and FIELDS[kind][name].type in _NAMED_BY_PARENT:
            yield name, one


def _text_places(kind: TopicKind, group: Group, about: str | None) -> Iterator[tuple[str, str]]:
    if about is None:
        names = (_field_named(kind, plain(word)) for word in reversed(group.constant_levels))
        name = next((name for name in names if name is not None), None)
        if name is not None:
            yield name, TEXT
    elif kind is TopicKind.RESULT and "{phase}" in group.pattern and any(group.values(TEXT)):
        yield "reason", TEXT


def _find_word(about: str, kind: TopicKind, group: Group) -> str | None:
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
    if name == "voltage_v" and max(_numbers(heard), default=0) >= _MILLIVOLTS_FROM:
        return {"scale": 0.001}
    if info.type not in (Type.WORD, Type.FLAG):
        return {}
    if info.type is Type.FLAG and all(isinstance(value, bool | None) for value in heard):
        return {}
    texts = beginnings(name, (as_text(one) for one in heard if one is not None and one != ""))
    known = {
        text: _typed(said, info)
        for text in texts[:MAX_VALUES]
        if (said := meaning(name, text)) is not None and said in info.choices()
    }
    otherwise = OTHERWISE.get(name)
    if otherwise not in info.choices():
        otherwise = None
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


def _implausible(name: str, field: Field, heard: Sequence[Any]) -> str | None:
    """Return why a field cannot be what its name says; None where it can."""
    if name == "voltage_v":
        most_v = max(_numbers(heard)) * field.get("scale", 1.0)
        if not _LEAST_V <= most_v <= _MOST_V:
            return f"{name}: {most_v:g} V is no voltage of a 12 V or 24 V battery"
    elif name == "operator":
        texts = (as_text(value) for value in heard)
        number = next((one for one in texts if one.isdigit() and len(one) >= _SIM_DIGITS), None)
        if number is not None:
            return f"{name}: {number} is the number of a SIM card"
    return None


def _numbers(heard: Sequence[Any]) -> list[float]:
    """Return the numbers in what was heard, those in texts too."""
    found = []
    for value in heard:
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            continue
    return found


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
