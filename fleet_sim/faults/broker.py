"""Faults at the broker: storms of connects, full queues, two boxes with one name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from fleet_sim.broker.control import BrokerSettings
from fleet_sim.cars.box import Box
from fleet_sim.cars.failpoints import PUBACK, RECONNECT
from fleet_sim.cars.movements import of_another_car
from fleet_sim.cars.service_client import ServiceClient
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults.drawing import ANYTHING, Drawing
from fleet_sim.faults.outsiders import outsider
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
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Message
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.quantities import PositiveSeconds, Seconds, Share
from fleet_wire.randomness import RandomStream

FILLER_WINDOW = 500
"""Messages under way at once, far below what a link lets wait."""
MOST_SEEDS = 2**32
"""Range of the seeds of a clone's random streams."""


@register
class ReconnectStorm(Fault):
    """Every connection breaks at once, and firmware without jitter comes back."""

    name: ClassVar[str] = "reconnect_storm"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"retry_s": (20, 40)},
        variants=({}, {"waves": 2}, {"jitter_s": 5.0}),
        strikes_alike=("all", "region"),
    )
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.RECONNECT_RULE})

    retry_s: PositiveSeconds = Field(30.0, description="the firmware's fixed delay (OVMS v3: 30 s)")
    jitter_s: Seconds = Field(0.0, description="what the firmware adds to it at random")
    waves: int = Field(
        1, ge=1, le=1_000, description="how often the connections break in the window"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Break all connections, in waves spread over the window."""
        policy = ReconnectPolicy(full_jitter=False, base_s=self.retry_s, jitter_s=self.jitter_s)

        def come_back_together(_usual: ReconnectPolicy, _context: None) -> ReconnectPolicy:
            return policy

        with ExitStack() as stack:
            for box in injection.boxes:
                stack.enter_context(box.set_action(RECONNECT, come_back_together, by=injection))
            for _ in range(self.waves):
                for box in injection.boxes:
                    box.modem.dialler.drop_connection(by=injection)
                yield injection.wait(injection.duration_s / self.waves)


def _filler(injection: Injection, *, each: int) -> ServiceClient:
    """Return a client that sends useless messages to each car, a window at a time.

    A link accepts no more at once.
    """
    filler = outsider(f"queue-filler-{injection.boxes[0].vehicle_id}", injection)
    filler.connect()
    profile = injection.world.profile
    topics = (
        topic.replace("+", "filler")
        for box in injection.boxes
        for topic in profile.car_filters(TopicKind.COMMAND, box.vehicle_id)[:1]
        for _ in range(each)
    )

    def send_next(_code: int = 0) -> None:
        topic = next(topics, None)
        if topic is not None:
            filler.link.publish(topic, b"{}", on_ack=send_next)

    for _ in range(FILLER_WINDOW):
        send_next()
    return filler


@register
class QueueFullDrop(Fault):
    """A car's queue at the broker is full, and the command is dropped silently."""

    name: ClassVar[str] = "queue_full_drop"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"max_queued_messages": (20, 200)}, may_strike_alike=ANYTHING
    )
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.BROKER_QUEUE})
    needs: ClassVar[frozenset[Need]] = frozenset({Need.OWN_BROKER})

    max_queued_messages: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="the broker's limit a client (mosquitto: 1000, before 2.0 100; its 0 is no"
        " limit, and never full)",
    )

    def broker_settings(self) -> BrokerSettings:
        """Return the queue limit that the broker must have."""
        return BrokerSettings(max_queued_messages=self.max_queued_messages)

    def process(self, injection: Injection) -> FaultProcess:
        """Cut the cars off, and fill their queues with useless messages.

        The broker knows that they are away: for a client that is connected, however silent, it
        keeps a window of messages more.
        """
        with ExitStack() as stack:
            for box in injection.boxes:
                box.modem.connection.crash()
                stack.enter_context(box.modem.bearer.without_coverage(by=injection))
            filler = _filler(injection, each=self.max_queued_messages)
            yield injection.whole_window()
            filler.leave()


@register
class InflightStall(Fault):
    """PUBACKs are lost, the window at the broker is full, and nothing more is sent.

    A broker has at most so many messages under way to a client (Receive Maximum, 20 here and with
    mosquitto). A message whose PUBACK it never gets takes its place until the box connects anew.
    """

    name: ClassVar[str] = "inflight_stall"
    drawing: ClassVar[Drawing] = Drawing(ranges={"loss": (0.9, 1.0)}, may_strike_alike=ANYTHING)
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.BROKER_QUEUE})
    needs: ClassVar[frozenset[Need]] = frozenset({Need.OWN_BROKER})

    loss: Share = Field(1.0, description="share of PUBACKs that the broker does not get")
    pushed: int = Field(
        20, ge=0, le=1_000,
        description="messages that the platform pushes to each car at the opening, a new"
        " configuration, say: with all of 20 PUBACKs lost the window is full",
    )  # fmt: skip

    def process(self, injection: Injection) -> FaultProcess:
        """Push, and lose PUBACKs; at the end of the window the boxes connect anew."""

        def losing(stream: RandomStream) -> Callable[[bool, Message], bool]:
            def lose(acknowledges: bool, _message: Message) -> bool:  # noqa: FBT001 - the failpoint's form
                is_lost = stream.uniform() < self.loss
                return acknowledges and not is_lost

            return lose

        with ExitStack() as stack:
            for box in injection.boxes:
                lose = losing(injection.stream_of(box.vehicle_id))
                stack.enter_context(box.set_action(PUBACK, lose, by=injection))
            filler = _filler(injection, each=self.pushed)
            yield injection.whole_window()
            filler.leave()
        for box in injection.boxes:
            box.modem.dialler.drop_connection(by=injection)


class _Clone(Box):
    """A second box with the name and the key of a car, in another car.

    Its actions and messages are a box's, but it is another box with its own car. Nothing that
    happens here happens to the car whose name it has. It sends no heartbeats: they are the fleet's.
    """

    __slots__ = ("_injection", "_original")

    def __init__(
        self, original: Box, injection: Injection, stream: RandomStream, *, flap_s: float
    ) -> None:
        comes_back = ReconnectPolicy(full_jitter=False, base_s=flap_s, jitter_s=0.0)
        parameters = original.spec.parameters.model_copy(
            update={"reconnect": comes_back, "asleep_share": 0.0, "cold_start_share": 0.0}
        )
        # Draws of its own, and no part of the fleet's counts.
        world = replace(
            injection.world,
            seed=stream.index(MOST_SEEDS),
            counts=FleetCounts(),
            on_movement=of_another_car(injection.world.on_movement),
        )
        super().__init__(world, CarSpec(original.vehicle_id, original.spec.traits, parameters))
        self._original = original
        self._injection = injection

    def came_online(self) -> None:
        """Blame the fault for the connection that the car's own box lost."""
        self._original.modem.connection.blame(self._injection, "client_id")
        super().came_online()

    def handle_message(self, message: Message) -> None:
        """Handle a command that was for the other car."""
        command_id = None
        if message.correlation_data:
            command_id = message.correlation_data.decode("utf-8", "replace")
        self._injection.hit(self.vehicle_id, "client_id", command_id=command_id)
        super().handle_message(message)


@register
class ClientIdTakeover(CarFault):
    """Two boxes share one client id, and throw each other out in turn.

    A broker must close the older connection when a client id connects again (MQTT-3.1.4-2), and
    each firmware comes back by its rule. A box whose configuration was cloned, or a spare part that
    took it along, has the car's key with its name. It receives some commands, finds their
    signatures valid, opens its own car, and answers under the other car's name. The platform sees a
    success, and the customer stands before a shut door. The state that it publishes is that of its
    own locks. The broker also sends it commands that the first box had not acknowledged: then both
    cars open.
    """

    name: ClassVar[str] = "client_id_takeover"
    drawing: ClassVar[Drawing] = Drawing(ranges={"flap_s": (3, 20)})
    strikes: ClassVar[Strikes] = Strikes.BROKER
    claims: ClassVar[frozenset[Claim]] = frozenset({Claim.CLIENT_ID})

    flap_s: PositiveSeconds = Field(
        5.0, description="the other box comes back after so long, 1 to 60 s in the field"
    )

    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Give a clone of the box power, and take it away when the window closes."""
        clone = _Clone(box, injection, stream, flap_s=self.flap_s)
        clone.power.start()
        yield injection.whole_window()
        with clone.power.without_power(by=injection):
            yield injection.env.event()  # for good
