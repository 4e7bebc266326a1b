"""A profile: what a fleet's wire looks like, for boxes, platform and monitor alike.

A profile turns topic and payload into a message of the contract, and back. It holds nothing of any
car, so that one object serves a whole process. Its `WireTraits` list what a fleet cannot express:
any conclusion from an absent message needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, Protocol

from fleet_wire.contract.messages import Action, Command, Phase, WireMessage
from fleet_wire.contract.partial import (
    ActionResult,
    PartialState,
    PartialTelemetry,
    ProvisionalResult,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Message, PublishProperties

Packet = tuple[str, bytes, int, bool]
"""A message to publish: topic, payload, QoS, and whether it is retained."""

TopicSlot = tuple[TopicKind, str, Any]
"""A topic's meaning: the kind of its message, the car ("" if only the payload names it), and the
profile's own remainder."""

MessageContent = WireMessage | PartialState | PartialTelemetry | ActionResult | ProvisionalResult
"""A message's content, in the contract's terms."""

MqttVersion = Literal["5", "3.1.1"]


class Correlation(StrEnum):
    """How it is known which command an answer belongs to."""

    FIELD = "field"
    """Its id stands in the payload or in a level of the topic."""
    CORRELATION_DATA = "correlation_data"
    """Its id is MQTT 5's Correlation Data."""
    ONLY_OPEN = "only_open"
    """No id: it answers the only command to its car that has no answer yet."""
    STATE = "state"
    """No id: what a box reports answers the command that asked for that state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireTraits:
    """The abilities of a fleet's messages, and the behaviour of its boxes towards commands."""

    mqtt: MqttVersion = "5"
    is_signed: bool = True
    """Whether commands carry a counter and a signature, and boxes check them."""
    expires: bool = True
    """Whether commands say until when they may be executed."""
    expiry_step_ms: int = 1
    """In steps of how many milliseconds they say that: what is signed is what is sent."""
    deduplicates: bool = True
    """Whether a box recognises a command that it has had just before."""
    works_in_turn: bool = False
    """Whether a command that comes while a box is busy waits; else it is refused as busy."""
    correlation: Correlation = Correlation.FIELD
    ids_within_car: bool = False
    """Whether ids of commands are unique within a car only: `read` puts the car before them."""
    kinds: frozenset[TopicKind] = frozenset(TopicKind)
    """Which messages there are."""
    phases: frozenset[Phase] = frozenset(Phase)
    """The phases that answers can report."""
    actions: frozenset[Action] = frozenset(Action)
    """What can be asked of a car."""
    reports_lock: bool = True
    """Whether some message says if the car is locked."""
    names_last_command: bool = True
    """Whether that message names the command that moved the lock."""
    retains_presence: bool = True
    """Whether the broker still knows of each box that was ever there if it is."""
    echoes_correlation_data: bool = True
    """Whether a box answers with the Correlation Data of the command."""

    def expiry_ms(self, unix_s: float) -> int:
        """Return the end of a command in Unix milliseconds, in the steps in which it is sent."""
        expiry_ms = int(unix_s * 1000)
        return expiry_ms - expiry_ms % self.expiry_step_ms


CONTRACT: Final = WireTraits()
"""A fleet that has every message of the contract."""


class Profile(Protocol):
    """One fleet's wire."""

    @property
    def name(self) -> str:
        """Return the name for logs and reports."""
        ...

    @property
    def traits(self) -> WireTraits:
        """Return what the fleet can say."""
        ...

    @property
    def box_numbers(self) -> Mapping[str, Any]:
        """Return the numbers of its boxes that differ, by their key in a scenario's `box`."""
        ...

    @property
    def device_shadow(self) -> str | None:
        """Return the prefix of the topics of a car's Device Shadow; None where it has none."""
        ...

    def filters(self, kinds: Iterable[TopicKind]) -> tuple[str, ...]:
        """Return the topic filters of these kinds, for all cars, in the order of the kinds.

        They are for those who watch, and for the platform.
        """
        ...

    def car_filters(self, kind: TopicKind, vehicle_id: str) -> tuple[str, ...]:
        """Return the topic filters of a kind for one car: of commands, those of its box."""
        ...

    def slots_of(self, message: Message) -> Sequence[TopicSlot]:
        """Return the topics that a message is about: one, or one of each kind in it.

        Raises `RemoteProtocolError` for a topic of nobody's.
        """
        ...

    def read(self, place: TopicSlot, message: Message) -> tuple[str, MessageContent | None]:
        """Return the car and the message's content; None if the content does not matter.

        Raises `RemoteProtocolError` for what is not as the profile says.
        """
        ...

    def read_command(self, vehicle_id: str, message: Message) -> Command | None:
        """Return the command that a car's box has got; None for what is none of its concern.

        Raises `RemoteProtocolError` for what is not as the profile says.
        """
        ...

    def unknown_fields(self, place: TopicSlot, payload: bytes) -> dict[str, Any]:
        """Return the fields of a well-formed payload that nobody expects."""
        ...

    def write(
        self,
        kind: TopicKind,
        vehicle_id: str,
        message: WireMessage,
        command: Command | None = None,
    ) -> tuple[Packet, ...]:
        """Return what to publish for a message: nothing where the fleet cannot say it.

        `command` is the one that a result answers.
        """
        ...

    def command_id(self, vehicle_id: str, unique: str, *, client_id: str) -> str:
        """Return the id of a new command, as `read` will give it; `unique` is never used twice."""
        ...

    def logged_id(self, vehicle_id: str | None, command_id: str) -> str | None:
        """Return the id, as `read` gives it, of a command that the platform's log names.

        None: the log's id fits several commands.
        """
        ...

    def properties(
        self,
        vehicle_id: str,
        command: Command,
        *,
        life_s: int,
        user_properties: tuple[tuple[str, str], ...],
    ) -> PublishProperties:
        """Return the MQTT 5 properties of a command that lives for `life_s` whole seconds."""
        ...


def contents_of(profile: Profile, message: Message) -> Iterator[tuple[str, MessageContent | None]]:
    """Yield the car and each thing that a message says. Raises `RemoteProtocolError`."""
    for slot in profile.slots_of(message):
        yield profile.read(slot, message)


def vehicle_of_topic(profile: Profile, topic: str) -> str:
    """Return the car that a topic is about, "" where only the payload names it.

    Raises `RemoteProtocolError` for a topic of nobody's.
    """
    return profile.slots_of(
        Message(
            topic,
            payload=b"",
            qos=0,
            retain=False,
            duplicate=False,
            packet_id=None,
            correlation_data=None,
            response_topic=None,
            expiry_s=None,
            user_properties=[],
        )
    )[0][1]
