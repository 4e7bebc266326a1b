"""Faults at the broker: boxes turned away, wills that come late, answers that go astray."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar, Literal

from pydantic import Field

from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Delay, Uniform
from fleet_sim.cars.failpoints import CONNACK
from fleet_sim.cars.service_client import ServiceClient
from fleet_sim.faults.drawing import ANYTHING, Drawing
from fleet_sim.faults.outsiders import outsider
from fleet_sim.faults.registry import Fault, FaultProcess, Injection, Need, Strikes, register
from fleet_wire.contract.messages import Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message
from fleet_wire.profiles.profile import Packet, contents_of
from fleet_wire.quantities import Share
from fleet_wire.randomness import RandomStream

LOOK_S = 0.25
"""How often it is looked whether a box is back."""


@register
class BrokerAuthBackendDown(Fault):
    """The broker cannot ask who a box is, and refuses every CONNECT."""

    name: ClassVar[str] = "broker_auth_backend_down"
    drawing: ClassVar[Drawing] = Drawing(
        ranges={"gives_up": (0.2, 0.6)}, strikes_alike=("all", "all", "firmware")
    )
    strikes: ClassVar[Strikes] = Strikes.BROKER
    needs: ClassVar[frozenset[Need]] = frozenset({Need.OWN_BROKER})

    gives_up: Share = Field(
        0.0,
        description="share of boxes whose firmware takes a refusal as final (OVMS v3 does); they"
        " come back when they boot",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Break the connections, and let nobody in again until the window closes."""
        assert injection.broker is not None  # noqa: S101 - the scenario was checked for its need

        def never_again(_usual_s: float | None, _code: int) -> None:
            return None

        with ExitStack() as stack:
            ids = [box.vehicle_id for box in injection.boxes]
            stack.enter_context(injection.broker.refusing(ids))
            for box in injection.boxes:
                if injection.stream_of(box.vehicle_id).uniform() < self.gives_up:
                    stack.enter_context(box.set_action(CONNACK, never_again, by=injection))
                box.modem.dialler.drop_connection(by=injection)
            yield injection.whole_window()


@register
class AclDeniedSilent(Fault):
    """An access rule silently withholds a box's commands."""

    name: ClassVar[str] = "acl_denied_silent"
    drawing: ClassVar[Drawing] = Drawing(
        variants=({"denies": "box"}, {"denies": "publisher"}), may_strike_alike=ANYTHING
    )
    strikes: ClassVar[Strikes] = Strikes.BROKER
    needs: ClassVar[frozenset[Need]] = frozenset({Need.OWN_BROKER})

    denies: Literal["box", "publisher"] = Field(
        "box",
        description="box: it may not read its commands; publisher: nobody may send them, and MQTT 5"
        " says so in PUBACK (0x87)",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Deny the boxes their own command topics, or all who publish to these, for the window."""
        broker = injection.broker
        assert broker is not None  # noqa: S101 - the scenario was checked for its need
        profile = injection.world.profile
        filters = {
            box.vehicle_id: profile.car_filters(TopicKind.COMMAND, box.vehicle_id)
            for box in injection.boxes
        }
        with ExitStack() as stack:
            if self.denies == "box":
                stack.enter_context(broker.denying(filters))
            else:
                stack.enter_context(
                    broker.closing(each for some in filters.values() for each in some)
                )
            for box in injection.boxes:
                stack.enter_context(box.modem.downlink.denied(by=injection))
            yield injection.whole_window()


@register
class LwtGhostOffline(Fault):
    """The will of an old session comes when the box is back, and is retained."""

    name: ClassVar[str] = "lwt_ghost_offline"
    drawing: ClassVar[Drawing] = Drawing(may_strike_alike=ANYTHING)
    strikes: ClassVar[Strikes] = Strikes.BROKER

    race: Delay = Field(
        Uniform(base_s=0.0, spread_s=2.0),
        description="how long after the box is back its old will comes, 0 to 2 s (a broker of"
        " several nodes learns late of a takeover) [E]",
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Reconnect each box once, and publish its old will when it is back."""
        node = outsider(f"node-of-{injection.boxes[0].vehicle_id}", injection)
        node.connect()
        for box in injection.boxes:
            stream = injection.stream_of(box.vehicle_id)
            injection.env.process(self._haunt(box, injection, stream, node))
        yield injection.whole_window()
        node.leave()

    def _haunt(
        self, box: Box, injection: Injection, stream: RandomStream, node: ServiceClient
    ) -> FaultProcess:
        ends_s = injection.env.now + injection.duration_s
        race_s = self.race.sample_s(stream)
        yield from _until_reachable(box, injection, ends_s)
        wills: Sequence[Packet] = box.modem.last_will()
        box.modem.bearer.lose_nat_entry(0.0, by=injection)  # the old session is taken over so
        yield from _until_reachable(box, injection, ends_s)
        yield injection.wait(race_s)
        if injection.env.now >= ends_s:
            return
        since_s = injection.env.now
        for topic, payload, qos, _ in wills:
            node.link.publish(topic, payload, qos=qos, retain=True)
        yield injection.wait(ends_s - since_s)
        box.modem.publish_online()
        injection.hit(box.vehicle_id, "presence", during_s=(since_s, injection.env.now))


def _until_reachable(box: Box, injection: Injection, ends_s: float) -> FaultProcess:
    """Wait until a box is connected, or the window closes."""
    while not box.modem.connection.is_reachable and injection.env.now < ends_s:
        yield injection.wait(LOOK_S)


@register
class SharedSubStuckConsumer(Fault):
    """The broker gives answers in turn to the members of a group, and one hangs."""

    name: ClassVar[str] = "shared_sub_stuck_consumer"
    drawing: ClassVar[Drawing] = Drawing(strikes_alike=("all",))
    strikes: ClassVar[Strikes] = Strikes.BROKER
    needs: ClassVar[frozenset[Need]] = frozenset({Need.PLATFORM, Need.SHARED_ANSWERS})

    stuck: int = Field(
        1, ge=1, le=16, description="members that hang, beside the one that works: 1 loses half"
    )

    def process(self, injection: Injection) -> FaultProcess:
        """Add members to the group that acknowledge answers and drop them.

        They take the answers of all cars; a target names those that count as hit.
        """
        assert injection.platform is not None  # noqa: S101 - the scenario was checked for its need
        group, profile = injection.platform.shared_group, injection.world.profile
        gives_up_s = injection.platform.gives_up_after_s
        filters = [f"$share/{group}/{each}" for each in profile.filters((TopicKind.RESULT,))]

        def swallow(message: Message) -> None:
            try:
                contents = [*contents_of(profile, message)]
            except RemoteProtocolError:
                return
            for vehicle_id, answer in contents:
                if not isinstance(answer, Result) or vehicle_id not in injection.vehicle_ids:
                    continue
                injection.hit(vehicle_id, "answer", command_id=answer.command_id)
                # Later commands for the car wait until the platform gives this one up.
                now_s = injection.env.now
                injection.hit(vehicle_id, "answer", during_s=(now_s, now_s + gives_up_s))

        members = [
            outsider(
                f"platform-stuck-{number}",
                injection,
                subscriptions=tuple(filters),
                on_message=swallow,
            )
            for number in range(self.stuck)
        ]
        for member in members:
            member.connect()
        yield injection.whole_window()
        for member in members:
            member.leave()
