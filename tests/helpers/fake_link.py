"""A link without a broker: remembers what the model sends, and brings what a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from bench.fidelity.street import DirectLink
from fleet_sim.cars.box import Box
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.cars.world import World
from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Action,
    Command,
    Presence,
    Result,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.signing import signature_of, vehicle_key
from fleet_wire.contract.topics import TopicKind, parse_topic
from fleet_wire.links.link import (
    Disconnected,
    EndReason,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
    Session,
)

SECRET = "test-secret"  # noqa: S105 - of the test's own fleet
EPOCH_S = 1_700_000_000.0

SLEEPY = NULL_BOX.model_copy(
    update={
        "asleep_share": 1.0,
        "sms_loss": 0.0,
        "sms_wake": Uniform(base_s=2.0),
        "modem_resume": Uniform(base_s=8.0),
        "awake_after_wake_s": 60.0,
    }
)
"""A box that sleeps, and that an SMS wakes within 10 s."""


@dataclass
class FakeLink(DirectLink):
    """Connects when the test says so, or at once."""

    connects_at_once: bool = True
    calls: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    sent: list[tuple[TopicKind, WireMessage]] = field(default_factory=list)
    envelopes: list[tuple[str, int, bool]] = field(default_factory=list)
    """Topic, QoS and whether to retain it, of each of `sent`."""
    properties: list[PublishProperties | None] = field(default_factory=list)
    acknowledged: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Keep the calls."""
        self.note = self.calls.append

    def take_over(self, old: FakeLink) -> None:
        """Go on with the records of the box's link before; what is still sent there is lost."""
        self.connects_at_once = old.connects_at_once
        self.calls, self.sessions, self.acknowledged = old.calls, old.sessions, old.acknowledged
        self.note = self.calls.append
        self.sent, old.sent = old.sent, []
        self.properties, old.properties = old.properties, []

    def connect(self) -> None:
        """Begin to connect."""
        self.note("connect")
        self.sessions.append(self.handler.session())
        if self.connects_at_once:
            self.accept()

    def freeze(self) -> None:
        """Carry nothing any more, which is no call to the broker."""
        self.is_frozen = True

    def lose(self, why: EndReason = EndReason.BROKER_CLOSED, code: int | None = None) -> None:
        """Let the connection break, or be refused with a code."""
        self.is_connected = False
        self.handler.on_disconnected(Disconnected(why, code))

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: PublishProperties | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """Remember what is sent."""
        del on_ack
        kind, _ = parse_topic(topic)
        self.sent.append((kind, codec.decode(kind, payload)))
        self.envelopes.append((topic, qos, retain))
        self.properties.append(properties)

    def acknowledge(self, *messages: Message) -> None:
        """Remember what is acknowledged."""
        self.acknowledged += messages

    def results(self) -> list[Result]:
        """Return the results sent so far."""
        return [message for _, message in self.sent if isinstance(message, Result)]

    def states(self) -> list[VehicleState]:
        """Return the states sent so far."""
        return [message for _, message in self.sent if isinstance(message, VehicleState)]

    def presences(self) -> list[Presence]:
        """Return the presences sent so far."""
        return [message for _, message in self.sent if isinstance(message, Presence)]


@dataclass
class Bench:
    """One box on a fake link, in virtual time."""

    env: simpy.Environment
    world: World
    box: Box
    links: list[FakeLink]
    counter: int = 0

    @property
    def link(self) -> FakeLink:
        """Return the link that the box has now: a boot gives it a new one."""
        return self.links[-1]

    def command(self, command_id: str = "c1", **changes: Any) -> Message:
        """Return a well-signed command as the broker would deliver it; `changes` spoil it."""
        self.counter += 1
        now_ms = int((EPOCH_S + self.env.now) * 1000)
        fields: dict[str, Any] = {
            "command_id": command_id,
            "action": Action.UNLOCK,
            "expires_at_ms": now_ms + 30_000,
            "counter": self.counter,
        }
        fields.update({key: value for key, value in changes.items() if key in fields})
        key = vehicle_key(SECRET, self.box.vehicle_id)
        signature = changes.get("signature") or signature_of(key, **fields)
        command = Command(issued_at_ms=now_ms, signature=signature, **fields)
        return self.message(
            codec.encode(command),
            correlation_data=changes.get("correlation_data", command_id.encode()),
            user_properties=changes.get("user_properties", ()),
        )

    def message(
        self,
        payload: bytes,
        correlation_data: bytes | None = None,
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> Message:
        """Return a message on the box's command topic."""
        return Message(
            topic=f"cars/{self.box.vehicle_id}/command",
            payload=payload,
            qos=1,
            retain=False,
            duplicate=False,
            packet_id=1,
            correlation_data=correlation_data,
            response_topic=None,
            expiry_s=None,
            user_properties=list(user_properties),
        )

    def power(self) -> Power:
        """Return the power state of the box."""
        return self.box.power.state

    def deliver(self, message: Message) -> None:
        """Let a message come out of the broker's socket."""
        self.link.handler.on_message(message)


def bench(
    parameters: BoxParameters = NULL_BOX, *, seed: int = 1, start: bool = True, **link: Any
) -> Bench:
    """Return a box on a fake link, started unless told otherwise."""
    env = simpy.Environment()
    links: list[FakeLink] = []

    def factory(handler: LinkHandler) -> FakeLink:
        made = FakeLink(handler, **link)
        if links:
            made.take_over(links[-1])
        links.append(made)
        return made

    world = World(env, seed, SECRET, EPOCH_S, factory)
    box = Box(world, CarSpec("car-1", Traits(group="test"), parameters))
    made = Bench(env, world, box, links)
    if start:
        box.power.start()
    return made
