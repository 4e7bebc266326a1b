"""A mapped profile: the wire of a fleet as a file describes it, compiled when it is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from fleet_wire.contract.messages import Action, Command, Phase, Presence, Result, WireMessage
from fleet_wire.contract.partial import UNNAMED
from fleet_wire.contract.topics import VEHICLE_ID, TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message, PublishProperties
from fleet_wire.profiles.fields import FIELDS, sent_values, step_ms
from fleet_wire.profiles.form import FieldForm, MessageForm, ProfileForm
from fleet_wire.profiles.profile import (
    Correlation,
    MessageContent,
    Packet,
    TopicSlot,
    WireTraits,
    contents_of,
)
from fleet_wire.profiles.reading import CORRELATION_DATA, Reader
from fleet_wire.profiles.telling import Chooser
from fleet_wire.profiles.topic_templates import CLIENT, COMMAND, TopicIndex, TopicTemplate
from fleet_wire.profiles.writing import Writer

_WAITING = (TopicKind.RESULT, TopicKind.TELEMETRY, TopicKind.EVENT)
"""What is of no use when it has waited at the broker: it says nothing of now."""
_ID_DIGITS = 13
"""Hexadecimal digits of an id that is a number: below 2^53, which every JSON reader can hold."""


class MappedProfile:
    """The wire of one fleet. Implements `fleet_wire.profiles.profile.Profile`."""

    def __init__(self, form: ProfileForm, *, name: str) -> None:
        """Compile a form whose topics and fields have been checked (`profiles.checking`)."""
        self.form = form
        self.name = name
        self.traits = traits_of(form)
        self.box_numbers: Mapping[str, Any] = form.box
        """The numbers of simulated boxes that the file sets."""
        self.device_shadow = _shadow_of(form)
        """The prefix of the topics of a car's Device Shadow, variables filled in."""
        self._templates: dict[TopicKind, list[TopicTemplate]] = {}
        self._heard: dict[TopicKind, list[tuple[TopicTemplate, str]]] = {}
        """The topics on which somebody listens, and who does."""
        self._writers: dict[TopicKind, list[Writer]] = {}
        routes: dict[tuple[str, ...], list[tuple[MessageForm, Reader]]] = {}
        for kind, message in topics_of(form):
            template = TopicTemplate.parse(message.topic, form.variables)
            message = with_correlation(kind, message, form)  # noqa: PLW2901
            self._templates.setdefault(kind, []).append(template)
            if message.heard_by != "nobody":
                reader = Reader(kind, message, template, per_car=form.ids == "car")
                routes.setdefault(template.levels, []).append((message, reader))
                self._heard.setdefault(kind, []).append((template, message.heard_by))
            if not message.heard_only:
                writer = Writer(kind, message, template, form.variables)
                self._writers.setdefault(kind, []).append(writer)
        self._index: TopicIndex[Reader | Chooser[Reader]] = TopicIndex(
            [(levels, _route(shared)) for levels, shared in routes.items()]
        )
        self._needs_id = form.correlation is Correlation.FIELD
        is_by_state = form.correlation is Correlation.STATE
        self._waiting = {*_WAITING, TopicKind.COMMAND} if is_by_state else _WAITING
        self._has_client = any(CLIENT in one.names for one in self._templates[TopicKind.COMMAND])
        ids = [message.fields.get(COMMAND) for message in form.command]
        self._ids_are_numbers = any(field is not None and field.number for field in ids)

    def filters(self, kinds: Iterable[TopicKind]) -> tuple[str, ...]:
        """Return a filter for each topic of these kinds, without those for boxes alone."""
        heard = [one for kind in kinds for one in self._heard.get(kind, ())]
        return tuple(dict.fromkeys(one.filter() for one, by in heard if by != "box"))

    def car_filters(self, kind: TopicKind, vehicle_id: str) -> tuple[str, ...]:
        """Return the filters of a kind for one car: of commands, those of its box."""
        others = "monitor" if kind is TopicKind.COMMAND else "box"
        heard = self._heard.get(kind, ())
        return tuple(dict.fromkeys(one.filter(vehicle_id) for one, by in heard if by != others))

    def slots_of(self, message: Message) -> Sequence[TopicSlot]:
        """Return what a message is about; raises `RemoteProtocolError` for none of the fleet's.

        A message of no kind, on a topic with several kinds, will have no content.
        """
        topic = message.topic
        levels = topic.split("/")
        route = self._index.find(levels)
        if route is None:
            raise RemoteProtocolError(f"topic is not in profile {self.name}", topic=topic[:200])
        if not isinstance(route, Chooser):
            return ((route.kind, _vehicle_in(levels, route, topic), (route, levels)),)
        vehicle_id = _vehicle_in(levels, route.first, topic)
        found = [(one.kind, vehicle_id, (one, levels)) for one in route.choose(message.payload)]
        return found or ((route.first.kind, vehicle_id, (None, levels)),)

    def read(self, place: TopicSlot, message: Message) -> tuple[str, MessageContent | None]:
        """Return the car and what a message says; raises `RemoteProtocolError`."""
        kind, vehicle_id, (reader, levels) = place
        if reader is None or (message.retain and kind in self._waiting):
            return vehicle_id, None
        vehicle_id, heard = reader.read(vehicle_id, levels, message)
        if kind is TopicKind.COMMAND and heard is not None and message.correlation_data:
            heard = _named(heard, message.correlation_data)
        if self._needs_id and reader.says_id and getattr(heard, "command_id", None) == UNNAMED:
            raise RemoteProtocolError("command_id: the message does not say it")
        return vehicle_id, heard

    def read_command(self, vehicle_id: str, message: Message) -> Command | None:
        """Return a box's command; None for another car's, and for what is not about its locks."""
        for found, heard in contents_of(self, message):
            if found == vehicle_id and isinstance(heard, Command):
                return heard
        return None

    def unknown_fields(self, place: TopicSlot, payload: bytes) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: what the file does not map is left alone."""
        return {}

    def write(
        self,
        kind: TopicKind,
        vehicle_id: str,
        message: WireMessage,
        command: Command | None = None,
    ) -> tuple[Packet, ...]:
        """Return what to publish for a message; `command` is the one that it answers."""
        message = self._with_ids_on_wire(vehicle_id, message)
        writers = self._writers.get(kind, ())
        fitting = [one for one in writers if one.can_say(message)]
        if isinstance(message, Command | Result | Presence):
            fitting = fitting[:1]
        packets = (one.write(vehicle_id, message, command) for one in fitting)
        return tuple(packet for packet in packets if packet is not None)

    def command_id(self, vehicle_id: str, unique: str, *, client_id: str) -> str:
        """Return the id of a new command, within its car or client where ids are so."""
        if self._ids_are_numbers:
            unique = str(int(unique[:_ID_DIGITS], 16))
        own = f"{client_id}/{unique}" if self._has_client else unique
        return f"{vehicle_id}/{own}" if self.form.ids == "car" else own

    def logged_id(self, vehicle_id: str | None, command_id: str) -> str | None:
        """Return the log's id with the car before it, where ids are unique within a car only.

        The log may name the whole id. An id without the client before it fits one command of each.
        """
        if self.form.ids != "car":
            return command_id
        if vehicle_id is None or command_id.startswith(f"{vehicle_id}/"):
            return command_id if "/" in command_id else None
        is_whole = not self._has_client or "/" in command_id
        return f"{vehicle_id}/{command_id}" if is_whole else None

    def properties(
        self,
        vehicle_id: str,
        command: Command,
        *,
        life_s: int,
        user_properties: tuple[tuple[str, str], ...],
    ) -> PublishProperties:
        """Return what MQTT 5 says with a command: what the file asks for, and who sends it."""
        by_data = self.traits.correlation is Correlation.CORRELATION_DATA
        answers = [one for one in self.car_filters(TopicKind.RESULT, vehicle_id) if "+" not in one]
        data = None
        if by_data:
            data = self._id_on_wire(vehicle_id, command.command_id).encode()
        elif not self._has_ids:
            data = command.command_id.encode()  # does no harm, and tells our own copies
        return PublishProperties(
            response_topic=answers[0] if by_data and answers else None,
            correlation_data=data,
            expiry_s=life_s if self.form.expires else None,
            user_properties=user_properties,
        )

    @property
    def _has_ids(self) -> bool:
        return has_id(self.form.command, self._templates[TopicKind.COMMAND])

    def _with_ids_on_wire(self, vehicle_id: str, message: WireMessage) -> WireMessage:
        """Return a message whose ids lack the car, where they are unique within a car only."""
        if self.form.ids != "car":
            return message
        ids = {name: getattr(message, name, None) for name in ("command_id", "last_command_id")}
        own = {name: self._id_on_wire(vehicle_id, each) for name, each in ids.items() if each}
        return msgspec.structs.replace(message, **own)

    def _id_on_wire(self, vehicle_id: str, command_id: str) -> str:
        return command_id.removeprefix(f"{vehicle_id}/") if self.form.ids == "car" else command_id


def _shadow_of(form: ProfileForm) -> str | None:
    text = form.device_shadow
    for name, value in form.variables.items():
        text = text and text.replace(f"{{{name}}}", value)
    return text


def _vehicle_in(levels: Sequence[str], reader: Reader, topic: str) -> str:
    """Return the car of a topic, "" where only the payload names it; raises for what is none."""
    level = reader.vehicle_level
    if level is None:
        return ""
    if VEHICLE_ID.fullmatch(levels[level]) is None:
        raise RemoteProtocolError("the topic names no car", topic=topic[:200])
    return levels[level]


def _route(shared: list[tuple[MessageForm, Reader]]) -> Reader | Chooser[Reader]:
    """Return what reads a topic, or chooses who does by what a message says."""
    has_one = len(shared) == 1 and not shared[0][0].when
    return shared[0][1] if has_one else Chooser(shared)


def topics_of(form: ProfileForm) -> Iterator[tuple[TopicKind, MessageForm]]:
    """Yield every topic of a form with its kind."""
    for kind, messages in form.messages().items():
        yield from ((kind, message) for message in messages)


def with_correlation(kind: TopicKind, message: MessageForm, form: ProfileForm) -> MessageForm:
    """Return a form that says where the id is when it is MQTT 5's Correlation Data."""
    by_data = form.correlation is Correlation.CORRELATION_DATA
    if not by_data or kind not in (TopicKind.COMMAND, TopicKind.RESULT):
        return message
    fields = {COMMAND: FieldForm(at=CORRELATION_DATA), **message.fields}
    return message.model_copy(update={"fields": fields})


def has_id(messages: Iterable[MessageForm], templates: Iterable[TopicTemplate]) -> bool:
    """Return whether commands or answers carry an id in topic or payload."""
    in_field = any(COMMAND in message.fields for message in messages)
    return in_field or any(COMMAND in template.names for template in templates)


def traits_of(form: ProfileForm) -> WireTraits:
    """Return what the messages of a form can say."""
    messages = form.messages()
    words = partial(_sendable_words, form)
    states = messages.get(TopicKind.STATE, ())
    fields = {name for state in states for name in state.fields}
    return WireTraits(
        mqtt=form.mqtt,
        is_signed=form.signed,
        expires=form.expires,
        expiry_step_ms=max((step_ms(one) for one in _ends(form)), default=1),
        deduplicates=form.deduplicates,
        works_in_turn=form.while_busy == "wait",
        correlation=form.correlation,
        ids_within_car=form.ids == "car",
        kinds=frozenset(messages),
        phases=frozenset(Phase) & words(TopicKind.RESULT, "phase"),
        actions=frozenset(Action) & words(TopicKind.COMMAND, "action"),
        reports_lock="is_locked" in fields,
        names_last_command="last_command_id" in fields,
        retains_presence=any(one.retain for one in messages.get(TopicKind.PRESENCE, ())),
        echoes_correlation_data=form.correlation is Correlation.CORRELATION_DATA,
    )


def _ends(form: ProfileForm) -> Iterator[FieldForm]:
    """Yield the fields that say until when commands may be executed."""
    for message in form.messages().get(TopicKind.COMMAND, ()):
        if "expires_at" in message.fields:
            yield message.fields["expires_at"]


def _sendable_words(form: ProfileForm, kind: TopicKind, name: str) -> frozenset[Any]:
    """Return what the messages of a kind can say in a field."""
    info, said = FIELDS[kind][name], set()
    for message in form.messages().get(kind, ()):
        field = message.fields.get(name)
        if field is not None:
            said |= set(sent_values(info, field))
            said |= {info.value_of(word) for word in field.values.values()}
            said |= set() if field.otherwise is None else {info.value_of(field.otherwise)}
    return frozenset(said)


def _named(heard: MessageContent, correlation_data: bytes) -> MessageContent:
    """Return a command that carries no id with MQTT 5's, which the platform may have given."""
    if not isinstance(heard, Command) or heard.command_id != UNNAMED:
        return heard
    try:
        command_id = correlation_data.decode()
    except UnicodeDecodeError:
        return heard
    return msgspec.structs.replace(heard, command_id=command_id)
