"""Cars with faults: on a fake link, or on the broker model with a platform that sends commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fleet_sim.broker.model.broker import BrokerLimits, BrokerModel
from fleet_sim.broker.model.control import ModelControl
from fleet_sim.cars.box import Box
from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.world import World
from fleet_sim.faults import Fault, Hit, Injection
from fleet_sim.runs.virtual.time import VirtualEnvironment, VirtualTimers
from fleet_sim.scenario.form import Group
from fleet_wire.contract import codec
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceStatus,
    Reason,
    Result,
    WireMessage,
)
from fleet_wire.contract.signing import signature_of, vehicle_key
from fleet_wire.contract.topics import TopicKind, parse_topic, topic_of
from fleet_wire.links.link import Disconnected, LinkFactory, Message, PublishProperties, Session
from fleet_wire.randomness import RandomStream
from tests.helpers.fake_link import EPOCH_S, SECRET, Bench

SETTLED_S = 1.0


def inject(fault: Fault, car: Bench, duration_s: float, *, name: str = "first") -> None:
    """Open the window of a fault on one car now; a second one on the same car needs a name."""
    open_window(fault, car.world, [car.box], duration_s, name=name)


def inject_at(
    start_s: float, fault: Fault, car: Bench, duration_s: float, *, name: str = "first"
) -> None:
    """Open the window at a simulated second."""
    car.world.later(start_s - car.env.now, lambda: inject(fault, car, duration_s, name=name))


def open_window(
    fault: Fault,
    world: World,
    boxes: Sequence[Box],
    duration_s: float,
    *,
    name: str = "first",
    **more: Any,
) -> None:
    """Open the window of a fault on some cars now."""
    injection = Injection(
        world=world,
        boxes=boxes,
        vehicle_ids=frozenset(box.vehicle_id for box in boxes),
        duration_s=duration_s,
        stream_of=lambda vehicle_id: RandomStream.named(1, f"fault/{name}/{vehicle_id}"),
        **more,
    )
    world.env.process(fault.process(injection))


def answers(car: Bench) -> list[tuple[Phase, Reason | None]]:
    """Return what the box has answered so far."""
    return [(result.phase, result.reason) for result in car.link.results()]


@dataclass
class Platform:
    """Sends commands and hears the cars. Implements `fleet_wire.links.link.LinkHandler`."""

    heard: list[tuple[str, WireMessage]] = field(default_factory=list)
    """What cars say, each with its car."""
    results: list[tuple[str, Result]] = field(default_factory=list)
    presences: list[tuple[str, PresenceStatus]] = field(default_factory=list)
    acks: list[int] = field(default_factory=list)

    def session(self) -> Session:
        """Listen to all cars."""
        return Session(
            "platform", subscriptions=("cars/+/result", "cars/+/presence", "cars/+/state")
        )

    def on_connected(self, *, session_present: bool) -> None:
        """Say nothing."""

    def on_disconnected(self, reason: Disconnected) -> None:
        """Fail: nothing in these tests cuts the platform off."""
        raise AssertionError(reason)

    def on_message(self, message: Message) -> None:
        """Remember what a car says."""
        kind, vehicle_id = parse_topic(message.topic)
        said = codec.decode(kind, message.payload)
        self.heard.append((vehicle_id, said))
        if isinstance(said, Result):
            self.results.append((vehicle_id, said))
        elif isinstance(said, Presence):
            self.presences.append((vehicle_id, said.status))
        self.link.acknowledge(message)

    def connect(self, links: LinkFactory) -> None:
        """Connect to the broker."""
        self.link = links(self)
        self.link.connect()


class Street:
    """Some cars, `car-0` and on, on the broker model, and a platform."""

    def __init__(
        self,
        *,
        count: int = 1,
        parameters: BoxParameters = NULL_BOX,
        max_queued_messages: int = 1000,
    ) -> None:
        self.env = VirtualEnvironment()
        self.broker = BrokerModel(
            VirtualTimers(self.env), limits=BrokerLimits(max_queued_messages=max_queued_messages)
        )
        links = partial(self.broker.link, limits=BOX_LINK_LIMITS)
        self.bad_certificates: list[bool] = []
        """Whether the box found it expired, of each handshake that failed."""
        self.world = World(
            self.env,
            1,
            SECRET,
            EPOCH_S,
            links,
            on_bad_certificate=self.bad_certificates.append,
        )
        group = Group(name="car", count=count, id="car-{}", box=parameters)
        specs = [*group.cars()]
        self.fleet = Fleet(self.world, specs, sms_centre="sms-centre")
        self.platform = Platform()
        self.hits: list[Hit] = []
        self._counter = 0
        self.fleet.start()
        self.platform.connect(self.broker.link)
        self.env.run(until=SETTLED_S)

    @property
    def boxes(self) -> list[Box]:
        """Return the boxes in order."""
        return list(self.fleet.boxes.values())

    def inject(self, fault: Fault, duration_s: float, boxes: Sequence[Box] | None = None) -> None:
        """Open the window of a fault on all cars, or some of them, now."""
        boxes = self.boxes if boxes is None else boxes
        control = ModelControl(self.broker)
        record = self.hits.append
        open_window(fault, self.world, boxes, duration_s, broker=control, record=record)

    def pass_s(self, duration_s: float) -> None:
        """Let simulated time pass."""
        self.env.run(until=self.env.now + duration_s)

    def unlock(self, command_id: str, *, car: int = 0, ttl_s: float = 30.0) -> None:
        """Publish a command as the probe does."""
        self._counter += 1
        vehicle_id = self.boxes[car].vehicle_id
        now_ms = int((EPOCH_S + self.env.now) * 1000)
        expires_at_ms = now_ms + int(ttl_s * 1000)
        signature = signature_of(
            vehicle_key(SECRET, vehicle_id),
            command_id=command_id,
            action=Action.UNLOCK,
            expires_at_ms=expires_at_ms,
            counter=self._counter,
        )
        command = Command(
            command_id=command_id,
            action=Action.UNLOCK,
            issued_at_ms=now_ms,
            expires_at_ms=expires_at_ms,
            counter=self._counter,
            signature=signature,
        )
        self.platform.link.publish(
            topic_of(TopicKind.COMMAND, vehicle_id),
            codec.encode(command),
            properties=PublishProperties(correlation_data=command_id.encode(), expiry_s=int(ttl_s)),
            on_ack=self.platform.acks.append,
        )

    def executed(self) -> list[str]:
        """Return the commands that cars say they have executed, in order."""
        return [
            result.command_id
            for _, result in self.platform.results
            if result.phase is Phase.EXECUTED
        ]
