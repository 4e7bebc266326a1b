"""A profile as an AsyncAPI 3 document, seen from a box: it receives commands and sends the rest.

AsyncAPI 3.0.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0), with its MQTT
bindings 0.2.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from fleet_wire.contract.codec import TYPES
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.encodings import encoding_of
from fleet_wire.profiles.fields import FIELDS, FieldInfo, Type, scalar
from fleet_wire.profiles.form import FieldForm, MessageForm
from fleet_wire.profiles.mapped import MappedProfile, topics_of
from fleet_wire.profiles.pointers import tokens_of
from fleet_wire.profiles.profile import Correlation, Profile
from fleet_wire.profiles.reading import TEXT
from fleet_wire.profiles.telling import ANYTHING, wanted_values
from fleet_wire.profiles.topic_templates import ANY, VEHICLE, TopicTemplate

VERSION: Final = "3.0.0"
BINDING_VERSION: Final = "0.2.0"
TO_BOX: Final = frozenset({TopicKind.COMMAND})
SUMMARIES: Final[Mapping[TopicKind, str]] = {
    TopicKind.COMMAND: "Platform to box: unlock, lock, and what else can be asked of a car.",
    TopicKind.RESULT: "Box to platform: how far a command got.",
    TopicKind.STATE: "Box to platform: what the car is like now.",
    TopicKind.PRESENCE: "Whether the box holds a connection; also its last will.",
    TopicKind.TELEMETRY: "Box to platform: a sign of life.",
    TopicKind.EVENT: "Box to platform: something has happened to the car or its box.",
    TopicKind.WAKE: "Platform to the SMS centre: wake this car's box.",
}
_PARAMETERS: Final = {
    "vehicle_id": "The car: 1 to 64 of A-Z a-z 0-9 _ . -",
    "command_id": "The command, as its answer names it.",
    "client_id": "Who asks.",
}
_JSON_TYPES: Final[Mapping[Type, dict[str, Any]]] = {
    Type.NAME: {"type": ["string", "integer"]},
    Type.TEXT: {"type": ["string", "number", "boolean"]},
    Type.NUMBER: {"type": ["number", "string"]},
    Type.FLAG: {"type": "boolean"},
    Type.TIME: {"type": ["number", "string"]},
    Type.WORD: {"type": ["string", "number", "boolean"]},
}


@dataclass(frozen=True, slots=True)
class _Topic:
    """The document's description of one topic."""

    kind: TopicKind
    address: str
    schema: dict[str, Any]
    content_type: str = "application/json"
    qos: int = 1
    retain: bool = False
    is_heard_only: bool = False
    correlation: str | None = None
    """The location of the command's id, as a runtime expression of AsyncAPI."""


def asyncapi(profile: Profile, *, version: str) -> dict[str, Any]:
    """Return the document of a profile; `version` is that of its description."""
    mapped = profile if isinstance(profile, MappedProfile) else None
    schemas: dict[str, Any] = {}
    topics = list(_mapped_topics(mapped) if mapped else _native_topics(schemas))
    channels: dict[str, Any] = {}
    operations, messages = {}, {}
    channel_at: dict[str, str] = {}
    for name, topic in _named(topics):
        channel = channel_at.setdefault(topic.address, name)
        messages[name] = _message(topic)
        channels.setdefault(channel, _channel(topic))["messages"][name] = _at("components", name)
        operations[name] = _operation(name, channel, topic)
    title = mapped.form.description if mapped else ""
    return {
        "asyncapi": VERSION,
        "info": {
            "title": f"Remote unlock: {title or profile.name}",
            "version": version,
            "description": "What a telematics box receives and sends over MQTT"
            f" {profile.traits.mqtt}, as profile {profile.name} of unlockpath has it.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, **({"schemas": schemas} if schemas else {})},
    }


def _named(topics: list[_Topic]) -> Iterator[tuple[str, _Topic]]:
    """Yield each topic under a name of its own: its kind, with a number where there are several."""
    seen: dict[TopicKind, int] = {}
    for topic in topics:
        number = seen[topic.kind] = seen.get(topic.kind, 0) + 1
        several = sum(one.kind is topic.kind for one in topics) > 1
        yield f"{topic.kind.value}{number if several else ''}", topic


def _native_topics(schemas: dict[str, Any]) -> Iterator[_Topic]:
    kinds = [*TYPES]
    references, found = msgspec.json.schema_components(
        [TYPES[kind] for kind in kinds], ref_template="#/components/schemas/{name}"
    )
    schemas.update(found)
    for kind, reference in zip(kinds, references, strict=True):
        address = f"wake/{{{VEHICLE}}}" if kind is TopicKind.WAKE else f"cars/{{{VEHICLE}}}/{kind}"
        has_id = kind in (TopicKind.COMMAND, TopicKind.RESULT)
        yield _Topic(
            kind,
            address,
            reference,
            qos=0 if kind in (TopicKind.TELEMETRY, TopicKind.EVENT) else 1,
            retain=kind in (TopicKind.STATE, TopicKind.PRESENCE),
            correlation="$message.payload#/command_id" if has_id else None,
        )


def _mapped_topics(profile: MappedProfile) -> Iterator[_Topic]:
    for kind, message in topics_of(profile.form):
        is_text = message.payload == TEXT
        yield _Topic(
            kind,
            _address(message, profile.form.variables),
            _text_schema(kind, message) if is_text else _json_schema(kind, message),
            content_type="text/plain" if is_text else encoding_of(message).content_type,
            qos=message.qos,
            retain=message.retain,
            is_heard_only=message.heard_only,
            correlation=_correlation(kind, message, profile),
        )


def _address(message: MessageForm, variables: Mapping[str, str]) -> str:
    """Return the topic with a name for each level that varies: AsyncAPI has no wildcards."""
    template = TopicTemplate.parse(message.topic, variables)
    pairs = enumerate(zip(template.levels, template.names, strict=True))
    return "/".join(
        f"{{{name or f'level{at}'}}}" if level == ANY else level for at, (level, name) in pairs
    )


def _correlation(kind: TopicKind, message: MessageForm, profile: MappedProfile) -> str | None:
    if kind not in (TopicKind.COMMAND, TopicKind.RESULT):
        return None
    if profile.traits.correlation is Correlation.CORRELATION_DATA:
        return "$message.header#/correlationData"
    field = message.fields.get("command_id")
    if field is not None and field.at is not None and field.at.startswith("/"):
        return f"$message.payload#{field.at}"
    return None


def _text_schema(kind: TopicKind, message: MessageForm) -> dict[str, Any]:
    words = [
        text
        for name, field in message.fields.items()
        if field.at == TEXT and FIELDS[kind][name].type in (Type.WORD, Type.FLAG)
        for text in field.values
    ]
    schema: dict[str, Any] = {"type": "string"}
    return schema | ({"examples": list(dict.fromkeys(words))} if words else {})


def _json_schema(kind: TopicKind, message: MessageForm) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for name, field in message.fields.items():
        if field.at is not None and field.at.startswith("/"):
            _put_schema(schema, field.at, _value_schema(name, FIELDS[kind][name], field))
    for pointer, values in wanted_values(message).items():
        told_by: dict[str, Any] = {"description": "by this it is told apart"}
        if ANYTHING not in values:
            told_by["enum"] = [*values]
        _put_schema(schema, pointer, told_by, is_required=None not in values)
    return schema


def _put_schema(
    schema: dict[str, Any], pointer: str, value: dict[str, Any], *, is_required: bool = False
) -> None:
    """Put the schema of a value where a pointer points."""
    *above, last = tokens_of(pointer)
    for token in above:
        _require(schema, token, is_required=is_required)
        schema = schema["properties"].setdefault(token, {"type": "object", "properties": {}})
    _require(schema, last, is_required=is_required)
    schema["properties"][last] = {**schema["properties"].get(last, {}), **value}


def _require(schema: dict[str, Any], token: str, *, is_required: bool) -> None:
    if is_required:
        schema["required"] = list(dict.fromkeys([*schema.get("required", []), token]))


def _value_schema(name: str, info: FieldInfo, field: FieldForm) -> dict[str, Any]:
    is_closed = field.values and field.otherwise is None
    if is_closed and not any(text.endswith("*") for text in field.values):
        return {"enum": [scalar(text) for text in field.values], "description": name}
    if info.type is Type.WORD and not field.values and field.otherwise is None:
        return {"enum": info.choices(), "description": name}
    return {**_JSON_TYPES[info.type], "description": name}


def _message(topic: _Topic) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": topic.kind.value,
        "summary": SUMMARIES[topic.kind],
        "contentType": topic.content_type,
        "payload": topic.schema,
    }
    if topic.correlation is not None:
        message["correlationId"] = {"location": topic.correlation}
    return message


def _at(place: str, message: str) -> dict[str, str]:
    return {"$ref": f"#/{place}/messages/{message}"}


def _channel(topic: _Topic) -> dict[str, Any]:
    """Return a channel without its messages: several kinds may share it."""
    levels = topic.address.split("/")
    names = [level[1:-1] for level in levels if level.startswith("{")]
    parameters = {
        parameter: {"description": _PARAMETERS.get(parameter, "Whatever stands there.")}
        for parameter in names
    }
    return {
        "address": topic.address,
        "messages": {},
        **({"parameters": parameters} if parameters else {}),
    }


def _operation(name: str, channel: str, topic: _Topic) -> dict[str, Any]:
    is_received = topic.kind in TO_BOX
    operation = {
        "action": "receive" if is_received else "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": SUMMARIES[topic.kind],
        "messages": [_at(f"channels/{channel}", name)],
        "bindings": {
            "mqtt": {
                "qos": topic.qos,
                "retain": topic.retain,
                "bindingVersion": BINDING_VERSION,
            }
        },
    }
    if topic.is_heard_only or topic.kind is TopicKind.WAKE:
        operation["description"] = "Not of the box: listed for those who listen to the whole fleet."
    return operation
