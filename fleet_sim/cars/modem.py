"""The modem: it stands between the software of a box and the broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from fleet_sim.cars.bearer import Bearer
from fleet_sim.cars.box_states import ConnectionEvent, ConnectionState, Socket, SocketEvent
from fleet_sim.cars.connection import ConnectedBox, Connection
from fleet_sim.cars.dialler import Dialler
from fleet_sim.cars.downlink import Downlink
from fleet_sim.cars.failpoints import SUBACK
from fleet_sim.cars.radio import Radio
from fleet_sim.cars.uplink import Uplink
from fleet_wire.contract.messages import (
    Command,
    Presence,
    PresenceReason,
    PresenceStatus,
    WireMessage,
)
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Disconnected, EndReason, Message, PublishProperties, Session, Will
from fleet_wire.profiles.profile import Packet

GOODBYE_S = 2.0
"""A box that falls asleep gives the broker this long to acknowledge its last words, from when the
radio has carried them [E]."""


class Modem:
    """The modem of one box. Implements `fleet_wire.links.link.LinkHandler`."""

    __slots__ = ("bearer", "connection", "dialler", "downlink", "uplink")

    def __init__(self, box: ConnectedBox) -> None:
        world, spec = box.world, box.spec
        self.connection = Connection(box)
        self.dialler = Dialler(self.connection)
        radio = Radio(
            spec.parameters.radio,
            world.stream(f"{spec.vehicle_id}/radio"),
            ping_every_s=spec.parameters.keepalive_s,
        )
        self.uplink = Uplink(self.connection, radio)
        self.downlink = Downlink(self.connection, self.dialler, self.uplink)
        self.bearer = Bearer(self.connection, self.dialler, self.downlink)
        self.connection.link = world.link_factory(self)

    @property
    def vehicle_id(self) -> str:
        """Return whose modem it is."""
        return self.connection.box.spec.vehicle_id

    @property
    def says_goodbye(self) -> bool:
        """Return whether the box falls asleep, and has not left yet."""
        return not self.connection.box.is_awake and self.connection.is_up

    # For the link

    def session(self) -> Session:
        """Return what to say in CONNECT. The will tells the others when the box is lost."""
        box = self.connection.box
        parameters, vehicle_id = box.spec.parameters, box.spec.vehicle_id
        wills = self.last_will()
        asked = box.world.profile.car_filters(TopicKind.COMMAND, vehicle_id)
        granted = asked if box.failpoints is None else box.failpoints.at(SUBACK, None, usual=asked)
        if granted != asked:
            self.connection.make_obstacles().is_deaf = True
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
        profile = self.connection.box.world.profile
        return profile.write(TopicKind.PRESENCE, self.vehicle_id, presence)

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Publish that the box is there, and the car's state."""
        connection, box = self.connection, self.connection.box
        box.world.counts.known += not connection.is_known
        connection.is_known = True
        self.dialler.succeed()
        self.uplink.radio.attach(box.world.env.now)
        connection.change(ConnectionEvent.ACCEPTED)
        self.bearer.begin_connection()
        box.came_online()

    def on_disconnected(self, reason: Disconnected) -> None:
        """Connect again, by this firmware's rule."""
        connection, world = self.connection, self.connection.box.world
        world.counts.last_end = reason
        world.counts.last_end_of = self.vehicle_id
        on_no_connection = world.on_no_connection
        if on_no_connection is not None and connection.state is ConnectionState.CONNECTING:
            on_no_connection(self.vehicle_id, reason)
        connection.change_socket(SocketEvent.CLOSE)
        connection.change(ConnectionEvent.LOST)
        self.forget_messages()
        if reason.why is EndReason.REFUSED and reason.code is not None:
            self.dialler.handle_refusal(reason.code)
        else:
            self.dialler.connect_later()

    def on_message(self, message: Message) -> None:
        """Handle a message from the broker's socket; the radio brings it to the box."""
        self.downlink.bring(message)

    # For the box

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change parameters of the box by name; they hold from its next connection.

        A box reads the others when it is made: only `keepalive_s` and `reconnect` change here.
        """
        box = self.connection.box
        parameters = box.spec.parameters.model_copy(update=dict(changes))
        box.spec = msgspec.structs.replace(box.spec, parameters=parameters)
        self.uplink.radio.ping_every_s = parameters.keepalive_s

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
        box = self.connection.box
        for packet in box.world.profile.write(kind, box.spec.vehicle_id, message, command):
            self.uplink.send(kind, packet, properties, command_id)

    def publish_online(self) -> None:
        """Publish that the box is there."""
        self._say(PresenceStatus.ONLINE)

    def _say(self, status: PresenceStatus, reason: PresenceReason | None = None) -> None:
        self.publish(TopicKind.PRESENCE, self._presence(status, reason))

    def _presence(self, status: PresenceStatus, reason: PresenceReason | None) -> Presence:
        session_id = f"{self.vehicle_id}-{self.connection.generation}"
        return Presence(status=status, session_id=session_id, reason=reason)

    def leave_for_sleep(self) -> None:
        """Publish that the box sleeps, and leave when the broker has it."""
        self._say(PresenceStatus.OFFLINE, PresenceReason.SLEEP)
        goodbye_s = self.uplink.until_sent_s() + GOODBYE_S
        self.connection.box.world.later(goodbye_s, self._leave_asleep)

    def _leave_asleep(self) -> None:
        """Leave, unless the box is needed after all: by what is still on its way, for one."""
        if not self.says_goodbye:
            return
        comes_s = max(self.downlink.until_received_s(), self.uplink.until_sent_s())
        if comes_s > 0:
            self.connection.box.world.later(comes_s, self._leave_asleep)
        elif self.connection.socket is Socket.OPEN:
            self.connection.leave()
        else:
            self.dialler.replace_connection()

    def shut_down(self) -> None:
        """Publish that the box is gone, and leave: the simulation is over.

        One that sleeps has said so. One that nobody can hear leaves the word to its will.
        """
        if self.connection.is_up and self.connection.box.is_awake:
            self._say(PresenceStatus.OFFLINE, PresenceReason.SHUTDOWN)
            self.uplink.flush()
        self.connection.leave()

    def lose_power(self) -> None:
        """Leave the connection behind, and forget what was not sent, or not acknowledged."""
        self._lose_memory(self.connection.abandon)

    def restart(self) -> None:
        """Lose the socket, and forget what was not sent, or not acknowledged."""
        self._lose_memory(self.connection.crash)

    def _lose_memory(self, end_connection: Callable[[], None]) -> None:
        self.uplink.lose_memory()
        end_connection()
        self.connection.link = self.connection.box.world.link_factory(self)

    def forget_messages(self) -> None:
        """Forget what was on its way on a connection that has ended."""
        self.uplink.end_connection()
        self.downlink.end_connection()
