"""A link without a broker: remembers what the model sends, and brings what a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.fidelity.street import DirectLink
from fleet_sim.cars.box import Box
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.cars.world import ModelEnvironment, World
from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Action,
    Command,
    Presence,
    Result,
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
from tests.helpers.messages import message_of

SECRET = "test-secret"  # noqa: S105 - of the test's own fleet
EPOCH_S = 1_700_000_000.0


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

    def presences(self) -> list[Presence]:
        """Return the presences sent so far."""
        return [message for _, message in self.sent if isinstance(message, Presence)]


def signed_command(
    box: Box, command_id: str, *, at_s: float, lives_s: float = 30.0, **changes: Any
) -> Command:
    """Return a command for a box as the platform signs it in a second; `changes` spoil it."""
    now_ms = int((EPOCH_S + at_s) * 1000)
    fields: dict[str, Any] = {
        "command_id": command_id,
        "action": Action.UNLOCK,
        "expires_at_ms": now_ms + int(lives_s * 1000),
        **changes,
    }
    signature = fields.pop("signature", None)
    signature = signature or signature_of(vehicle_key(SECRET, box.vehicle_id), **fields)
    return Command(issued_at_ms=now_ms, signature=signature, **fields)


@dataclass
class Bench:
    """One box on a fake link, in virtual time."""

    env: ModelEnvironment
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
        properties: dict[str, Any] = {"correlation_data": command_id.encode()}
        for name in ("correlation_data", "user_properties"):
            if name in changes:
                properties[name] = changes.pop(name)
        changes.setdefault("counter", self.counter)
        command = signed_command(self.box, command_id, at_s=self.env.now, **changes)
        return self.message(codec.encode(command), **properties)

    def message(self, payload: bytes, **properties: Any) -> Message:
        """Return a message on the box's command topic."""
        return message_of(f"cars/{self.box.vehicle_id}/command", payload, **properties)

    def power(self) -> Power:
        """Return the power state of the box."""
        return self.box.power.state

    def deliver(self, message: Message) -> None:
        """Let a message come out of the broker's socket."""
        self.link.handler.on_message(message)


def bench(parameters: BoxParameters = NULL_BOX, *, seed: int = 1, **link: Any) -> Bench:
    """Return a box that has started, on a fake link."""
    env = ModelEnvironment()
    links: list[FakeLink] = []

    def factory(handler: LinkHandler) -> FakeLink:
        made = FakeLink(handler, **link)
        if links:
            made.take_over(links[-1])
        links.append(made)
        return made

    world = World(env, seed, SECRET, EPOCH_S, factory)
    traits = Traits(group="test", technology=parameters.radio.technology.value)
    box = Box(world, CarSpec("car-1", traits, parameters))
    made = Bench(env, world, box, links)
    box.power.start()
    return made
