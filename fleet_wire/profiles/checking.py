"""What is wrong with a profile file that its form alone does not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fleet_wire.config.file import Loc
from fleet_wire.contract.messages import Action, Phase
from fleet_wire.contract.topics import TopicKind
from fleet_wire.error_text import suggestion
from fleet_wire.profiles.encodings import encoding_of
from fleet_wire.profiles.fields import FIELDS, FieldInfo, Special, Type
from fleet_wire.profiles.form import FieldForm, MessageForm, ProfileForm, Scalar, Word
from fleet_wire.profiles.gaps import FILL_IN
from fleet_wire.profiles.mapped import has_id, traits_of
from fleet_wire.profiles.pointers import at as value_at
from fleet_wire.profiles.pointers import tokens_of
from fleet_wire.profiles.profile import Correlation
from fleet_wire.profiles.reading import CORRELATION_DATA, TEXT
from fleet_wire.profiles.telling import ANYTHING, are_exclusive, fits, wanted_values
from fleet_wire.profiles.topic_templates import (
    ANY,
    CLIENT,
    COMMAND,
    OWN_NAMES,
    VEHICLE,
    TopicTemplate,
)
from fleet_wire.profiles.writing import BESIDE, PLACE, READINGS, places_in

Problem = tuple[Loc, str]
_Topic = tuple[Loc, TopicKind, MessageForm, TopicTemplate]
_NAMELESS = (Correlation.ONLY_OPEN, Correlation.STATE)
_AS_BYTES = (COMMAND, "last_command_id", "signature")
_BYTES_EXPECTED = f"{', '.join(_AS_BYTES)} can be bytes, where the payload is not json or text"
_SIGNED = ("command_id", "expires_at", "counter", "signature")


def problems_of(form: ProfileForm) -> Iterator[Problem]:
    """Yield everything that is wrong, with its place."""
    topics, found = _parsed(form)
    yield from found
    for at, kind, message, template in topics:
        yield from _topic_problems(at, kind, message, template)
        yield from _payload_problems(at, message)
        yield from _field_problems(at, kind, message, template)
        yield from _pointer_problems(at, message)
        yield from _when_problems(at, message)
        yield from _send_problems(at, kind, message, form)
    if not found:
        yield from _collisions(topics)
        yield from _vehicle_problems(topics)
        yield from _id_problems(form, topics)
        problems = list(_word_problems(form, topics))
        yield from problems
        yield from _signature_problems(form, topics)


def _parsed(form: ProfileForm) -> tuple[list[_Topic], list[Problem]]:
    topics: list[_Topic] = []
    found: list[Problem] = []
    if form.device_shadow is not None and f"{{{VEHICLE}}}" not in form.device_shadow.split("/"):
        found.append((("device_shadow",), "needs the level {vehicle_id}"))
    for kind, messages in form.messages().items():
        for number, message in enumerate(messages):
            at: Loc = (kind.value, number)
            try:
                template = TopicTemplate.parse(message.topic, form.variables)
            except ValueError as error:
                found.append(((*at, "topic"), str(error)))
            else:
                topics.append((at, kind, message, template))
    return topics, found


def _topic_problems(
    at: Loc, kind: TopicKind, message: MessageForm, template: TopicTemplate
) -> Iterator[Problem]:
    taken = {field.at for field in message.fields.values()}
    for name in template.names:
        known = name in FIELDS[kind] or name in OWN_NAMES or f"{{{name}}}" in taken
        if name and not known:
            cure = "name it in variables, or take a field from it"
            yield (*at, "topic"), f"nothing fills '{{{name}}}': {cure}"
    pairs = zip(template.levels, template.names, strict=True)
    if not message.heard_only and any(level == ANY and not name for level, name in pairs):
        yield (
            (*at, "topic"),
            "'+' is for topics with heard_only: what is sent needs a name there",
        )
    if all(level == ANY for level in template.levels):
        yield (*at, "topic"), "needs a level that is always the same"


def _field_problems(
    at: Loc, kind: TopicKind, message: MessageForm, template: TopicTemplate
) -> Iterator[Problem]:
    for name, field in message.fields.items():
        here: Loc = (*at, "fields", name)
        info = FIELDS[kind].get(name)
        if info is None:
            yield here, f"no such field of a {kind.value}{suggestion(name, [*FIELDS[kind]])}"
            continue
        yield from ((here, problem) for problem in _source_problems(field, message, template))
        yield from _value_problems(here, info, field)


def _payload_problems(at: Loc, message: MessageForm) -> Iterator[Problem]:
    """Yield why payloads cannot be written so."""
    try:
        encoding = encoding_of(message)
    except ValueError as error:
        yield (*at, "payload"), str(error)
        return
    for place, pointer in _pointers_of(message):
        objection = encoding.objection(tokens_of(pointer)) if _is_pointer(pointer) else None
        if objection is not None:
            yield (*at, *place), objection
    for name, field in message.fields.items():
        if field.bytes and (name not in _AS_BYTES or message.payload in (TEXT, "json")):
            yield (*at, "fields", name, "bytes"), f"only {_BYTES_EXPECTED}"


def _pointers_of(message: MessageForm) -> Iterator[tuple[Loc, str]]:
    """Yield where a form points into payloads, and what it says there."""
    for name, field in message.fields.items():
        if field.at is not None:
            yield ("fields", name), field.at
    yield from ((("when", pointer), pointer) for pointer in message.when)
    yield from ((("send",), pointer) for pointer in _leaves(message.send, ""))


def _leaves(template: Any, pointer: str) -> Iterator[str]:
    """Yield the pointers to the values of what is sent."""
    if isinstance(template, dict):
        for key, value in template.items():
            yield from _leaves(value, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif pointer:
        yield pointer


def _is_pointer(text: str) -> bool:
    """Return whether a text is a JSON Pointer; others are told of elsewhere."""
    try:
        tokens_of(text)
    except ValueError:
        return False
    return True


def _pointer_problems(at: Loc, message: MessageForm) -> Iterator[Problem]:
    """Yield pointers through the plain value of another: neither could be sent."""
    fields = message.fields.items()
    found: list[tuple[Loc, str, str]] = [
        (("fields", name), name, field.at) for name, field in fields if field.at is not None
    ]
    found += [
        (("when", pointer), "when", pointer)
        for pointer, values in wanted_values(message).items()
        if ANYTHING not in values
    ]
    for _, name, pointer in found:
        for place, _, longer in found:
            if pointer.startswith("/") and longer.startswith(f"{pointer}/"):
                yield (*at, *place), f"'{longer}' leads through '{pointer}', of {name}"


def _when_problems(at: Loc, message: MessageForm) -> Iterator[Problem]:
    """Yield conditions that cannot be asked of a message, or that what is sent does not meet."""
    for pointer, values in wanted_values(message).items():
        here: Loc = (*at, "when", pointer)
        try:
            tokens = tokens_of(pointer)
        except ValueError as error:
            yield here, str(error)
            continue
        if message.payload == TEXT:
            yield here, "points into JSON, but the payload is text"
        elif not values:
            yield here, "expected at least one value"
        elif message.send is not None and not _is_sendable(value_at(message.send, tokens), values):
            yield (*at, "send"), f"what is sent does not say {_in_words(pointer, values)}"


def _is_sendable(sent: Any, values: tuple[Scalar, ...]) -> bool:
    """Return whether what is sent is one of the values, or what a field makes of it."""
    return fits(sent, values) or (isinstance(sent, str) and PLACE.search(sent) is not None)


def _in_words(pointer: str, values: tuple[Scalar, ...]) -> str:
    return f"{pointer}: {' or '.join(map(str, values))}"


def _source_problems(
    field: FieldForm, message: MessageForm, template: TopicTemplate
) -> Iterator[str]:
    source = field.at
    if (source is None) == (field.value is None):
        yield "expected one of: at, value"
    elif source is None or source == CORRELATION_DATA:
        return
    elif source == TEXT:
        if message.payload != TEXT:
            yield "at: text needs payload: text"
    elif source.startswith("{"):
        if source[1:-1] not in template.names or not source.endswith("}"):
            names = [f"{{{name}}}" for name in template.names if name]
            yield f"the topic has no level '{source}'{suggestion(source, names)}"
    elif message.payload == TEXT:
        yield f"'{source}' points into JSON, but the payload is text: expected text or a level"
    else:
        try:
            tokens_of(source)
        except ValueError as error:
            yield str(error)


def _value_problems(here: Loc, info: FieldInfo, field: FieldForm) -> Iterator[Problem]:
    words: list[tuple[Loc, Word]] = [
        ((*here, "values", text), word) for text, word in field.values.items()
    ]
    for key in ("value", "otherwise"):
        word = getattr(field, key)
        if word is not None:
            words.append(((*here, key), word))
    words += [((*here, "say", word), _typed(word, info)) for word in field.say]
    if words and info.type not in (Type.WORD, Type.FLAG):
        if field.value is None or field.values or field.otherwise is not None or field.say:
            yield here, f"values, otherwise and say are for words, and this is a {info.type.value}"
        else:
            yield (*here, "value"), "only words of the contract can be given so"
        return
    for loc, word in words:
        try:
            info.value_of(word)
        except KeyError:
            shown = str(word).lower() if isinstance(word, bool) else word
            yield loc, f"'{shown}' is no word of the contract{suggestion(shown, info.choices())}"


def _typed(word: str, info: FieldInfo) -> Word:
    return {"true": True, "false": False}.get(word, word) if info.type is Type.FLAG else word


def _send_problems(
    at: Loc, kind: TopicKind, message: MessageForm, form: ProfileForm
) -> Iterator[Problem]:
    known = [*FIELDS[kind], *OWN_NAMES, *form.variables, *BESIDE]
    for name in places_in(message.send):
        if name not in known:
            yield (*at, "send"), f"nothing fills '{{{name}}}'{suggestion(name, known)}"
    if message.payload == TEXT and message.send is not None and not isinstance(message.send, str):
        yield (*at, "send"), "the payload is text: expected text"


def _collisions(topics: list[_Topic]) -> Iterator[Problem]:
    topics = [one for one in topics if FILL_IN not in one[3].levels and one[2].heard_by != "nobody"]
    for later, (at, own, message, template) in enumerate(topics):
        for _, kind, other, theirs in topics[:later]:
            if not template.overlaps(theirs):
                continue
            if template.levels != theirs.levels:
                who = f"'{other.topic}' of {kind.value}"
                found = f"'{message.topic}' collides with {who}: one topic would be both"
                yield (*at, "topic"), found
                break
            if (message.payload, message.type) != (other.payload, other.type):
                found = (
                    f"'{message.topic}' is {other.payload} for {kind.value}: expected one encoding"
                )
                yield (*at, "payload"), found
                break
            if not are_exclusive(message, other) and not _are_for_all({own: message, kind: other}):
                found = (
                    f"'{message.topic}' is a topic of {kind.value} too, and a message could be"
                    " both: say in `when` of each what tells them apart"
                )
                yield (*at, "when" if message.when else "topic"), found
                break


def _are_for_all(forms: Mapping[TopicKind, MessageForm]) -> bool:
    """Return whether one message of a car may be of all these kinds.

    A kind that must say something says in `when` which messages do.
    """
    to_cars = {TopicKind.COMMAND, TopicKind.WAKE}
    are_of_cars = len(forms) > 1 and not to_cars & set(forms)
    return are_of_cars and all(one.when or kind in READINGS for kind, one in forms.items())


def _vehicle_problems(topics: list[_Topic]) -> Iterator[Problem]:
    for at, _, message, template in topics:
        if VEHICLE not in template.names and VEHICLE not in message.fields:
            yield (
                at,
                "nothing says which car: {vehicle_id} in topic, or fields.vehicle_id",
            )


def _id_problems(form: ProfileForm, topics: list[_Topic]) -> Iterator[Problem]:
    of = {
        kind: has_id(
            [message for _, one, message, _ in topics if one is kind],
            [template for _, one, _, template in topics if one is kind],
        )
        for kind in (TopicKind.COMMAND, TopicKind.RESULT)
    }
    if form.correlation is Correlation.FIELD:
        for kind, has in of.items():
            if not has:
                yield (
                    (kind.value,),
                    (
                        "correlation: field needs command_id, in the topic or in fields;"
                        " without one say correlation: only_open"
                    ),
                )
    elif form.correlation is Correlation.CORRELATION_DATA and form.mqtt != "5":
        yield ("correlation",), "MQTT 3.1.1 has no Correlation Data"
    elif form.correlation in _NAMELESS:
        yield from _nameless_problems(form, topics, of)
    yield from _life_problems(form)
    for at, _, _, template in topics:
        if CLIENT in template.names and COMMAND not in template.names:
            yield (*at, "topic"), "{client_id} needs {command_id} beside it"


def _nameless_problems(
    form: ProfileForm, topics: list[_Topic], has_ids: Mapping[TopicKind, bool]
) -> Iterator[Problem]:
    if has_ids[TopicKind.RESULT]:
        yield ("correlation",), "results carry a command_id: expected field"
    if form.deduplicates and not has_ids[TopicKind.COMMAND]:
        yield ("deduplicates",), "commands carry no id by which a box could recognise them"
    for at, kind, message, _ in topics:
        is_unclear = kind is TopicKind.RESULT and "action" not in message.fields
        if form.correlation is Correlation.STATE and is_unclear:
            yield (*at, "fields"), "action is missing: what a box that reports this was asked for"


def _life_problems(form: ProfileForm) -> Iterator[Problem]:
    says_when = any("expires_at" in one.fields for one in form.command)
    if says_when and not form.expires:
        yield ("command",), "expires_at is mapped, so commands have a life: say expires: true"
    if form.expires and not says_when and form.mqtt != "5":
        yield ("expires",), "MQTT 3.1.1 has no Message Expiry: map fields.expires_at of commands"


def _word_problems(form: ProfileForm, topics: list[_Topic]) -> Iterator[Problem]:
    """Yield what messages have to say and do not."""
    for at, kind, message, _ in topics:
        for name, info in FIELDS[kind].items():
            if info.is_needed and name not in message.fields:
                yield (*at, "fields"), f"{name} is missing: {_expected(info)}"
        if kind is TopicKind.STATE and not set(message.fields) - {VEHICLE}:
            yield (*at, "fields"), "expected at least one field of a state"
    try:
        traits = traits_of(form)
    except KeyError:
        return  # a word that is none: said already
    if Action.UNLOCK not in traits.actions and _has(form, TopicKind.COMMAND, "action"):
        yield ("command",), "no topic of it can say unlock"
    if Phase.EXECUTED not in traits.phases and _has(form, TopicKind.RESULT, "phase"):
        yield ("result",), "no topic of it can say executed"


def _has(form: ProfileForm, kind: TopicKind, name: str) -> bool:
    return any(name in message.fields for message in form.messages()[kind])


def _expected(info: FieldInfo) -> str:
    words = [word for word in info.choices() if word not in {one.value for one in Special}]
    return f"where it says one of {', '.join(words)}"


def _signature_problems(form: ProfileForm, topics: Iterable[_Topic]) -> Iterator[Problem]:
    if not form.signed:
        return
    for at, kind, message, template in topics:
        if kind is TopicKind.COMMAND:
            mapped: Mapping[str, FieldForm] = message.fields
            for name in _SIGNED:
                if name not in mapped and name not in template.names:
                    yield (*at, "fields"), f"{name} is missing: signed commands carry it"
