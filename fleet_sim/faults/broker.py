"""Faults at the broker: storms of connects, full queues, two boxes with one name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fleet_sim.faults.registry import BrokerLimits, Fault, FaultProcess, Injection, register
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import Disconnected, Link, Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream

if TYPE_CHECKING:  # see registry
    from fleet_sim.cars.box import Box


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
    only_once: ClassVar[str | None] = "a box has one rule for connecting again"

    retry_s: float = Field(30.0, gt=0, description="the firmware's fixed delay (OVMS v3: 30 s)")
    jitter_s: float = Field(0.0, ge=0, description="what the firmware adds to it at random")
    waves: int = Field(1, ge=1, description="how often the connections break in the window")

    def process(self, injection: Injection) -> FaultProcess:
        """Break all connections, in waves spread over the window."""
        policy = ReconnectPolicy(full_jitter=False, base_s=self.retry_s, jitter_s=self.jitter_s)
        for box in injection.boxes:
            box.troubles.reconnect = policy
        for _ in range(self.waves):
            for box in injection.boxes:
                box.modem.drop_connection()
            yield injection.env.timeout(injection.duration_s / self.waves)
        for box in injection.boxes:
            if box.troubles.reconnect is policy:  # else the next storm begins at this instant
                box.troubles.reconnect = None


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

    def session(self) -> Session:
        """Listen to the commands of the car whose name it uses."""
        topic = topic_of(TopicKind.COMMAND, self._client_id)
        return Session(self._client_id, subscriptions=(topic,), session_expiry_s=TWIN_EXPIRY_S)


@register
class QueueFullDrop(Fault):
    """Catalogue 15: a car's queue at the broker is full, and the command is dropped silently."""

    name: ClassVar[str] = "queue_full_drop"
    summary: ClassVar[str] = "the broker's queue for a car is full: commands are dropped silently"
    only_once: ClassVar[str | None] = "a car has one queue at the broker"

    max_queued_messages: int = Field(
        100, ge=1, description="the broker's limit a client (mosquitto: 1000, before 2.0 100)"
    )

    def broker_limits(self) -> BrokerLimits:
        """Return the queue limit that the broker must have."""
        return BrokerLimits(max_queued_messages=self.max_queued_messages)

    def process(self, injection: Injection) -> FaultProcess:
        """Take the cars off the network, and fill their queues with what nobody will ever need.

        The broker knows that they are away: for a client that is connected, however silent, it
        keeps a window of messages more.
        """
        for box in injection.boxes:
            box.modem.crash()
            box.modem.lose_coverage()
        name = f"queue-filler-{injection.boxes[0].vehicle_id}"
        filler = _Filler(name, injection, comes_back_s=FILLER_RETRY_S)
        filler.come()
        filler.fill(
            topic_of(TopicKind.COMMAND, box.vehicle_id)
            for box in injection.boxes
            for _ in range(self.max_queued_messages)
        )
        yield injection.env.timeout(injection.duration_s)
        filler.leave()
        for box in injection.boxes:
            box.modem.regain_coverage()


@register
class ClientIdTakeover(Fault):
    """Catalogue 22: two boxes share one client id, and throw each other out in turn."""

    name: ClassVar[str] = "client_id_takeover"
    summary: ClassVar[str] = "a second box with the same client id: both flap, commands go astray"
    only_once: ClassVar[str | None] = "the two boxes throw each other out already"

    flap_s: float = Field(
        5.0, gt=0, description="the other box comes back after so long, 1 to 60 s in the field"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Bring a twin of each car onto the broker, and take it away when the window closes."""

        def impersonate(box: Box, _stream: RandomStream) -> FaultProcess:
            twin = _Twin(box.vehicle_id, injection, comes_back_s=self.flap_s)
            twin.come()
            yield injection.env.timeout(injection.duration_s)
            twin.leave()

        return injection.each_box(impersonate)
