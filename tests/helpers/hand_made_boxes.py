"""Boxes that do nothing but answer, and a client that sends whatever a test wants."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Result,
    VehicleState,
)
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import (
    BrokerAddress,
    Disconnected,
    Link,
    LinkFactory,
    LinkHandler,
    Message,
    PublishProperties,
    Session,
    Will,
)
from tests.helpers.recorder import Recorder

OFFLINE = codec.encode(Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL))
ONLINE = codec.encode(Presence(PresenceStatus.ONLINE, "s1"))

RECONNECT_S = 0.05

Answer = Callable[["HandMadeBox", Command], None]


def state_of(vehicle_id: str, *, is_locked: bool, command_id: str | None = None) -> VehicleState:
    """Return a state; the region is the part of the id before the dash."""
    return VehicleState(
        is_locked=is_locked,
        is_open=False,
        voltage_v=12.6,
        firmware="2.4.1",
        hardware="tcu-3",
        operator="operator-a",
        region=vehicle_id.partition("-")[0],
        last_command_id=command_id,
    )


def open_at_once(box: HandMadeBox, command: Command) -> None:
    """Answer as a good box does, without taking any time; a lock shuts it again."""
    box.say(TopicKind.RESULT, Result(command.command_id, Phase.RECEIVED))
    executed = Result(command.command_id, Phase.EXECUTED, actuation_s=0.0, since_received_s=0.0)
    box.say(TopicKind.RESULT, executed)
    is_locked = command.action is Action.LOCK
    state = state_of(box.vehicle_id, is_locked=is_locked, command_id=command.command_id)
    box.say(TopicKind.STATE, state, retain=True)


def say_nothing(box: HandMadeBox, command: Command) -> None:
    """Take the command and stay silent."""
    del box, command


class HandMadeBox:
    """One box, which connects again at once when it loses the broker."""

    def __init__(self, links: LinkFactory, vehicle_id: str, answer: Answer = open_at_once) -> None:
        self.vehicle_id = vehicle_id
        self.answer = answer
        self.commands: list[Message] = []
        self.link: Link = links(self)
        self.link.connect()

    def session(self) -> Session:
        """Listen for commands."""
        return Session(
            client_id=self.vehicle_id,
            subscriptions=(topic_of(TopicKind.COMMAND, self.vehicle_id),),
            will=Will(topic_of(TopicKind.PRESENCE, self.vehicle_id), OFFLINE),
        )

    def on_connected(self, *, session_present: bool) -> None:
        """Say that we are there."""
        del session_present
        self.link.publish(topic_of(TopicKind.PRESENCE, self.vehicle_id), ONLINE, retain=True)
        self.say(TopicKind.STATE, state_of(self.vehicle_id, is_locked=True), retain=True)

    def on_message(self, message: Message) -> None:
        """Answer a command."""
        self.link.acknowledge(message)
        self.commands.append(message)
        command = codec.decode(TopicKind.COMMAND, message.payload)
        assert isinstance(command, Command)
        self.answer(self, command)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Come back soon."""
        del reason
        asyncio.get_running_loop().call_later(RECONNECT_S, self.link.connect)

    def say(
        self, kind: TopicKind, message: Result | VehicleState | Presence, *, retain: bool = False
    ) -> None:
        """Publish a message on a topic of ours."""
        topic = topic_of(kind, self.vehicle_id)
        self.link.publish(topic, codec.encode(message), retain=retain)


@asynccontextmanager
async def links_to(
    broker: BrokerAddress, tls: ssl.SSLContext | None = None
) -> AsyncIterator[LinkFactory]:
    """Give a factory of links, all of which are closed when the block ends."""
    factory = LeanLinkFactory(broker, tls=tls)
    links: list[Link] = []

    def make(handler: LinkHandler) -> Link:
        links.append(factory(handler))
        return links[-1]

    try:
        yield make
    finally:
        # A link whose next connect is due would still open: let it, then close all for good.
        await asyncio.sleep(RECONNECT_S)
        for link in links:
            link.abort()
        await asyncio.sleep(0)


def boxes(
    links: LinkFactory, vehicle_ids: Iterable[str], answer: Answer = open_at_once
) -> list[HandMadeBox]:
    """Return a box for each car."""
    return [HandMadeBox(links, vehicle_id, answer) for vehicle_id in vehicle_ids]


class AnyClient(Recorder):
    """A client that connects, listens to some topics, and may send anything."""

    def __init__(self, links: LinkFactory, client_id: str, *subscriptions: str) -> None:
        super().__init__(links, Session(client_id=client_id, subscriptions=subscriptions))
        self.link.connect()

    def on_disconnected(self, reason: Disconnected) -> None:
        """Try again where the broker was too slow; no test takes it away from this client."""
        if self.sessions_present:
            raise AssertionError(reason)
        asyncio.get_running_loop().call_later(RECONNECT_S, self.link.connect)

    def send(self, topic: str, payload: bytes, properties: PublishProperties | None = None) -> None:
        """Publish, and keep the PUBACK's code."""
        self.link.publish(topic, payload, properties=properties, on_ack=self.acks.append)


def presences(client: AnyClient) -> dict[str, tuple[str, str | None]]:
    """Return the latest status and reason on each topic."""
    latest: dict[str, tuple[str, str | None]] = {}
    for message in client.messages:
        presence = codec.decode(TopicKind.PRESENCE, message.payload)
        assert isinstance(presence, Presence)
        latest[message.topic] = (presence.status, presence.reason)
    return latest
