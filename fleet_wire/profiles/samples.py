"""Recorded messages, and what a profile makes of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.contract.messages import Action, Command, Phase
from fleet_wire.contract.partial import NO_END_MS, UNNAMED, ActionResult, ProvisionalResult
from fleet_wire.contract.topics import TopicKind
from fleet_wire.error_text import shortened
from fleet_wire.errors import ConfigError, RemoteProtocolError
from fleet_wire.links.link import Message
from fleet_wire.profiles.profile import Correlation, MessageContent, Profile, TopicSlot

MAX_LINE_BYTES: Final = 1_048_576
_UNNAMED_COMMANDS: Final = {
    Correlation.ONLY_OPEN: "the only command that is open",
    Correlation.STATE: "the open command that asked for this state",
}
EXAMPLE_ID: Final = "0123456789abcdef0123456789abcdef"
EXAMPLE_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


class Sample(msgspec.Struct, omit_defaults=True):
    """A message that was recorded: one line of a file."""

    topic: str
    payload: Any = ""
    """Text, or JSON as it is."""
    payload_base64: str | None = None
    """In place of `payload`, where it is no text."""
    correlation_data: str | None = None
    retain: bool = False

    def as_message(self) -> Message:
        """Return it as a link gives it. Raises `ValueError` for what is no base64."""
        if self.payload_base64 is not None:
            payload = base64.b64decode(self.payload_base64, validate=True)
        elif isinstance(self.payload, str):
            payload = self.payload.encode()
        else:
            payload = msgspec.json.encode(self.payload)
        data = None if self.correlation_data is None else self.correlation_data.encode()
        return Message(self.topic, payload, 1, self.retain, False, None, data, None, None, [])  # noqa: FBT003


class Reading(StrEnum):
    """The result of reading a recorded message."""

    READ = "read"
    IGNORED = "of no concern"
    OTHER = "on other topics"
    UNREADABLE = "that cannot be read"


def sample_of(message: Message) -> Sample:
    """Return a message as a line of a file has it."""
    data = message.correlation_data
    correlation = None if data is None else data.decode("utf-8", "replace")
    try:
        text = message.payload.decode()
    except UnicodeDecodeError:
        encoded = base64.b64encode(message.payload).decode()
        return Sample(message.topic, "", encoded, correlation, message.retain)
    return Sample(message.topic, text, None, correlation, message.retain)


def read_samples(path: Path) -> Iterator[tuple[str, Message]]:
    """Yield where each message of a file stands, and the message.

    Raises `ConfigError` with file and line.
    """
    decoder = msgspec.json.Decoder(Sample)
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), 1):
                if line.strip():
                    yield f"{path}:{number}", decoder.decode(line).as_message()
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror or error}"]) from None
    except (msgspec.MsgspecError, UnicodeError, binascii.Error, RecursionError) as error:
        expected = 'expected {"topic": "...", "payload": "..."}'
        raise ConfigError([f"{path}:{number}: {expected}: {error}"]) from None


class ReadSample(NamedTuple):
    """One recorded message."""

    place: str
    """The message's location in the recording."""
    topic: str
    reading: Reading
    text: str
    """The result in words."""


def apply_profile(profile: Profile, samples: Iterable[tuple[str, Message]]) -> Iterator[ReadSample]:
    """Yield what a profile makes of each message: once for each thing that it says."""
    for place, message in samples:
        try:
            slots = profile.slots_of(message)
        except RemoteProtocolError as error:
            yield ReadSample(place, message.topic, Reading.OTHER, str(error))
            continue
        for slot in slots:
            yield ReadSample(place, message.topic, *_read_sample(profile, slot, message))


def _read_sample(profile: Profile, where: TopicSlot, message: Message) -> tuple[Reading, str]:
    kind = where[0].value
    try:
        vehicle_id, heard = profile.read(where, message)
    except RemoteProtocolError as error:
        shown = shortened(repr(message.payload))
        return Reading.UNREADABLE, f"{kind} on {message.topic} cannot be read: {error}: {shown}"
    if heard is None:
        return Reading.IGNORED, f"of {vehicle_id}, on {message.topic}: of no concern"
    return Reading.READ, f"{_kind_of(kind, heard)} of {vehicle_id}: {_in_words(heard, profile)}"


def _kind_of(kind: str, heard: MessageContent) -> str:
    return f"provisional {kind}" if isinstance(heard, ProvisionalResult) else kind


def _in_words(heard: MessageContent, profile: Profile) -> str:
    """Return the fields that a message fills, in the contract's terms."""
    if isinstance(heard, ActionResult):
        return f"{_in_words(heard.result, profile)}, asked to {heard.action}"
    words = []
    for name in heard.__struct_fields__:
        value = getattr(heard, name)
        is_absent = value is None or (name == "expires_at_ms" and value == NO_END_MS)
        if is_absent or (name in ("issued_at_ms", "counter", "signature") and not value):
            continue
        if name == "command_id" and value == UNNAMED:
            value = _UNNAMED_COMMANDS.get(profile.traits.correlation, "none")
        words.append(f"{name} {value.value if isinstance(value, Enum) else value}")
    return ", ".join(words)


def unlock_of(profile: Profile, vehicle_id: str) -> Iterator[tuple[str, str]]:
    """Yield topic and payload with which a car is unlocked."""
    command_id = profile.command_id(vehicle_id, EXAMPLE_ID, client_id="platform-probe")
    command = Command(command_id, Action.UNLOCK, EXAMPLE_MS, EXAMPLE_MS + 20_000, 0, "")
    for topic, payload, _, _ in profile.write(TopicKind.COMMAND, vehicle_id, command):
        yield topic, payload.decode("utf-8", "backslashreplace")


def traits_in_words(profile: Profile) -> Iterator[str]:
    """Yield in sentences what a fleet can say, and what is concluded without the rest."""
    wire = profile.traits
    order = [kind.value for kind in TopicKind if kind in wire.kinds]
    yield f"{profile.name}: MQTT {wire.mqtt}, {', '.join(order)}"
    if wire.correlation in _UNNAMED_COMMANDS:
        yield f"an answer belongs to {_UNNAMED_COMMANDS[wire.correlation]} for its car"
    if not wire.is_signed:
        yield "commands are not signed"
    if not wire.expires:
        yield "commands have no life: a box that was away executes them when it is back"
    if not wire.deduplicates:
        yield "a command that comes twice is executed twice"
    if Phase.RECEIVED not in wire.phases:
        yield "no box confirms that it has a command: a silent one may have it all the same"
    if not wire.reports_lock:
        yield "no car says whether it is locked: an unlock is over when its box says executed"
    if TopicKind.PRESENCE not in wire.kinds:
        yield "no box says whether it is connected: silence says nothing of the network"
