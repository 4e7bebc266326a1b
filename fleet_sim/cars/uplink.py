"""Packets from a box: over the radio to the broker's socket, in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet_sim.cars.connection import Connection
from fleet_sim.cars.disturbance import DataMeter
from fleet_sim.cars.failpoints import UPLINK, OutgoingMessage, undone_by
from fleet_sim.cars.fifo import Fifo
from fleet_sim.cars.radio import Radio
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Message, PublishProperties
from fleet_wire.profiles.profile import Packet


class Uplink:
    """The way from a box to the broker. Nothing on it overtakes anything else.

    A message that a fault holds back waits in the box, and so does all behind it. The radio carries
    what has left the box. When the connection ends, the link gets what the radio still carried: it
    sends that again on the next connection, before anything new.
    """

    __slots__ = ("_carried", "_connection", "_held_back", "meter", "radio")

    def __init__(self, connection: Connection, radio: Radio) -> None:
        self._connection = connection
        self.radio = radio
        self._held_back: Fifo | None = None
        """The queue of packets that faults hold back in the box."""
        self.meter: DataMeter | None = None
        """The meter of the traffic, if there is one."""
        self._carried: tuple[tuple[Packet | Message, PublishProperties | None], ...] = ()
        """Packets on the radio, which keeps their order, and messages to acknowledge."""

    def until_sent_s(self) -> float:
        """Return how long until all has arrived that was sent so far, if nothing holds it up."""
        held_s = 0.0 if self._held_back is None else self._held_back.left_s()
        return max(held_s, self.radio.until_sent_s(self._connection.box.world.env.now))

    def send(
        self,
        kind: TopicKind,
        packet: Packet,
        properties: PublishProperties | None = None,
        command_id: str | None = None,
    ) -> None:
        """Send a packet behind all others. `command_id` is the command that it is about."""
        box = self._connection.box
        if box.failpoints is None:
            self._leave(kind, packet, properties)
            return
        held_s, culprits = box.failpoints.fold(
            UPLINK, OutgoingMessage(kind, packet[1], command_id), usual=0.0
        )
        if held_s or self._held_back:
            held_back = self._held_back = self._held_back or Fifo(box.world)
            culprits = held_back.delayed_by(held_s, culprits) if held_s is not None else culprits
        if command_id is not None:
            for culprit in culprits:
                box.failpoints.report_hit(culprit, UPLINK, command_id)
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
        if not self.radio.is_instant and self._connection.is_up:
            if kind is not TopicKind.TELEMETRY or self._carried:
                self._carry(packet, properties)
                return
            # Its delay is spared: nobody measures it, and an event each would cost most of a run.
            self.radio.uplink_s(self._connection.box.world.env.now)
        self._publish(packet, properties)

    def acknowledge(self, message: Message) -> None:
        """Acknowledge a message of the present connection."""
        if self.radio.is_instant:
            self._connection.link.acknowledge(message)
        else:
            self._carry(message, None)

    def _carry(self, what: Packet | Message, properties: PublishProperties | None) -> None:
        connection = self._connection
        delay_s = self.radio.uplink_s(connection.box.world.env.now)
        self._carried = (*self._carried, (what, properties))
        connection.box.world.later(delay_s, self._arrive, connection.generation)

    def _arrive(self, generation: int) -> None:
        """Hand the first of what the radio carries to the link."""
        if generation != self._connection.generation or not self._carried:
            return  # it was handed over when its connection ended
        what, properties = self._carried[0]
        self._carried = self._carried[1:]
        if not isinstance(what, Message):
            self._publish(what, properties)
        elif self._connection.is_up:
            self._connection.link.acknowledge(what)

    def _publish(self, packet: Packet, properties: PublishProperties | None) -> None:
        topic, payload, qos, retain = packet
        self._connection.link.publish(topic, payload, qos=qos, retain=retain, properties=properties)

    def end_connection(self) -> None:
        """Give the link what the connection that has ended still carried."""
        while self._carried:
            self._arrive(self._connection.generation)

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

    @contextmanager
    def metered(self, meter: DataMeter) -> Iterator[None]:
        """Count traffic with `meter`, and report it in telemetry. One meter at a time."""
        self.meter = meter
        with undone_by(self._end_metering):
            yield

    def _end_metering(self) -> None:
        self.meter = None
