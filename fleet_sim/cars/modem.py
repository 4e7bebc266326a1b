"""The modem: brings messages to the box and takes its answers out, each after the radio's delay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from fleet_sim.cars.attachment import Attachment
from fleet_sim.cars.box_states import ConnectionState, Socket
from fleet_sim.cars.connection import ModemOwner
from fleet_sim.cars.disturbance import DataMeter
from fleet_sim.cars.downlink import Downlink
from fleet_sim.cars.failpoints import (
    DOWNLINK,
    PUBACK,
    SUBACK,
    UPLINK,
    CarFailpoints,
    Failpoint,
    undone_by,
)
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.uplink import Uplink
from fleet_sim.cars.world import World
from fleet_sim.heartbeats import Member, Routine
from fleet_wire.contract.messages import (
    Command,
    Presence,
    PresenceReason,
    PresenceStatus,
    Telemetry,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message, PublishProperties, Session, Will
from fleet_wire.profiles.profile import Packet

ValueT = TypeVar("ValueT")

GOODBYE_S = 2.0
"""A box that falls asleep gives the broker this long to acknowledge its last words, from when the
radio has carried them [E]."""


class Modem(Attachment):
    """The modem of one box. Implements `fleet_wire.links.link.LinkHandler`."""

    __slots__ = ("_uplink", "downlink")

    def __init__(self, world: World, spec: CarSpec, owner: ModemOwner) -> None:
        super().__init__(world, spec, owner)
        self._uplink = Uplink(world, self._radio, self)
        self.downlink = Downlink(world, self._radio, self)
        self.link = world.link_factory(self)

    def session(self) -> Session:
        """Return what to say in CONNECT. The will tells the others when the box is lost."""
        parameters, vehicle_id = self._spec.parameters, self._spec.vehicle_id
        profile = self._world.profile
        wills = self.last_will()
        asked = profile.car_filters(TopicKind.COMMAND, vehicle_id)
        granted = (
            asked if self.failpoints is None else self.failpoints.at(SUBACK, None, usual=asked)
        )
        if granted != asked:
            self._disturbed().is_deaf = True
        return Session(
            client_id=vehicle_id,
            subscriptions=granted,
            clean_start=granted != asked,  # else the subscription of an older session would stand
            session_expiry_s=parameters.session_expiry_s,
            keepalive_s=parameters.keepalive_s,
            will=Will(*wills[0]) if wills else None,
        )

    def last_will(self) -> Sequence[Packet]:
        """Return what the broker publishes when the present connection is lost; one or none."""
        presence = self._presence(PresenceStatus.OFFLINE, PresenceReason.LAST_WILL)
        return self._world.profile.write(TopicKind.PRESENCE, self._spec.vehicle_id, presence)

    def _session_id(self) -> str:
        return f"{self._spec.vehicle_id}-{self.generation}"

    @property
    def says_goodbye(self) -> bool:
        """Return whether the box falls asleep, and has not left yet."""
        return not self._owner.is_awake and self.connection is ConnectionState.CONNECTED

    def leave_for_sleep(self) -> None:
        """Publish that the box sleeps, and leave when the broker has it."""
        self._say(PresenceStatus.OFFLINE, PresenceReason.SLEEP)
        self._world.later(self._uplink.until_sent_s() + GOODBYE_S, self._leave_asleep)

    def _leave_asleep(self) -> None:
        """Leave, unless the box is needed after all: by what is still on its way, for one."""
        if not self.says_goodbye:
            return
        comes_s = max(self.downlink.until_received_s(), self._uplink.until_sent_s())
        if comes_s > 0:
            self._world.later(comes_s, self._leave_asleep)
        elif self._socket is Socket.OPEN:
            self.leave()
        else:
            self._give_connection_up()

    def lose_power(self) -> None:
        """Leave the connection behind, and forget what was not sent, or not acknowledged."""
        self._lose_memory(self.abandon)

    def restart(self) -> None:
        """Lose the socket, and forget what was not sent, or not acknowledged."""
        self._lose_memory(self.crash)

    def _lose_memory(self, end_connection: Callable[[], None]) -> None:
        self._uplink.lose_memory()
        end_connection()
        self.link = self._world.link_factory(self)

    # Messages

    def on_message(self, message: Message) -> None:
        """Handle a message from the broker's socket; the radio brings it to the box."""
        if self._uplink.meter is not None:
            self._uplink.meter.count(message.payload)
        if self.failpoints is not None:
            held_s = self._altered(DOWNLINK, message, self.failpoints, usual=0.0)
            if held_s is not None:  # else the broker will send it again on the next connection
                self.downlink.bring(message, held_s)
        elif self._radio.is_instant and self.has_coverage:
            self.receive(message)
        else:
            self.downlink.bring(message)

    def receive(self, message: Message) -> None:
        """Receive a message that the radio has brought, acknowledge it, and hand it on."""
        if self.connection is not ConnectionState.CONNECTED:
            return  # it went down with its connection; the broker will send it again
        if self._disturbance is not None and self._disturbance.cuts:
            return  # lost; the broker will send it again on the next connection
        if self.failpoints is None or self._altered(PUBACK, message, self.failpoints, usual=True):
            self._uplink.acknowledge(message)
        self._owner.handle_message(message)

    def _altered(
        self,
        failpoint: Failpoint[ValueT, Message],
        message: Message,
        failpoints: CarFailpoints,
        *,
        usual: ValueT,
    ) -> ValueT:
        """Return what happens to a message at `DOWNLINK` or `PUBACK`, and count what it takes away.

        A message that does not come is not acknowledged either. When a whole window is not, nothing
        comes any more, and all who have done that are at fault for the connection.
        """
        value, changed_by = failpoints.fold(failpoint, message, usual=usual)
        if failpoint is DOWNLINK and isinstance(value, float):
            changed_by = self.downlink.held_back_by(value, changed_by)
        for culprit in changed_by:
            failpoints.report_hit(culprit, failpoint, self._command_of(message))
        if value is None or value is False:
            disturbance = self._disturbed()
            disturbance.withheld += 1
            disturbance.withheld_by.update(dict.fromkeys(changed_by, failpoint.name))
            if disturbance.lets_nothing_in:
                for culprit, what in disturbance.withheld_by.items():
                    self.blame(culprit, what)
                self._recount()
        return value

    def _command_of(self, message: Message) -> str | None:
        """Return the command that a message carries.

        Platforms put its id into Correlation Data; where there is none the message itself may say.
        """
        data = message.correlation_data
        if data:
            return data.decode("utf-8", "replace")
        try:
            command = self._world.profile.read_command(self.vehicle_id, message)
        except RemoteProtocolError:
            return None
        return command.command_id or None if command is not None else None

    def _receive_held(self) -> None:
        self.downlink.regain_coverage()

    def _forget_messages(self) -> None:
        self._uplink.end_connection()
        self.downlink.end_connection()

    def publish_online(self) -> None:
        """Publish that the box is there."""
        self._say(PresenceStatus.ONLINE)

    def shut_down(self) -> None:
        """Publish that the box is gone, and leave: the simulation is over.

        One that sleeps has said so. One that nobody can hear leaves the word to its will.
        """
        if self.connection is ConnectionState.CONNECTED and self._owner.is_awake:
            self._say(PresenceStatus.OFFLINE, PresenceReason.SHUTDOWN)
            self._uplink.flush()
        self.leave()

    def _say(self, status: PresenceStatus, reason: PresenceReason | None = None) -> None:
        self.publish(TopicKind.PRESENCE, self._presence(status, reason))

    def _presence(self, status: PresenceStatus, reason: PresenceReason | None) -> Presence:
        return Presence(status=status, session_id=self._session_id(), reason=reason)

    def publish(
        self,
        kind: TopicKind,
        message: WireMessage,
        *,
        properties: PublishProperties | None = None,
        command_id: str | None = None,
        command: Command | None = None,
    ) -> None:
        """Send a message of the box, when the radio has carried it.

        `command_id` is its command, for the attribution of hits; `command` the one that it answers.
        """
        for packet in self._world.profile.write(kind, self._spec.vehicle_id, message, command):
            self._uplink.send(kind, packet, properties, command_id)

    @contextmanager
    def metered(self, meter: DataMeter) -> Iterator[None]:
        """Count traffic with `meter`, and report it in telemetry. One meter at a time."""
        self.speak_for_itself()
        self._uplink.meter = meter
        with undone_by(self._end_metering):
            yield

    def _end_metering(self) -> None:
        self._uplink.meter = None

    @property
    def data_used_bytes(self) -> int | None:
        """Return what the modem has sent and received; None where nobody counts."""
        meter = self._uplink.meter
        return None if meter is None else meter.used_bytes

    @property
    def may_have_routine(self) -> bool:
        """Return whether heartbeats may be batched: nothing alters or counts them, nothing waits.

        A sender after a silence gets everything that waited for it in the network.
        """
        failpoints = self.failpoints
        return not (
            self._uplink.is_busy
            or (failpoints is not None and failpoints.at_work_on(UPLINK))
            or self._uplink.meter is not None
            or self._radio.can_be_silent
        )

    def offer(self, telemetry: Telemetry, member: Member) -> None:
        """Send telemetry, and offer to send the next by routine."""
        assert self._world.offer is not None  # noqa: S101 - else there is no routine
        self.member = member
        self._uplink.delay_s()
        self._world.offer(self.link, member, telemetry)

    def follow(self, routine: Routine | None) -> None:
        """Make the radio carry the routine's heartbeats from now on; None: stop."""
        self._radio.follow(routine)

    def catch_up(self) -> None:
        """Make the radio carry the heartbeats that the routine has sent so far."""
        self._radio.catch_up()
