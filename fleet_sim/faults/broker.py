"""Faults at the broker: storms of connects, full queues, two boxes with one name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

from pydantic import Field

from fleet_sim.broker.control import BrokerSettings
from fleet_sim.cars.box import Box
from fleet_sim.cars.joints import RECONNECT
from fleet_sim.faults.registry import (
    CarFault,
    Claim,
    Fault,
    FaultProcess,
    Injection,
    Need,
    Strikes,
    register,
)
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import Disconnected, Link, Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream

FILLER_RETRY_S = 1.0
FILLER_WINDOW = 500
"""Messages under way at once, far below what a link lets wait."""
TWIN_EXPIRY_S = 86_400
"""As the box whose name it uses: the session is theirs together."""


@register
class ReconnectStorm(Fault):
    """Catalogue 13: every connection breaks at once, and firmware without jitter comes back."""

    name: ClassVar[str] = "reconnect_storm"
    summary: ClassVar[str] = "all connections break at once; all boxes come back at the same moment"
    seen: ClassVar[str] = "box_offline, then slow successes; connects in one peak"
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.RECONNECT_RULE})

    retry_s: float = Field(30.0, gt=0, description="the firmware's fixed delay (OVMS v3: 30 s)")
    jitter_s: float = Field(0.0, ge=0, description="what the firmware adds to it at random")
    waves: int = Field(1, ge=1, description="how often the connections break in the window")

    def process(self, injection: Injection) -> FaultProcess:
        """Break all connections, in waves spread over the window."""
        policy = ReconnectPolicy(full_jitter=False, base_s=self.retry_s, jitter_s=self.jitter_s)

        def come_back_together(_usual: ReconnectPolicy, _context: None) -> ReconnectPolicy:
            return policy

        with ExitStack() as stack:
            for box in injection.boxes:
                stack.enter_context(box.bend(RECONNECT, come_back_together, by=injection))
            for _ in range(self.waves):
                for box in injection.boxes:
                    box.modem.drop_connection(by=injection)
                yield injection.wait(injection.duration_s / self.waves)


class _Stranger:
    """A client of no car. Implements `fleet_wire.links.link.LinkHandler`."""

    def __init__(self, client_id: str, injection: Injection, *, comes_back_s: float) -> None:
        self._client_id = client_id
        self._injection = injection
        self._comes_back_s = comes_back_s
        self._has_left = False
        self._link: Link = injection.world.link_factory(self)

    def session(self) -> Session:
        """Return what to say in CONNECT."""
        return Session(self._client_id)

    def come(self) -> None:
        """Connect, unless it is gone for good."""
        if not self._has_left:
            self._link.connect()

    def on_connected(self, *, session_present: bool) -> None:
        """Say nothing."""

    def on_message(self, message: Message) -> None:
        """Take a command away from the car that it was for."""
        self._link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:  # noqa: ARG002 - LinkHandler's form
        """Come back after a while."""
        self._injection.world.later(self._comes_back_s, self.come)

    def leave(self) -> None:
        """Go for good."""
        self._has_left = True
        self._link.disconnect()


class _Filler(_Stranger):
    """Sends what nobody needs, a window of messages at a time: a link takes only so many."""

    def fill(self, topics: Iterator[str]) -> None:
        """Send one message to each topic."""
        self._topics = topics
        for _ in range(FILLER_WINDOW):
            self._send_next()

    def _send_next(self, _code: int = 0) -> None:
        topic = next(self._topics, None)
        if topic is not None:
            self._link.publish(topic, b"{}", on_ack=self._send_next)


class _Twin(_Stranger):
    """A second box with the name of a car: it shares the car's session."""

    def __init__(self, box: Box, injection: Injection, *, comes_back_s: float) -> None:
        super().__init__(box.vehicle_id, injection, comes_back_s=comes_back_s)
        self._box = box

    def session(self) -> Session:
        """Listen to the commands of the car whose name it uses."""
        topic = topic_of(TopicKind.COMMAND, self._client_id)
        return Session(self._client_id, subscriptions=(topic,), session_expiry_s=TWIN_EXPIRY_S)

    def on_connected(self, *, session_present: bool) -> None:
        """Throw the box out, or keep it out."""
        del session_present
        self._box.modem.blame(self._injection, "client_id")

    def on_message(self, message: Message) -> None:
        """Take a command away from the car that it was for."""
        super().on_message(message)
        command_id = message.correlation_data.decode() if message.correlation_data else None
        self._injection.hit(self._client_id, "client_id", command_id=command_id)


@register
class QueueFullDrop(Fault):
    """Catalogue 15: a car's queue at the broker is full, and the command is dropped silently."""

    name: ClassVar[str] = "queue_full_drop"
    summary: ClassVar[str] = "the broker's queue for a car is full: commands are dropped silently"
    seen: ClassVar[str] = (
        "box_offline though PUBACK said 0, no answer after the return; the broker's log says so"
    )
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.BROKER_QUEUE})
    needs: ClassVar[frozenset[Need]] = frozenset({Need.OWN_BROKER})

    max_queued_messages: int = Field(
        100,
        ge=1,
        description="the broker's limit a client (mosquitto: 1000, before 2.0 100; its 0 is no"
        " limit, and never full)",
    )

    def broker_settings(self) -> BrokerSettings:
        """Return the queue limit that the broker must have."""
        return BrokerSettings(max_queued_messages=self.max_queued_messages)

    def process(self, injection: Injection) -> FaultProcess:
        """Take the cars off the network, and fill their queues with what nobody will ever need.

        The broker knows that they are away: for a client that is connected, however silent, it
        keeps a window of messages more.
        """
        with ExitStack() as stack:
            for box in injection.boxes:
                box.modem.crash()
                stack.enter_context(box.modem.without_coverage(by=injection))
            name = f"queue-filler-{injection.boxes[0].vehicle_id}"
            filler = _Filler(name, injection, comes_back_s=FILLER_RETRY_S)
            filler.come()
            filler.fill(
                topic_of(TopicKind.COMMAND, box.vehicle_id)
                for box in injection.boxes
                for _ in range(self.max_queued_messages)
            )
            yield injection.whole_window()
            filler.leave()


@register
class ClientIdTakeover(CarFault):
    """Catalogue 22: two boxes share one client id, and throw each other out in turn."""

    name: ClassVar[str] = "client_id_takeover"
    summary: ClassVar[str] = "a second box with the same client id: both flap, commands go astray"
    seen: ClassVar[str] = "box_offline: presence flaps, about half of the commands go astray"
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.CLIENT_ID})

    flap_s: float = Field(
        5.0, gt=0, description="the other box comes back after so long, 1 to 60 s in the field"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:  # noqa: ARG002 - nothing is drawn
        """Bring a twin of the car onto the broker, and take it away when the window closes."""
        twin = _Twin(box, injection, comes_back_s=self.flap_s)
        twin.come()
        yield injection.whole_window()
        twin.leave()
