"""Writes the messages of one topic of a mapped profile, as a box or the platform sends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fleet_wire.contract.messages import Command, WireMessage
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.encodings import encoding_of
from fleet_wire.profiles.fields import ATTRIBUTES, FIELDS, Type, Write, sent_values, writer
from fleet_wire.profiles.form import MessageForm
from fleet_wire.profiles.pointers import tokens_of
from fleet_wire.profiles.profile import Packet
from fleet_wire.profiles.reading import TEXT
from fleet_wire.profiles.telling import ANYTHING, wanted_values
from fleet_wire.profiles.topic_templates import CLIENT, COMMAND, VEHICLE, TopicTemplate

PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""`{field}` in what is sent."""
SAYS: Final = {
    TopicKind.COMMAND: "action",
    TopicKind.RESULT: "phase",
    TopicKind.PRESENCE: "status",
}
"""The word that a message of a kind is about: a topic that cannot say it does not get it."""
BESIDE: Final = ("action", "detail")
"""Places that may be used everywhere: what the command asked, and what is said besides."""
READINGS: Final = frozenset({TopicKind.STATE, TopicKind.TELEMETRY})
"""Kinds that say what a box knows: a topic whose text it does not know has nothing to say."""

_Fill = Callable[[Mapping[str, Any]], Any]


class Writer:
    """Writes what goes out on one topic."""

    def __init__(
        self,
        kind: TopicKind,
        form: MessageForm,
        template: TopicTemplate,
        variables: Mapping[str, str],
    ) -> None:
        self._kind = kind
        self._template = template
        self._qos, self._retain = form.qos, form.retain
        self._encode = str.encode if form.payload == TEXT else encoding_of(form).encode
        self._writes: dict[str, Write] = {}
        self._words: dict[Any, Any] | None = None
        self._levels: dict[str, str] = {}
        """The fields that fill each named level."""
        self._note_fields(form)
        about = SAYS.get(kind, "")
        self._payload = _payload(form, dict(variables), about=about)
        self._reading = _text_field(form, about) if kind in READINGS else ""
        """The field that the whole message is; empty where there is none."""

    def _note_fields(self, form: MessageForm) -> None:
        about = SAYS.get(self._kind)
        for name, field in form.fields.items():
            info = FIELDS[self._kind][name]
            self._writes[name] = writer(info, field)
            if name == about:
                self._words = sent_values(info, field)
            if field.at is not None and field.at.startswith("{"):
                self._levels[field.at[1:-1]] = name

    def can_say(self, message: WireMessage) -> bool:
        """Return whether this topic has a word for what the message is about."""
        about = SAYS.get(self._kind)
        return about is None or self._words is None or getattr(message, about) in self._words

    def write(
        self, vehicle_id: str, message: WireMessage, command: Command | None
    ) -> Packet | None:
        """Return what to publish; None where a level of the topic, or a reading, has no value."""
        values = self._values(message, command)
        values[VEHICLE] = vehicle_id
        levels = {**values, **{level: values.get(name) for level, name in self._levels.items()}}
        if any(levels.get(name) is None for name in self._template.names if name):
            return None
        if self._reading and values.get(self._reading) is None:
            return None
        data = self._encode(self._payload(values))
        return self._template.fill(levels), data, self._qos, self._retain

    def _values(self, message: WireMessage, command: Command | None) -> dict[str, Any]:
        """Return the fields of a message as the fleet writes them."""
        values: dict[str, Any] = {}
        for name, info in FIELDS[self._kind].items():
            value = getattr(message, ATTRIBUTES.get(name, name), None)
            if value is None:
                continue
            if name == COMMAND and CLIENT in self._template.names:
                values[CLIENT], _, value = value.rpartition("/")
            write = self._writes.get(name)
            values[name] = value if write is None else write(value)
            if info.type is Type.TEXT and value == "":
                del values[name]
        if command is not None:
            say = self._writes.get("action")
            asked = command.action.value if say is None else say(command.action)
            values.setdefault("action", asked)
        detail = getattr(message, "detail", None) or getattr(message, "reason", None) or ""
        said = {**values, "detail": str(detail)}
        return {name: _filled(value, said) for name, value in values.items()}


def _filled(value: Any, said: Mapping[str, Any]) -> Any:
    """Return a word of the fleet with what it holds of the message: `Failed: {detail}`."""
    if not isinstance(value, str) or "{" not in value:
        return value
    return PLACE.sub(lambda found: str(said.get(found[1], found[0])), value)


def _payload(form: MessageForm, variables: Mapping[str, str], *, about: str) -> _Fill:
    """Return what makes a payload of the fields' values."""
    if form.send is not None:
        template = _with_variables(form.send, variables)
        return lambda values: _instance(template, values)
    if form.payload == TEXT:
        first = _text_field(form, about)
        return lambda values: _as_text(values.get(first), variables)
    said = [
        (tokens_of(pointer), values[0])
        for pointer, values in wanted_values(form).items()
        if values[0] != ANYTHING
    ]
    places = [
        (tokens_of(field.at), name)
        for name, field in form.fields.items()
        if field.at is not None and field.at.startswith("/")
    ]

    def payload(values: Mapping[str, Any]) -> Any:
        document: dict[str, Any] = {}
        for tokens, value in said:
            _put_value(document, tokens, value)
        for tokens, name in places:
            if values.get(name) is not None:
                _put_value(document, tokens, values[name])
        return _with_lists(document)

    return payload


def _text_field(form: MessageForm, about: str) -> str:
    """Return the field that is sent as the text; empty where `send` or the topic says it all."""
    if form.send is not None or form.payload != TEXT:
        return ""
    names = [name for name, field in form.fields.items() if field.at == TEXT]
    return about if about in names else next(iter(names), "")


def _as_text(value: Any, variables: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(_with_variables("" if value is None else str(value), variables))


def _with_variables(template: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(template, dict):
        return {key: _with_variables(value, variables) for key, value in template.items()}
    if isinstance(template, list):
        return [_with_variables(value, variables) for value in template]
    if isinstance(template, str):
        return PLACE.sub(lambda found: variables.get(found[1], found[0]), template)
    return template


def _instance(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with values; what has none is left out. A null of the template is sent."""
    if isinstance(template, dict):
        made = {key: _instance(value, values) for key, value in template.items()}
        return {
            key: value
            for key, value in made.items()
            if (value is not None or template[key] is None) and not (value == {} and template[key])
        }
    if isinstance(template, list):
        return [_instance(value, values) for value in template]
    if not isinstance(template, str):
        return template
    whole = PLACE.fullmatch(template)
    if whole is not None:
        return values.get(whole[1])
    return PLACE.sub(lambda found: str(values.get(found[1], "")), template)


def places_in(template: Any) -> Iterator[str]:
    """Yield the names in braces of what is sent."""
    if isinstance(template, dict):
        for value in template.values():
            yield from places_in(value)
    elif isinstance(template, list):
        for value in template:
            yield from places_in(value)
    elif isinstance(template, str):
        yield from PLACE.findall(template)


def _with_lists(value: Any) -> Any:
    """Return a document in which what has the keys 0, 1, ... is a list."""
    if not isinstance(value, dict):
        return value
    whole = {key: _with_lists(inner) for key, inner in value.items()}
    is_list = whole and sorted(whole) == sorted(map(str, range(len(whole))))
    return [whole[str(at)] for at in range(len(whole))] if is_list else whole


def _put_value(document: dict[str, Any], tokens: tuple[str, ...], value: Any) -> None:
    """Put a value where a pointer points."""
    place = document
    for token in tokens[:-1]:
        place = place.setdefault(token, {})
    place[tokens[-1]] = value
