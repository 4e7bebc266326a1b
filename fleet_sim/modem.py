"""The modem: the box's power, its connection to the broker, its coverage and its radio.

It brings messages to the box and takes the box's answers out, each after the radio's delay.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from fleet_sim.box_states import (
    CONNECTION,
    POWER,
    Connection,
    ConnectionEvent,
    Power,
    PowerEvent,
    after,
)
from fleet_sim.radio import Radio
from fleet_sim.scenario import VehicleSpec
from fleet_sim.world import World
from fleet_wire import codec
from fleet_wire.link import (
    Disconnected,
    Link,
    Message,
    PublishProperties,
    Session,
    Will,
)
from fleet_wire.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.topics import TopicKind, topic_of

DOZE_RETRY_S = 10.0
"""A box that is busy when it should fall asleep tries again after so long."""


GOODBYE_S = 2.0
"""A box that falls asleep gives the broker this long to acknowledge its last words [E]."""


class Application(Protocol):
    """What runs above the modem."""

    @property
    def is_busy(self) -> bool:
        """Return whether the box must stay awake."""
        ...

    def came_online(self) -> None:
        """Learn that the connection stands."""
        ...

    def take(self, message: Message) -> None:
        """Handle a message that the modem has received and acknowledged."""
        ...


class Modem:
    """The modem of one box. Implements `fleet_wire.link.LinkHandler`."""

    __slots__ = (
        "_application",
        "_connects",
        "_failures",
        "_held",
        "_is_known",
        "_link",
        "_lost_coverage_s",
        "_outages",
        "_radio",
        "_sleeps_when_known",
        "_sms_waits",
        "_spec",
        "_stream",
        "_world",
        "connection",
        "power",
    )

    def __init__(self, world: World, spec: VehicleSpec, application: Application) -> None:
        self._world = world
        self._spec = spec
        self._application = application
        self._stream = world.stream(f"{spec.vehicle_id}/modem")
        self._radio = Radio(spec.parameters.radio, world.stream(f"{spec.vehicle_id}/radio"))
        self.power = Power.OFF
        self.connection = Connection.DISCONNECTED
        self._connects = 0
        self._failures = 0
        self._outages = 0
        self._lost_coverage_s = 0.0
        self._held: list[Message] | None = None
        self._is_known = False
        self._sleeps_when_known = False
        self._sms_waits = False
        self._link: Link = world.link_factory(self)

    @property
    def has_coverage(self) -> bool:
        """Return whether the modem hears a network."""
        return self._outages == 0

    @property
    def is_reachable(self) -> bool:
        """Return whether a command sent now would arrive."""
        return self.connection is Connection.CONNECTED and self._outages == 0

    def start(self) -> None:
        """Begin the simulation: most boxes have been running, some have no power or sleep."""
        parameters = self._spec.parameters
        self._sleeps_when_known = self._stream.uniform() < parameters.asleep_share
        if self._stream.uniform() < parameters.cold_start_share:
            self.switch_on()
        else:
            self.power = Power.AWAKE
            self._connect()

    def switch_on(self) -> None:
        """Give the box power: it boots, then connects."""
        self.power = after(POWER, self.power, PowerEvent.SWITCH_ON)
        self._world.later(self._spec.parameters.boot.sample_s(self._stream), self._booted)

    def _booted(self) -> None:
        self.power = after(POWER, self.power, PowerEvent.BOOTED)
        self._connect()

    def fall_asleep(self) -> None:
        """Say so and leave the broker; from now on an SMS is needed to wake the box."""
        self.power = after(POWER, self.power, PowerEvent.FALL_ASLEEP)
        self._world.counts.asleep += 1
        if self.connection is Connection.CONNECTED:
            self._say_asleep()

    def _say_asleep(self) -> None:
        self._publish_presence(PresenceStatus.OFFLINE, reason=PresenceReason.SLEEP)
        self._world.later(GOODBYE_S, self._leave_broker)

    def _leave_broker(self) -> None:
        if self.power is Power.ASLEEP and self.connection is Connection.CONNECTED:
            self._change_connection(ConnectionEvent.CLOSE)
            self._link.disconnect()

    def leave(self) -> None:
        """Say goodbye to the broker for good, at the end of a run."""
        self._link.disconnect()

    def receive_sms(self) -> None:
        """Wake up, if asleep. Without coverage the SMS waits in the network."""
        if not self.has_coverage:
            self._sms_waits = True
        elif self.power is Power.ASLEEP:
            self.power = after(POWER, self.power, PowerEvent.SMS)
            self._world.counts.asleep -= 1
            resume_s = self._spec.parameters.modem_resume.sample_s(self._stream)
            self._world.later(resume_s, self._resumed)

    def _resumed(self) -> None:
        self.power = after(POWER, self.power, PowerEvent.RESUMED)
        self._reconnect()
        self._world.later(self._spec.parameters.awake_after_wake_s, self._doze)

    def _doze(self) -> None:
        if self._application.is_busy:
            self._world.later(DOZE_RETRY_S, self._doze)
        elif self.power is Power.AWAKE:
            self.fall_asleep()

    def session(self) -> Session:
        """Return what to say in CONNECT. The will tells the others when the box is lost."""
        parameters = self._spec.parameters
        presence = Presence(
            status=PresenceStatus.OFFLINE,
            session_id=self._session_id(),
            reason=PresenceReason.LAST_WILL,
        )
        return Session(
            client_id=self._spec.vehicle_id,
            subscriptions=(topic_of(TopicKind.COMMAND, self._spec.vehicle_id),),
            session_expiry_s=parameters.session_expiry_s,
            keepalive_s=parameters.keepalive_s,
            will=Will(topic_of(TopicKind.PRESENCE, self._spec.vehicle_id), codec.encode(presence)),
        )

    def _session_id(self) -> str:
        return f"{self._spec.vehicle_id}-{self._connects}"

    def _connect(self) -> None:
        self._change_connection(ConnectionEvent.CONNECT)
        self._connects += 1
        parameters = self._spec.parameters
        round_trip_s = parameters.radio.connected_rtt.sample_s(self._stream)
        self._world.later(parameters.connect_round_trips * round_trip_s, self._dial)

    def _dial(self) -> None:
        if self.has_coverage:
            self._link.connect()
        else:
            self._change_connection(ConnectionEvent.LOST)

    def _reconnect(self) -> None:
        if (
            self.power is Power.AWAKE
            and self.connection is Connection.DISCONNECTED
            and self.has_coverage
        ):
            self._connect()

    def _reconnect_later(self) -> None:
        delay_s = self._spec.parameters.reconnect.delay_s(self._failures, self._stream)
        self._failures += 1
        self._world.later(delay_s, self._reconnect)

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Tell the others that the box is there, and how the car is."""
        self._world.counts.known += not self._is_known
        self._is_known = True
        self._failures = 0
        self._change_connection(ConnectionEvent.ACCEPTED)
        self._application.came_online()
        if self.power is Power.ASLEEP:
            self._say_asleep()
        elif self._sleeps_when_known:
            self._sleeps_when_known = False
            self.fall_asleep()
        else:
            self._publish_presence(PresenceStatus.ONLINE)

    def on_disconnected(self, reason: Disconnected) -> None:  # noqa: ARG002 - LinkHandler's form
        """Connect again, by this firmware's rule."""
        self._change_connection(ConnectionEvent.LOST)
        self._held = None
        self._reconnect_later()

    def _change_connection(self, event: ConnectionEvent) -> None:
        was_reachable = self.is_reachable
        self.connection = after(CONNECTION, self.connection, event)
        self._count_reachable(was_reachable)

    def _count_reachable(self, was_reachable: bool) -> None:  # noqa: FBT001 - before and after
        counts = self._world.counts
        counts.reachable += self.is_reachable - was_reachable
        counts.reachable_max = max(counts.reachable_max, counts.reachable)

    def lose_coverage(self) -> None:
        """Lose the network. Nothing is said to anyone: the broker finds out by keepalive."""
        was_reachable = self.is_reachable
        self._outages += 1
        if self._outages == 1:
            self._lost_coverage_s = self._world.env.now
            self._link.freeze()
        self._count_reachable(was_reachable)

    def regain_coverage(self) -> None:
        """End one loss of coverage; the last one to end brings the network back.

        After a short loss the connection goes on. After a longer one the modem has given it up,
        waits until the network is stable and connects anew.
        """
        was_reachable = self.is_reachable
        self._outages -= 1
        if self._outages:
            return
        self._count_reachable(was_reachable)
        if self._sms_waits:
            self._sms_waits = False
            self.receive_sms()
        lost_s = self._world.env.now - self._lost_coverage_s
        if self.connection is Connection.DISCONNECTED:
            self._link.thaw()
            self._rejoin_network()
        elif lost_s < self._spec.parameters.network_loss_s:
            self._link.thaw()
            held, self._held = self._held or [], None
            for message in held:
                self._receive(message, self._connects)
        else:
            self._link.abort()
            self._link.thaw()
            self._held = None
            self._change_connection(ConnectionEvent.LOST)
            self._rejoin_network()

    def _rejoin_network(self) -> None:
        stable_s = self._spec.parameters.network_stable.sample_s(self._stream)
        self._world.later(stable_s, self._reconnect)

    def on_message(self, message: Message) -> None:
        """Take a message from the broker's socket; the radio brings it to the box."""
        downlink_s = self._radio.downlink_s(self._world.env.now)
        self._world.later(downlink_s, self._receive, message, self._connects)

    def _receive(self, message: Message, connects: int) -> None:
        if connects != self._connects or self.connection is not Connection.CONNECTED:
            return  # it went down with its connection; the broker will send it again
        if self._outages:
            self._held = [*(self._held or ()), message]
            return
        uplink_s = self._radio.uplink_s(self._world.env.now)
        self._world.later(uplink_s, self._acknowledge, message, connects)
        self._application.take(message)

    def _acknowledge(self, message: Message, connects: int) -> None:
        if connects == self._connects:
            self._link.acknowledge(message)

    def _publish_presence(
        self, status: PresenceStatus, *, reason: PresenceReason | None = None
    ) -> None:
        presence = Presence(status=status, session_id=self._session_id(), reason=reason)
        self.publish(TopicKind.PRESENCE, codec.encode(presence), retain=True)

    def publish(
        self,
        kind: TopicKind,
        payload: bytes,
        *,
        retain: bool = False,
        properties: PublishProperties | None = None,
    ) -> None:
        """Send a message of the box at QoS 1, when the radio has carried it."""
        topic = topic_of(kind, self._spec.vehicle_id)
        send = self._link.publish
        delay_s = self._radio.uplink_s(self._world.env.now)
        if delay_s <= 0:
            send(topic, payload, retain=retain, properties=properties)
        else:
            call = partial(send, topic, payload, retain=retain, properties=properties)
            self._world.later(delay_s, call)

    def publish_heartbeat(self, payload: bytes) -> None:
        """Send telemetry at QoS 0, if there is a connection: it is not worth waiting for."""
        if self.connection is Connection.CONNECTED:
            topic = topic_of(TopicKind.TELEMETRY, self._spec.vehicle_id)
            self._link.publish(topic, payload, qos=0)
