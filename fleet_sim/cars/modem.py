"""The modem: the box's connection to the broker, its coverage and its radio.

It brings messages to the box and takes the box's answers out, each after the radio's delay.
"""

from __future__ import annotations

from typing import Protocol

from fleet_sim.cars.box_states import CONNECTION, ConnectionEvent, ConnectionState, after
from fleet_sim.cars.radio import Radio
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import World
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import (
    Disconnected,
    Link,
    Message,
    PublishProperties,
    Session,
    Will,
)
from fleet_wire.links.reconnect import ReconnectPolicy

GOODBYE_S = 2.0
"""A box that falls asleep gives the broker this long to acknowledge its last words [E]."""


class ModemOwner(Protocol):
    """The box around the modem."""

    @property
    def is_awake(self) -> bool:
        """Return whether the box wants a connection."""
        ...

    @property
    def reconnect_policy(self) -> ReconnectPolicy:
        """Return the firmware's rule for connecting again."""
        ...

    def came_online(self) -> None:
        """Learn that the connection stands."""
        ...

    def coverage_returned(self) -> None:
        """Learn that the network is back."""
        ...

    def take(self, message: Message) -> None:
        """Handle a message that the modem has received and acknowledged."""
        ...


class Modem:
    """The modem of one box. Implements `fleet_wire.links.link.LinkHandler`."""

    __slots__ = (
        "_connects",
        "_downlink_cuts",
        "_failures",
        "_held",
        "_is_counted",
        "_is_half_open",
        "_is_known",
        "_link",
        "_lost_coverage_s",
        "_outages",
        "_owner",
        "_radio",
        "_spec",
        "_stream",
        "_unpaged",
        "_world",
        "connection",
    )

    def __init__(self, world: World, spec: CarSpec, owner: ModemOwner) -> None:
        self._world = world
        self._spec = spec
        self._owner = owner
        self._stream = world.stream(f"{spec.vehicle_id}/modem")
        self._radio = Radio(spec.parameters.radio, world.stream(f"{spec.vehicle_id}/radio"))
        self.connection = ConnectionState.DISCONNECTED
        self._connects = 0
        self._failures = 0
        self._outages = 0
        self._downlink_cuts = 0
        self._lost_coverage_s = 0.0
        self._held: list[Message] | None = None
        """What came while there was no coverage."""
        self._unpaged: list[Message] | None = None
        """What waits in the network for a box that listens now and then (eDRX, PSM)."""
        self._is_counted = False
        self._is_known = False
        self._is_half_open = False
        self._link: Link = world.link_factory(self)

    @property
    def has_coverage(self) -> bool:
        """Return whether the modem hears a network."""
        return self._outages == 0

    @property
    def is_reachable(self) -> bool:
        """Return whether a command sent now would arrive."""
        return (
            self.connection is ConnectionState.CONNECTED
            and self._outages == 0
            and self._downlink_cuts == 0
            and not self._is_half_open
        )

    # Connecting

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

    def connect(self) -> None:
        """Connect, if the box is awake and there is a network; else the next chance will do it."""
        if (
            not self._owner.is_awake
            or self.connection is not ConnectionState.DISCONNECTED
            or not self.has_coverage
        ):
            return
        self._change_connection(ConnectionEvent.CONNECT)
        self._connects += 1
        parameters = self._spec.parameters
        round_trip_s = parameters.radio.connected_rtt.sample_s(self._stream)
        self._world.later(parameters.connect_round_trips * round_trip_s, self._dial, self._connects)

    def _dial(self, connects: int) -> None:
        if connects != self._connects or self.connection is not ConnectionState.CONNECTING:
            return
        if not self.has_coverage:
            self._change_connection(ConnectionEvent.LOST)
            return
        if self._is_half_open:
            self._is_half_open = False
            self._link.abort()
        self._link.thaw()
        self._link.connect()

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Tell the others that the box is there, and how the car is."""
        self._world.counts.known += not self._is_known
        self._is_known = True
        self._failures = 0
        self._unpaged = None
        self._radio.attach(self._world.env.now)
        self._change_connection(ConnectionEvent.ACCEPTED)
        self._owner.came_online()

    def on_disconnected(self, reason: Disconnected) -> None:  # noqa: ARG002 - LinkHandler's form
        """Connect again, by this firmware's rule."""
        self._change_connection(ConnectionEvent.LOST)
        self._held = None
        self._connect_later()

    def _connect_later(self) -> None:
        delay_s = self._owner.reconnect_policy.delay_s(self._failures, self._stream)
        self._failures += 1
        self._world.later(delay_s, self.connect)

    # Leaving

    def leave(self) -> None:
        """Say goodbye to the broker: no will, and presence stays as it was.

        Where the network carries nothing the broker cannot hear it, and finds out by keepalive.
        """
        if not self.has_coverage or self._is_half_open:
            self.abandon()
            return
        if self.connection is not ConnectionState.DISCONNECTED:
            self._change_connection(ConnectionEvent.CLOSE)
        self._link.disconnect()

    def leave_for_sleep(self) -> None:
        """Tell the others that the box sleeps, and leave when the broker has heard it."""
        if self.connection is ConnectionState.CONNECTED:
            self._say(PresenceStatus.OFFLINE, PresenceReason.SLEEP)
            self._world.later(GOODBYE_S, self._leave_asleep)

    def _leave_asleep(self) -> None:
        if not self._owner.is_awake and self.connection is ConnectionState.CONNECTED:
            self.leave()

    def abandon(self) -> None:
        """Count the connection as lost while its socket stays open, as the broker sees it."""
        self._is_half_open = True
        self._link.freeze()
        self._held = None
        if self.connection is not ConnectionState.DISCONNECTED:
            self._change_connection(ConnectionEvent.LOST)

    def crash(self) -> None:
        """Lose the socket with everything in it: the broker publishes the will, if it hears it."""
        if not self.has_coverage or self._is_half_open:
            self.abandon()
            return
        self._link.abort()
        self._held = None
        if self.connection is not ConnectionState.DISCONNECTED:
            self._change_connection(ConnectionEvent.LOST)

    def _change_connection(self, event: ConnectionEvent) -> None:
        self.connection = after(CONNECTION, self.connection, event)
        self._recount()

    def _recount(self) -> None:
        is_reachable = self.is_reachable
        if is_reachable is not self._is_counted:
            self._is_counted = is_reachable
            counts = self._world.counts
            counts.reachable += 1 if is_reachable else -1
            counts.reachable_max = max(counts.reachable_max, counts.reachable)

    # What the network and the faults do to the connection

    def lose_coverage(self) -> None:
        """Lose the network. Nothing is said to anyone: the broker finds out by keepalive."""
        self._outages += 1
        if self._outages == 1:
            self._lost_coverage_s = self._world.env.now
            self._link.freeze()
        self._recount()

    def regain_coverage(self) -> None:
        """End one loss of coverage; the last one to end brings the network back.

        After a short loss the connection goes on. After a longer one the modem has given it up,
        waits until the network is stable and connects anew.
        """
        self._outages -= 1
        if self._outages:
            return
        self._recount()
        self._owner.coverage_returned()
        lost_s = self._world.env.now - self._lost_coverage_s
        if self.connection is not ConnectionState.DISCONNECTED and not self._is_half_open:
            if lost_s < self._spec.parameters.network_loss_s:
                self._go_on()
                return
            self.abandon()
        stable_s = self._spec.parameters.network_stable.sample_s(self._stream)
        self._world.later(stable_s, self.connect)

    def _go_on(self) -> None:
        self._link.thaw()
        held, self._held = self._held or [], None
        for message in held:
            self._receive(message, self._connects)

    def cut_downlink(self) -> None:
        """Let nothing from the network arrive any more, while the box still speaks."""
        self._downlink_cuts += 1
        self._recount()

    def restore_downlink(self) -> None:
        """End one cut; with the last one the modem attaches to the network anew."""
        self._downlink_cuts -= 1
        self._recount()
        if not self._downlink_cuts:
            self.drop_connection()

    def lose_nat_entry(self, notices_after_s: float) -> None:
        """Half-open: neither end hears the other, until the box notices and connects anew."""
        if self.connection is ConnectionState.CONNECTED and not self._is_half_open:
            self._is_half_open = True
            self._recount()
            self._link.freeze()
            self._world.later(notices_after_s, self._notice_half_open, self._connects)

    def _notice_half_open(self, connects: int) -> None:
        if connects == self._connects and self.connection is ConnectionState.CONNECTED:
            self.abandon()
            self._connect_later()

    def drop_connection(self) -> None:
        """Lose the socket, as when a load balancer restarts; then follow the firmware's rule."""
        if self.connection is not ConnectionState.DISCONNECTED:
            self.crash()
            self._connect_later()

    # Messages

    def on_message(self, message: Message) -> None:
        """Take a message from the broker's socket; the radio brings it to the box."""
        if self._radio.is_instant:
            self._receive(message, self._connects)
            return
        now_s = self._world.env.now
        silent_s = self._radio.silent_s(now_s)
        if silent_s > 0:
            self._unpaged = [*(self._unpaged or ()), message]
            self._world.later(silent_s, self._bring_unpaged)
        else:
            self._bring(message, now_s)

    def _bring(self, message: Message, now_s: float) -> None:
        self._world.later(self._radio.downlink_s(now_s), self._receive, message, self._connects)

    def _bring_unpaged(self) -> None:
        """Bring what waited in the network until it could reach the box."""
        unpaged, self._unpaged = self._unpaged or (), None
        for message in unpaged:
            self._bring(message, self._world.env.now)

    def _uplink_s(self) -> float:
        """Return the delay of a packet sent now. Who sends can be reached: what waited comes."""
        delay_s = self._radio.uplink_s(self._world.env.now)
        if self._unpaged is not None:
            self._bring_unpaged()
        return delay_s

    def _receive(self, message: Message, connects: int) -> None:
        if connects != self._connects or self.connection is not ConnectionState.CONNECTED:
            return  # it went down with its connection; the broker will send it again
        if self._downlink_cuts:
            return  # lost; the broker will send it again on the next connection
        if self._outages:
            self._held = [*(self._held or ()), message]
            return
        if self._radio.is_instant:
            self._link.acknowledge(message)
        else:
            self._world.later(self._uplink_s(), self._acknowledge, message, connects)
        self._owner.take(message)

    def _acknowledge(self, message: Message, connects: int) -> None:
        if connects == self._connects:
            self._link.acknowledge(message)

    def say_online(self) -> None:
        """Tell the others that the box is there."""
        self._say(PresenceStatus.ONLINE)

    def _say(self, status: PresenceStatus, reason: PresenceReason | None = None) -> None:
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
        if self._radio.is_instant:
            self._send(kind, payload, retain, properties)
        else:
            self._world.later(self._uplink_s(), self._send, kind, payload, retain, properties)

    def _send(
        self,
        kind: TopicKind,
        payload: bytes,
        retain: bool,  # noqa: FBT001 - arguments of a call to come
        properties: PublishProperties | None,
    ) -> None:
        topic = topic_of(kind, self._spec.vehicle_id)
        self._link.publish(topic, payload, retain=retain, properties=properties)

    def publish_heartbeat(self, payload: bytes) -> None:
        """Send telemetry at QoS 0, if there is a connection: it is not worth waiting for."""
        if self.connection is ConnectionState.CONNECTED:
            # Its delay is spared: nobody measures it, and an event each would cost most of a run.
            self._uplink_s()
            topic = topic_of(TopicKind.TELEMETRY, self._spec.vehicle_id)
            self._link.publish(topic, payload, qos=0)
