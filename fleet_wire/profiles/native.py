"""The native profile: topics, JSON and signatures of the contract (`fleet_wire.contract`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fleet_wire.contract import codec
from fleet_wire.contract.messages import Command, WireMessage
from fleet_wire.contract.topics import TopicKind, parse_topic, topic_of
from fleet_wire.links.link import Message, PublishProperties
from fleet_wire.profiles.profile import CONTRACT, MessageContent, Packet, TopicSlot

_NO_NUMBERS: Final[Mapping[str, Any]] = MappingProxyType({})


MAX_TOPICS_KNOWN: Final = 65_536
"""Topics that need not be taken apart again, about 20 MB of them [E]: of 20,000 cars at least."""


class NativeProfile:
    """The contract as it is. Implements `fleet_wire.profiles.profile.Profile`."""

    name: Final = "native"
    traits: Final = CONTRACT
    box_numbers: Final = _NO_NUMBERS
    device_shadow: Final = None

    def __init__(self) -> None:
        self._slots: dict[str, tuple[TopicSlot]] = {}
        """Those of topics that were read: each car says much at few topics."""

    def filters(self, kinds: Iterable[TopicKind]) -> tuple[str, ...]:
        """Return one filter for each kind."""
        return tuple(topic_of(kind, "+") for kind in kinds)

    def car_filters(self, kind: TopicKind, vehicle_id: str) -> tuple[str, ...]:
        """Return the car's topic of that kind."""
        return (topic_of(kind, vehicle_id),)

    def slots_of(self, message: Message) -> tuple[TopicSlot]:
        """Return kind and car by the topic; raises `RemoteProtocolError` outside the contract."""
        slots = self._slots.get(message.topic)
        if slots is None:
            if len(self._slots) >= MAX_TOPICS_KNOWN:
                self._slots.clear()
            slots = self._slots[message.topic] = ((*parse_topic(message.topic), None),)
        return slots

    def read(self, place: TopicSlot, message: Message) -> tuple[str, MessageContent | None]:
        """Return the message, decoded strictly; raises `RemoteProtocolError`."""
        return place[1], codec.decode(place[0], message.payload)

    def read_command(self, vehicle_id: str, message: Message) -> Command | None:  # noqa: ARG002
        """Return the command: the broker brings a box no other topic."""
        command = codec.decode(TopicKind.COMMAND, message.payload)
        assert isinstance(command, Command)  # noqa: S101 - decode returns this for COMMAND
        return command

    def unknown_fields(self, place: TopicSlot, payload: bytes) -> dict[str, Any]:
        """Return what a newer firmware sends besides."""
        return codec.unknown_fields(place[0], payload)

    def write(
        self,
        kind: TopicKind,
        vehicle_id: str,
        message: WireMessage,
        command: Command | None = None,  # noqa: ARG002 - a result of the contract names it
    ) -> tuple[Packet, ...]:
        """Return the one packet of a message."""
        qos = 0 if kind is TopicKind.TELEMETRY or kind is TopicKind.EVENT else 1
        # Not by a set: an enumeration's hash is a call, and this is done for each message.
        retain = kind is TopicKind.STATE or kind is TopicKind.PRESENCE
        return ((topic_of(kind, vehicle_id), codec.encode(message), qos, retain),)

    def command_id(self, vehicle_id: str, unique: str, *, client_id: str) -> str:  # noqa: ARG002
        """Return `unique`: ids of the contract are unique in the fleet."""
        return unique

    def logged_id(self, vehicle_id: str | None, command_id: str) -> str | None:  # noqa: ARG002
        """Return the log's id: ids of the contract are unique in the fleet."""
        return command_id

    def properties(
        self,
        vehicle_id: str,
        command: Command,
        *,
        life_s: int,
        user_properties: tuple[tuple[str, str], ...],
    ) -> PublishProperties:
        """Return Response Topic, Correlation Data and Message Expiry, with the user properties."""
        return PublishProperties(
            response_topic=topic_of(TopicKind.RESULT, vehicle_id),
            correlation_data=command.command_id.encode(),
            expiry_s=life_s,
            user_properties=user_properties,
        )


NATIVE: Final = NativeProfile()
"""The one object that all share."""
