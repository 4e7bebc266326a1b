"""Packets from a box: over the radio to the broker's socket, in order."""

from __future__ import annotations

from typing import Protocol

from fleet_sim.cars.box_states import ConnectionState
from fleet_sim.cars.disturbance import DataMeter
from fleet_sim.cars.downlink import Downlink
from fleet_sim.cars.failpoints import UPLINK, CarFailpoints, OutgoingMessage
from fleet_sim.cars.fifo import Fifo
from fleet_sim.cars.radio import Radio
from fleet_sim.cars.world import World
from fleet_sim.heartbeats import Member
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Link, Message, PublishProperties
from fleet_wire.profiles.profile import Packet


class Sender(Protocol):
    """The modem around the uplink."""

    failpoints: CarFailpoints | None
    connection: ConnectionState
    downlink: Downlink
    generation: int
    link: Link
    member: Member | None

    def speak_for_itself(self) -> None:
        """Send heartbeats one by one."""
        ...


class Uplink:
    """The way from a box to the broker. Nothing on it overtakes anything else.

    A message that a fault holds back waits in the box, and so does all behind it. The radio carries
    what has left the box. When the connection ends, the link gets what the radio still carried: it
    sends that again on the next connection, before anything new.
    """

    __slots__ = ("_carried", "_held_back", "_radio", "_sender", "_world", "meter")

    def __init__(self, world: World, radio: Radio, sender: Sender) -> None:
        self._world = world
        self._radio = radio
        self._sender = sender
        self._held_back: Fifo | None = None
        """The queue of packets that faults hold back in the box."""
        self.meter: DataMeter | None = None
        """The meter of the traffic, if there is one."""
        self._carried: tuple[tuple[Packet | Message, PublishProperties | None], ...] = ()
        """Packets on the radio, which keeps their order, and messages to acknowledge."""

    @property
    def is_busy(self) -> bool:
        """Return whether something is on its way."""
        return bool(self._carried or self._held_back)

    def until_sent_s(self) -> float:
        """Return how long until all has arrived that was sent so far, if nothing holds it up."""
        held_s = 0.0 if self._held_back is None else self._held_back.left_s()
        return max(held_s, self._radio.until_sent_s(self._world.env.now))

    def send(
        self,
        kind: TopicKind,
        packet: Packet,
        properties: PublishProperties | None = None,
        command_id: str | None = None,
    ) -> None:
        """Send a packet behind all others. `command_id` is the command that it is about."""
        failpoints = self._sender.failpoints
        if failpoints is None:
            self._leave(kind, packet, properties)
            return
        held_s, culprits = failpoints.fold(
            UPLINK, OutgoingMessage(kind, packet[1], command_id), usual=0.0
        )
        if held_s or self._held_back:
            held_back = self._held_back = self._held_back or Fifo(self._world)
            culprits = held_back.delayed_by(held_s, culprits) if held_s is not None else culprits
        if command_id is not None:
            for culprit in culprits:
                failpoints.report_hit(culprit, UPLINK, command_id)
        if held_s is None:
            return
        if self._held_back is None:
            self._leave(kind, packet, properties)
        else:
            self._held_back.add(held_s, self._leave, kind, packet, properties)

    def _leave(self, kind: TopicKind, packet: Packet, properties: PublishProperties | None) -> None:
        """Pass a packet to the radio; the link keeps messages sent without a connection."""
        if self.meter is not None:
            self.meter.count(packet[1])
        is_connected = self._sender.connection is ConnectionState.CONNECTED
        if self._radio.is_instant or not is_connected:
            self._publish(packet, properties)
        elif kind is TopicKind.TELEMETRY and not self._carried:
            # Its delay is spared: nobody measures it, and an event each would cost most of a run.
            self.delay_s()
            self._publish(packet, properties)
        else:
            self._carry(packet, properties)

    def acknowledge(self, message: Message) -> None:
        """Acknowledge a message of the present connection."""
        if self._radio.is_instant:
            self._sender.link.acknowledge(message)
        else:
            self._carry(message, None)

    def _carry(self, what: Packet | Message, properties: PublishProperties | None) -> None:
        delay_s, sender = self.delay_s(), self._sender
        if sender.member is not None:
            routine, arrives_s = sender.member.routine, self._world.env.now + delay_s
            if routine.sent_s + routine.every_s <= arrives_s:
                sender.speak_for_itself()  # else its next heartbeat would overtake this
        self._carried = (*self._carried, (what, properties))
        self._world.later(delay_s, self._arrive, sender.generation)

    def _arrive(self, generation: int) -> None:
        """Hand the first of what the radio carries to the link."""
        if generation != self._sender.generation or not self._carried:
            return  # it was handed over when its connection ended
        what, properties = self._carried[0]
        self._carried = self._carried[1:]
        if not isinstance(what, Message):
            self._publish(what, properties)
        elif self._sender.connection is ConnectionState.CONNECTED:
            self._sender.link.acknowledge(what)

    def _publish(self, packet: Packet, properties: PublishProperties | None) -> None:
        topic, payload, qos, retain = packet
        self._sender.link.publish(topic, payload, qos=qos, retain=retain, properties=properties)

    def delay_s(self) -> float:
        """Return the delay of a packet sent now.

        A sender can be reached: waiting packets arrive.
        """
        delay_s = self._radio.uplink_s(self._world.env.now)
        downlink = self._sender.downlink
        if downlink.unpaged:
            downlink.listen()
        return delay_s

    def end_connection(self) -> None:
        """Give the link what the connection that has ended still carried."""
        while self._carried:
            self._arrive(self._sender.generation)

    def flush(self) -> None:
        """Give the link all that has not arrived: no time passes any more."""
        self.end_connection()
        if self._held_back is not None:
            self._held_back.flush()
            self.end_connection()

    def lose_memory(self) -> None:
        """Forget what has not left the box."""
        self._carried = ()
        if self._held_back is not None:
            self._held_back.clear()
