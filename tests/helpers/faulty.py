"""Cars with faults: on a fake link, or on the broker model with a platform that sends commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleet_sim.broker.model.broker import BrokerLimits
from fleet_sim.broker.model.control import ModelControl
from fleet_sim.cars.box import Box
from fleet_sim.cars.movements import Movement
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.world import World
from fleet_sim.faults import Fault, Hit, Injection
from fleet_sim.faults.registry import FaultWindow
from fleet_sim.scenario.form import Group
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Phase, Result, WireMessage
from fleet_wire.contract.topics import TopicKind, parse_topic, topic_of
from fleet_wire.links.link import LinkFactory, Message, PublishProperties, Session
from fleet_wire.randomness import RandomStream
from tests.helpers.fake_link import EPOCH_S, SECRET, Bench, signed_command
from tests.helpers.recorder import Recorder
from tests.helpers.virtual_fleet import VirtualFleet

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
        window=FaultWindow(duration_s),
        stream_of=lambda vehicle_id: RandomStream.named(1, f"fault/{name}/{vehicle_id}"),
        **more,
    )
    world.env.process(fault.process(injection))


class Platform(Recorder):
    """Sends commands and hears the cars."""

    def __init__(self, make_link: LinkFactory) -> None:
        self.heard: list[tuple[str, WireMessage]] = []
        """What cars say, each with its car."""
        topics = ("cars/+/result", "cars/+/presence", "cars/+/state")
        super().__init__(make_link, Session("platform", topics))
        self.link.connect()

    def on_message(self, message: Message) -> None:
        """Remember what a car says."""
        kind, vehicle_id = parse_topic(message.topic)
        self.heard.append((vehicle_id, codec.decode(kind, message.payload)))
        super().on_message(message)


class Street(VirtualFleet):
    """Some cars, `car-0` and on, on the broker model, and a platform."""

    def __init__(
        self,
        *,
        count: int = 1,
        parameters: BoxParameters = NULL_BOX,
        max_queued_messages: int = 1000,
    ) -> None:
        self.bad_certificates: list[bool] = []
        """Whether the box found it expired, of each handshake that failed."""
        self.moved: list[Movement] = []
        super().__init__(
            Group(name="car", count=count, id="car-{}", box=parameters).cars(),
            limits=BrokerLimits(max_queued_messages=max_queued_messages),
            fleet_secret=SECRET,
            epoch_unix_s=EPOCH_S,
            on_bad_certificate=self.bad_certificates.append,
            on_movement=self.moved.append,
        )
        self.hits: list[Hit] = []
        self._counter = 0
        self.fleet.start()
        self.platform = Platform(self.links())
        self.let_pass(SETTLED_S)

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

    def unlock(self, command_id: str, *, car: int = 0, ttl_s: float = 30.0) -> None:
        """Publish a command as the probe does."""
        self._counter += 1
        box = self.boxes[car]
        command = signed_command(
            box, command_id, at_s=self.env.now, lives_s=ttl_s, counter=self._counter
        )
        self.platform.link.publish(
            topic_of(TopicKind.COMMAND, box.vehicle_id),
            codec.encode(command),
            properties=PublishProperties(correlation_data=command_id.encode(), expiry_s=int(ttl_s)),
            on_ack=self.platform.acks.append,
        )

    def executed(self) -> list[str]:
        """Return the commands that cars say they have executed, in order."""
        return [
            said.command_id
            for _, said in self.platform.heard
            if isinstance(said, Result) and said.phase is Phase.EXECUTED
        ]
