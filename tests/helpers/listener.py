"""A client of the broker model that keeps what it hears."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from fleet_sim.broker.model.broker import BrokerModel
from fleet_wire.contract import codec
from fleet_wire.contract.messages import VehicleState
from fleet_wire.contract.topics import TopicKind, parse_topic
from fleet_wire.links.link import Disconnected, Link, Message, Session


@dataclass
class Listener:
    """Hears some topics, what is retained there first. Implements `LinkHandler`."""

    filters: tuple[str, ...]
    messages: list[Message] = field(default_factory=list)
    link: Link = field(init=False)

    @classmethod
    def of(cls, broker: BrokerModel, *filters: str) -> Self:
        """Return one that connects to the broker."""
        listener = cls(filters)
        listener.link = broker.link(listener)
        listener.link.connect()
        return listener

    def payloads(self) -> list[dict[str, Any]]:
        """Return the JSON of each message."""
        return [msgspec.json.decode(message.payload) for message in self.messages]

    def states(self) -> list[VehicleState]:
        """Return the states of cars among them."""
        decoded = (
            codec.decode(kind, message.payload)
            for message in self.messages
            if (kind := parse_topic(message.topic)[0]) is TopicKind.STATE
        )
        return [state for state in decoded if isinstance(state, VehicleState)]

    def session(self) -> Session:
        """Listen."""
        return Session("listener", subscriptions=self.filters, clean_start=True)

    def on_connected(self, *, session_present: bool) -> None:
        """Say nothing."""

    def on_disconnected(self, reason: Disconnected) -> None:
        """Fail: nothing cuts it off."""
        raise AssertionError(reason)

    def on_message(self, message: Message) -> None:
        """Keep it."""
        self.messages.append(message)
        self.link.acknowledge(message)
