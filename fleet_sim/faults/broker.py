"""Faults at the broker: storms of connects, full queues, two boxes with one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fleet_sim.faults.registry import BrokerLimits, Fault, FaultProcess, Injection, register
from fleet_wire.link import Disconnected, Link, Message, Session
from fleet_wire.randomness import RandomStream
from fleet_wire.reconnect import ReconnectPolicy
from fleet_wire.topics import TopicKind, topic_of

if TYPE_CHECKING:  # see registry
    from fleet_sim.box import Box


@register
class ReconnectStorm(Fault):
    """Catalogue 13: every connection breaks at once, and firmware without jitter comes back."""

    name: ClassVar[str] = "reconnect_storm"
    summary: ClassVar[str] = "all connections break at once; all boxes come back at the same moment"

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
            box.troubles.reconnect = None


class _Stranger:
    """A client of no car. Implements `fleet_wire.link.LinkHandler`."""

    def __init__(self, client_id: str, injection: Injection, *, comes_back_s: float | None) -> None:
        self._client_id = client_id
        self._injection = injection
        self._comes_back_s = comes_back_s
        self.topic: str | None = None
        self.link: Link = injection.world.link_factory(self)

    def session(self) -> Session:
        """Listen to the topic of the car whose name it uses, if any."""
        subscriptions = (self.topic,) if self.topic is not None else ()
        return Session(self._client_id, subscriptions=subscriptions, session_expiry_s=86_400)

    def on_connected(self, *, session_present: bool) -> None:
        """Say nothing."""

    def on_message(self, message: Message) -> None:
        """Take a command away from the car that it was for."""
        self.link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:  # noqa: ARG002 - LinkHandler's form
        """Come back, if it is that kind."""
        if self._comes_back_s is not None:
            self._injection.world.later(self._comes_back_s, self.link.connect)

    def leave(self) -> None:
        """Go for good."""
        self._comes_back_s = None
        self.link.disconnect()


@register
class QueueFullDrop(Fault):
    """Catalogue 15: a car's queue at the broker is full, and the command is dropped silently."""

    name: ClassVar[str] = "queue_full_drop"
    summary: ClassVar[str] = "the broker's queue for a car is full: commands are dropped silently"

    max_queued_messages: int = Field(
        100, ge=1, description="the broker's limit a client (mosquitto: 1000, before 2.0 100)"
    )
    in_flight: int = Field(
        20, ge=0, description="messages in flight that do not count (mosquitto's default)"
    )

    def broker_limits(self) -> BrokerLimits:
        """Return the queue limit that the broker must have."""
        return BrokerLimits(max_queued_messages=self.max_queued_messages)

    def process(self, injection: Injection) -> FaultProcess:
        """Take the cars' coverage, and fill their queues with what nobody will ever need."""
        filler = _Stranger("queue-filler", injection, comes_back_s=1.0)
        filler.link.connect()
        for box in injection.boxes:
            box.modem.lose_coverage()
            topic = topic_of(TopicKind.COMMAND, box.vehicle_id)
            for _ in range(self.max_queued_messages + self.in_flight):
                filler.link.publish(topic, b"{}")
        yield injection.env.timeout(injection.duration_s)
        filler.leave()
        for box in injection.boxes:
            box.modem.regain_coverage()


@register
class ClientIdTakeover(Fault):
    """Catalogue 22: two boxes share one client id, and throw each other out in turn."""

    name: ClassVar[str] = "client_id_takeover"
    summary: ClassVar[str] = "a second box with the same client id: both flap, commands go astray"

    flap_s: float = Field(
        5.0, gt=0, description="the other box comes back after so long, 1 to 60 s in the field"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Bring a twin of each car onto the broker, and take it away when the window closes."""

        def impersonate(box: Box, _stream: RandomStream) -> FaultProcess:
            twin = _Stranger(box.vehicle_id, injection, comes_back_s=self.flap_s)
            twin.topic = topic_of(TopicKind.COMMAND, box.vehicle_id)
            twin.link.connect()
            yield injection.env.timeout(injection.duration_s)
            twin.leave()

        return injection.each_box(impersonate)
