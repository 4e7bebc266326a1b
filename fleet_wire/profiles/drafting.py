"""A first draft of a profile file, from messages that were heard.

It is guessed from words that fleets use in topics and fields, and from which levels of topics vary.
What could not be guessed stands in it as a comment, for somebody who knows the fleet.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec

from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.draft_words import FIELD_WORDS, KIND_WORDS, TELLING_WORDS, VALUE_WORDS
from fleet_wire.profiles.fields import FIELDS, FieldInfo, Type
from fleet_wire.profiles.samples import Sample

MAX_VALUES: Final = 20
"""Different values of a field that are listed; a field with more holds no words."""
MANY: Final = 3
"""So many values of a level, with all else alike, are ids rather than words."""
_KINDS_AT_LEAST: Final = 2
"""Kinds that a field tells apart: one that knows less says something else."""
_LOOKS_LIKE_ID: Final = re.compile(r"(?=.*\d)[A-Za-z0-9_.-]{4,64}")

_ABOUT: Final = {
    TopicKind.COMMAND: "action",
    TopicKind.RESULT: "phase",
    TopicKind.PRESENCE: "status",
}
"""The field that a payload of plain text most likely holds."""
VEHICLE: Final = "{vehicle_id}"
COMMAND: Final = "{command_id}"
_MILLISECONDS_FROM: Final = 100_000_000_000
"""A time below is in seconds: in milliseconds it would be in 1973."""


@dataclass
class _Group:
    """Messages whose topics differ in ids only, and that are of one kind as far as they say."""

    template: str
    payloads: list[bytes] = field(default_factory=list)
    retain: bool = False
    told_at: str | None = None
    """The key of the field that says what they are, where there are others on these topics."""
    told: list[str] = field(default_factory=list)
    """What it says."""
    kind: TopicKind | None = None
    """What that means."""

    @property
    def words(self) -> list[str]:
        """Return the levels that are the same for all cars."""
        return [level for level in self.template.split("/") if not level.startswith("{")]

    @cached_property
    def documents(self) -> list[dict[str, Any]] | None:
        """Return the payloads as JSON objects; None where one is none."""
        found = []
        for payload in self.payloads:
            try:
                document = msgspec.json.decode(payload)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return None
            if not isinstance(document, dict):
                return None
            found.append(document)
        return found


def draft_of(samples: Sequence[Sample], *, mqtt: str, vehicles: Iterable[str] = ()) -> str:
    """Return the text of a profile file; `vehicles` are ids of cars that are known."""
    lines = [
        f"# A first draft, from {len(samples)} messages. Every guess is to be checked:",
        "#   fleet-sim profile check THIS-FILE --sample RECORDED.jsonl",
        "",
        f'mqtt: "{mqtt}"',
    ]
    topics: dict[TopicKind, list[str]] = defaultdict(list)
    named: set[TopicKind] = set()
    unknown = []
    for group in _groups(samples, frozenset(vehicles)):
        kind, fields = _understood(group)
        if kind is None or VEHICLE not in group.template:
            unknown.append(group)
            continue
        topics[kind] += _lines_of(group, fields)
        if COMMAND in group.template or "command_id" in fields:
            named.add(kind)
        if "expires_at" in fields and "expires: true" not in lines:
            lines.append("expires: true")
    if not {TopicKind.COMMAND, TopicKind.RESULT} <= named:
        lines.append("correlation: only_open # no id was found in commands and answers")
    for kind in TopicKind:
        if topics[kind]:
            lines += ["", f"{kind.value}:", *topics[kind]]
        elif kind in (TopicKind.COMMAND, TopicKind.RESULT):
            lines += ["", f"# {kind.value}: nothing was heard that looks like one; it is needed"]
    if unknown:
        lines += ["", "# Not understood:"]
        lines += [f"#   {_quoted(one.template)}  {_shown(one.payloads[0])}" for one in unknown]
    return "\n".join([*lines, ""])


def _understood(group: _Group) -> tuple[TopicKind | None, dict[str, str]]:
    """Return the kind of a group, with its fields; None where too little was recognised.

    A metric that is no telemetry is a part of the car's state.
    """
    kind = group.kind if group.told_at else _kind_of(group)
    for guess in (kind, TopicKind.STATE if kind is TopicKind.TELEMETRY else None):
        fields = {} if guess is None else _fields_of(guess, group)
        if guess is not None and _says_enough(guess, fields):
            return guess, fields
    return None, {}


def _says_enough(kind: TopicKind, fields: Mapping[str, str]) -> bool:
    return bool(fields) and all(
        name in fields for name, info in FIELDS[kind].items() if info.is_needed
    )


def _shown(payload: bytes) -> str:
    return repr(payload[:60])


# Topics


def _groups(samples: Sequence[Sample], vehicles: frozenset[str]) -> list[_Group]:
    """Return the messages by the shape of their topics, ids replaced by names."""
    topics = [sample.topic.split("/") for sample in samples]
    ids = _ids_in(topics, vehicles)
    spread = Counter(value for levels in {tuple(one) for one in topics} for value in set(levels))
    groups: dict[str, _Group] = {}
    for sample, levels in zip(samples, topics, strict=True):
        template = _template(levels, ids, spread, vehicles)
        group = groups.setdefault(template, _Group(template))
        group.payloads.append(sample.as_message().payload)
        group.retain |= sample.retain
    found = sorted(groups.values(), key=lambda group: group.template)
    return [part for group in found for part in _parts_of(group)]


def _parts_of(group: _Group) -> list[_Group]:
    """Return a group parted by what a field says that its messages are, where one does so."""
    for key in (group.documents or [{}])[0]:
        if re.sub(r"[^a-z0-9]", "", key.lower()) not in TELLING_WORDS:
            continue
        values = [document.get(key) for document in group.documents or ()]
        kinds = {value: _kind_in(value) for value in values if isinstance(value, str)}
        told = set(kinds.values()) - {None}
        if len(told) >= _KINDS_AT_LEAST and len(kinds) <= MAX_VALUES and None not in values:
            return _parted(group, key, kinds)
    return [group]


def _parted(group: _Group, key: str, kinds: Mapping[str, TopicKind | None]) -> list[_Group]:
    parts: dict[TopicKind | None, _Group] = {}
    for payload, document in zip(group.payloads, group.documents or (), strict=True):
        value = document[key]
        if value not in kinds:
            continue
        kind = kinds[value]
        new = _Group(group.template, retain=group.retain, told_at=key, kind=kind)
        part = parts.setdefault(kind, new)
        part.payloads.append(payload)
        if value not in part.told:
            part.told.append(value)
    return list(parts.values())


def _ids_in(topics: Sequence[Sequence[str]], vehicles: frozenset[str]) -> frozenset[str]:
    """Return the levels that are ids: they look like ones, or take their places."""
    values: dict[tuple[int, tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
    for levels in {tuple(one) for one in topics}:
        for at, level in enumerate(levels):
            values[at, levels[:at], levels[at + 1 :]].add(level)
    found = {level for levels in topics for level in levels if _LOOKS_LIKE_ID.fullmatch(level)}
    for several in values.values():
        words = {word for kind in KIND_WORDS.values() for word in kind}
        if len(several) >= MANY and not several & words:
            found |= several
    return frozenset(found | vehicles)


def _template(
    levels: Sequence[str],
    ids: frozenset[str],
    spread: Mapping[str, int],
    vehicles: frozenset[str],
) -> str:
    """Return a topic with names for its ids: the car is the one that is in most topics."""
    places = [at for at, level in enumerate(levels) if level in ids]
    known = [at for at in places if levels[at] in vehicles]
    named = list(levels)
    if places:
        car = known[0] if known else max(places, key=lambda at: (spread[levels[at]], -at))
        others = [at for at in places if at != car]
        named[car] = VEHICLE
        for at, name in zip(reversed(others), (COMMAND, "{client_id}"), strict=False):
            named[at] = name
    return "/".join(named)


def _kind_of(group: _Group) -> TopicKind | None:
    """Return what a topic is about, by its last words first."""
    return next((kind for level in reversed(group.words) if (kind := _kind_in(level))), None)


def _kind_in(text: str) -> TopicKind | None:
    """Return the first kind of which a word stands in a text."""
    words = set(re.split(r"[^a-z]+", text.lower()))
    return next((kind for kind, known in KIND_WORDS.items() if words & known), None)


# Payloads


def _lines_of(group: _Group, fields: Mapping[str, str]) -> Iterator[str]:
    yield f"  - topic: {_quoted(group.template)}"
    if group.documents is None:
        yield "    payload: text"
    if group.told_at is not None:
        told = ", ".join(map(_quoted, group.told))
        yield f"    when: {{ {_quoted(_pointer_to(group.told_at))}: [{told}] }}"
    if group.retain:
        yield "    retain: true"
    yield f"    # such as {_shown(group.payloads[0])}"
    yield "    fields:"
    yield from (f"      {name}: {form}" for name, form in fields.items())


def _fields_of(kind: TopicKind, group: _Group) -> dict[str, str]:
    """Return each field that was recognised, and where it stands, as YAML.

    What says what a message is says what it is about, too, where nothing else does.
    """
    telling = None if group.told_at is None else _pointer_to(group.told_at)
    about = _ABOUT.get(kind)
    if group.documents is None:
        texts = [one.decode("utf-8", "replace").strip() for one in group.payloads]
        name = _field_named(kind, group.words[-1] if group.words else "") or _ABOUT.get(kind)
        return {} if name is None else {name: _form(name, FIELDS[kind][name], "text", texts)}
    found: dict[str, str] = {}
    for pointer, values in _flat(group.documents).items():
        name = _field_named(kind, re.split(r"[/.]", pointer)[-1])
        if name is not None and name not in found and pointer != telling:
            found[name] = _form(name, FIELDS[kind][name], _quoted(pointer), values)
    if telling is not None and about is not None and about not in found:
        found[about] = _form(about, FIELDS[kind][about], _quoted(telling), group.told)
    return found


def _field_named(kind: TopicKind, word: str) -> str | None:
    """Return the field that is called so."""
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    words = FIELD_WORDS[kind].items()
    return next((name for name, known in words if plain in known), None)


def _form(name: str, info: FieldInfo, place: str, heard: Sequence[Any]) -> str:
    more = _values(name, info, heard)
    if info.type is Type.TIME:
        more = _unit(heard)
    return f"{{ at: {place}{more} }}" if more or place == "text" else place


def _unit(heard: Sequence[Any]) -> str:
    """Return the unit of times as YAML; milliseconds need none."""
    first = next((value for value in heard if value is not None), None)
    if isinstance(first, str):
        return ", unit: iso"
    is_seconds = isinstance(first, int | float) and first < _MILLISECONDS_FROM
    return ", unit: s" if is_seconds else ""


def _flat(documents: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return every plain value of the documents by its pointer, the shallow ones first."""
    found: dict[str, list[Any]] = {}
    for document in documents:
        for pointer, value in _leaves(document, ""):
            found.setdefault(pointer, []).append(value)
    return dict(sorted(found.items(), key=lambda entry: entry[0].count("/")))


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{pointer}{_pointer_to(key)}")
    elif not isinstance(value, list):
        yield pointer, value


def _pointer_to(key: str) -> str:
    token = key.replace("~", "~0").replace("/", "~1")
    return f"/{token}"


def _values(name: str, info: FieldInfo, heard: Sequence[Any]) -> str:
    """Return the words of a field and what they are taken to mean, as YAML."""
    if info.type not in (Type.WORD, Type.FLAG):
        return ""
    if info.type is Type.FLAG and all(isinstance(value, bool) for value in heard):
        return ""
    texts = list(dict.fromkeys(_text(value) for value in heard if value is not None))[:MAX_VALUES]
    known = {text: word for text in texts if (word := _meaning(name, text)) is not None}
    quoted = ", ".join(f"{_quoted(text)}: {word}" for text, word in known.items())
    line = f", values: {{ {quoted} }}" if known else ""
    otherwise = {"action": "ignored", "phase": "refused"}.get(name)
    if name == "reason":
        otherwise = "failed"
    return f"{line}, otherwise: {otherwise}" if otherwise else line


def _meaning(name: str, text: str) -> str | None:
    """Return what a value is taken to mean: all of it, or the first of its words that is known."""
    whole = re.sub(r"[^a-z0-9]", "", text.lower())
    for word in (whole, *re.split(r"[^a-z0-9]+", text.lower())):
        for meaning, words in VALUE_WORDS.get(name, {}).items():
            if word in words:
                return meaning
    return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    """Return a text as YAML, in letters that every YAML has."""
    escaped = (
        letter if " " <= letter <= "~" and letter not in '"\\' else f"\\U{ord(letter):08x}"
        for letter in text
    )
    return f'"{"".join(escaped)}"'
