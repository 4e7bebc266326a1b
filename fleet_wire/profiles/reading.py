"""Reads the messages of one topic of a mapped profile: compiled once, run for each message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from fleet_wire.contract.messages import (
    CarEvent,
    Command,
    Phase,
    Presence,
    PresenceStatus,
    Result,
    WakeRequest,
)
from fleet_wire.contract.partial import (
    NO_END_MS,
    UNNAMED,
    ActionResult,
    PartialState,
    PartialTelemetry,
    ProvisionalResult,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message
from fleet_wire.profiles.encodings import UNDECODABLE, encoding_of
from fleet_wire.profiles.fields import (
    FIELDS,
    MAX_NAME,
    MAX_TEXT,
    Read,
    Special,
    Type,
    reader,
    word_meanings,
)
from fleet_wire.profiles.form import FieldForm, MessageForm
from fleet_wire.profiles.pointers import Values, compiled, tokens_of, walking
from fleet_wire.profiles.profile import MessageContent
from fleet_wire.profiles.topic_templates import CLIENT, COMMAND, VEHICLE, TopicTemplate

TEXT: Final = "text"
CORRELATION_DATA: Final = "correlation_data"

_PLAIN: Final = FieldForm()
_TYPES: Final[Mapping[Type, Any]] = {
    Type.NAME: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)],
    Type.TEXT: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)],
    Type.NUMBER: float,
    Type.FLAG: bool,
    Type.TIME: int,
    Type.WORD: str | int | float | bool,
}
"""The types of a value in JSON for a field that is already in the contract's form."""

_Plan = list[tuple[int, Read]]
"""For each value that is taken out of a message: which field it is, and what reads it."""


class Reader:
    """Reads what comes on one topic.

    Most JSON is read on a fast path: fields in the contract's form are used directly, and words are
    looked up. What does not fit there, right or wrong, goes the long way, which asks each field's
    own reader.
    """

    def __init__(
        self, kind: TopicKind, form: MessageForm, template: TopicTemplate, *, per_car: bool
    ) -> None:
        """Compile. `per_car`: ids of commands are unique within a car only."""
        self.kind = kind
        self.vehicle_level = template.index(VEHICLE)
        self._names = [name for name in FIELDS[kind] if name != VEHICLE]
        if self.vehicle_level is None:
            self._names.append(VEHICLE)
        infos = FIELDS[kind]
        self._blank: list[Any] = [None] * len(self._names)
        self.says_id = COMMAND in form.fields or COMMAND in template.names
        """Whether the file says where its messages have the id of a command."""
        self._needed = [at for at, name in enumerate(self._names) if infos[name].is_needed]
        self._levels: list[tuple[int, int, Read]] = []
        self._document: list[tuple[int, Read, tuple[str, ...]]] = []
        self._text: _Plan = []
        self._correlation: _Plan = []
        for at, name in enumerate(self._names):
            self._plan(at, name, form.fields.get(name), template)
        self._client_level = template.index(CLIENT)
        self._is_scoped = per_car
        self._walk = walking(
            [pointer for _, _, pointer in self._document], encoding_of(form).decode
        )
        self._words: list[tuple[int, Read, Read]] = []
        """On the short way: which field, what looks its words up, and what reads the others."""
        self._scales: list[tuple[int, float]] = []
        self._readings: _Plan = []
        self._short = self._short_way(form)
        self._make = _MAKERS[kind]
        ids = [at for at, name in enumerate(self._names) if name in (COMMAND, "last_command_id")]
        self._id_at = ids[0] if ids else None

    def _plan(self, at: int, name: str, field: FieldForm | None, template: TopicTemplate) -> None:
        """Note where a field comes from."""
        info, level = FIELDS[self.kind][name], template.index(name)
        if field is None:
            if level is not None and name == COMMAND:
                self._levels.append((level, at, reader(name, info, _PLAIN)))
            return
        if field.value is not None:
            self._blank[at] = info.value_of(field.value)
            return
        read, source = reader(name, info, field), field.at or ""
        if source == TEXT:
            self._text.append((at, read))
        elif source == CORRELATION_DATA:
            self._correlation.append((at, read))
        elif source.startswith("{"):
            level = template.index(source[1:-1])
            assert level is not None  # noqa: S101 - checked with the file
            self._levels.append((level, at, read))
        else:
            self._document.append((at, read, tokens_of(source)))

    def _short_way(self, form: MessageForm) -> Values | None:
        """Return what takes all fields out of JSON at once, and note what is left to do."""
        needs_more = self._text or self._correlation or self._client_level is not None
        is_long = needs_more or self._is_scoped or any(word is not None for word in self._blank)
        if is_long or not self._document or self.vehicle_level is None or form.payload != "json":
            return None
        pointers: list[tuple[str, ...]] = [()] * len(self._names)
        types: list[Any] = [None] * len(self._names)
        for at, read, pointer in self._document:
            info, field = FIELDS[self.kind][self._names[at]], form.fields[self._names[at]]
            pointers[at], types[at] = pointer, _TYPES[info.type]
            is_word = info.type is Type.WORD or bool(field.values)
            if field.after is not None or (info.type is Type.TIME and field.unit != "ms"):
                types[at] = Any
                self._readings.append((at, read))
            elif is_word:
                types[at] = _TYPES[Type.WORD]
                self._words.append((at, word_meanings(info, field).get, read))
            elif field.scale != 1:
                self._scales.append((at, field.scale))
        if len({pointer for pointer in pointers if pointer}) < len(self._document):
            return None  # two fields from one place, which may be of two types
        return compiled(pointers, types)

    def read(
        self, vehicle_id: str, levels: Sequence[str], message: Message
    ) -> tuple[str, MessageContent | None]:
        """Return the car and what the message says. Raises `RemoteProtocolError`."""
        if len(message.payload) > MAX_PAYLOAD_BYTES:
            raise RemoteProtocolError(f"payload of {len(message.payload)} bytes")
        if self._short is not None:
            found = self._read_short(self._short, levels, message.payload)
            if found is not None:
                return vehicle_id, self._make(found)
        return self._read_long(levels, message, vehicle_id)

    def _read_short(
        self, values: Values, levels: Sequence[str], payload: bytes
    ) -> list[Any] | None:
        """Return the fields; None where this is for the long way."""
        try:
            found = [*values(payload)]
        except (AttributeError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        for at, look_up, read in self._words:
            value = found[at]
            word = look_up(value)
            found[at] = read(value) if word is None else word
        for at, scale in self._scales:
            if found[at] is not None:
                found[at] *= scale
        for at, read in self._readings:
            found[at] = read(found[at])
        for level, at, read in self._levels:
            found[at] = read(levels[level])
        for at in self._needed:
            if found[at] is None:
                return None
        return found

    def _read_long(
        self, levels: Sequence[str], message: Message, vehicle_id: str
    ) -> tuple[str, MessageContent | None]:
        found = self._blank.copy()
        for level, at, read in self._levels:
            found[at] = read(levels[level])
        if self._document:
            try:
                values = self._walk(message.payload)
            except UNDECODABLE as error:
                raise RemoteProtocolError(str(error)) from None
            for (at, read, _), value in zip(self._document, values, strict=True):
                found[at] = read(value)
        self._read_rest(found, message)
        for at in self._needed:
            if found[at] is None:
                raise RemoteProtocolError(f"{self._names[at]}: the message does not say it")
        if self.vehicle_level is None:
            vehicle_id = found.pop()
            if not vehicle_id:
                raise RemoteProtocolError("vehicle_id: the message does not say it")
        if self._id_at is not None and found[self._id_at] is not None:
            found[self._id_at] = self._scoped(vehicle_id, found[self._id_at], levels)
        return vehicle_id, self._make(found)

    def _read_rest(self, found: list[Any], message: Message) -> None:
        if self._text:
            try:
                text = message.payload.decode().strip()
            except UnicodeDecodeError as error:
                raise RemoteProtocolError(f"no text: {error}") from None
            for at, read in self._text:
                found[at] = read(text)
        for at, read in self._correlation:
            data = message.correlation_data
            found[at] = read(data.decode("utf-8", "replace") if data else None)

    def _scoped(self, vehicle_id: str, command_id: str, levels: Sequence[str]) -> str:
        if self._client_level is not None:
            command_id = f"{levels[self._client_level]}/{command_id}"
        return f"{vehicle_id}/{command_id}" if self._is_scoped else command_id


def _command(found: list[Any]) -> MessageContent | None:
    command_id, action, issued_at, expires_at, counter, signature, booking_id = found
    if action is Special.IGNORED:
        return None
    return Command(
        command_id or UNNAMED,
        action,
        issued_at or 0,
        NO_END_MS if expires_at is None else expires_at,
        int(counter or 0),
        signature or "",
        booking_id,
    )


def _result(found: list[Any]) -> MessageContent | None:
    command_id, phase, reason, detail, can_wake_s, actuation_s, since_s, box_time, action = found
    if Special.IGNORED in (phase, action):
        return None
    if phase is Special.PROVISIONAL:
        return ProvisionalResult(command_id or UNNAMED, detail or phase.value)
    if phase is not Phase.REFUSED:
        reason = None
    result = Result(
        command_id or UNNAMED, phase, reason, can_wake_s, actuation_s, since_s, box_time, detail
    )
    return result if action is None else ActionResult(result, action)


def _presence(found: list[Any]) -> MessageContent | None:
    status, reason, session_id = found
    if status is not PresenceStatus.OFFLINE:
        reason = None
    return None if status is Special.IGNORED else Presence(status, session_id or "-", reason)


def _event(found: list[Any]) -> MessageContent | None:
    event, boots, firmware = found
    return CarEvent(event, None if boots is None else int(boots), firmware)


_MAKERS: Mapping[TopicKind, Callable[[list[Any]], MessageContent | None]] = {
    TopicKind.COMMAND: _command,
    TopicKind.RESULT: _result,
    TopicKind.STATE: lambda found: PartialState(*found),
    TopicKind.PRESENCE: _presence,
    TopicKind.TELEMETRY: lambda found: PartialTelemetry(*found),
    TopicKind.EVENT: _event,
    TopicKind.WAKE: lambda found: WakeRequest(found[0] or "-", found[1] or 0),
}
