"""Packets to a box: from the broker's socket over the network to the box, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from fleet_sim.cars.connection import Connection
from fleet_sim.cars.dialler import Dialler
from fleet_sim.cars.failpoints import (
    DOWNLINK,
    PUBACK,
    CarFailpoints,
    Culprit,
    Failpoint,
    undone_by,
)
from fleet_sim.cars.fifo import Fifo
from fleet_sim.cars.uplink import Uplink
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message

ValueT = TypeVar("ValueT")


class Downlink:
    """The way from the broker to a box. Nothing on it overtakes anything else.

    What is on its way goes down with its connection: the broker sends it again on the next one.
    """

    __slots__ = (
        "_connection",
        "_dialler",
        "_held",
        "_held_back",
        "_unpaged",
        "_uplink",
    )

    def __init__(self, connection: Connection, dialler: Dialler, uplink: Uplink) -> None:
        self._connection = connection
        self._dialler = dialler
        self._uplink = uplink
        self._held_back: Fifo | None = None
        """The queue of packets that faults hold back in the network."""
        self._unpaged: Sequence[Message] = ()
        """Messages that wait in the network for a box that listens now and then (eDRX, PSM)."""
        self._held: Sequence[Message] = ()
        """Messages that arrived while there was no coverage."""

    def quiet_s(self) -> float:
        """Return for how long nothing was exchanged with the network, not even a ping."""
        return self._uplink.radio.quiet_s(self._connection.box.world.env.now)

    def until_received_s(self) -> float:
        """Return how long until all has come that the radio carries."""
        return self._uplink.radio.until_received_s(self._connection.box.world.env.now)

    def bring(self, message: Message) -> None:
        """Deliver a message from the broker's socket to the box."""
        if self._uplink.meter is not None:
            self._uplink.meter.count(message.payload)
        failpoints = self._connection.box.failpoints
        if failpoints is not None:
            held_s = self._altered(DOWNLINK, message, failpoints, usual=0.0)
            if held_s is not None:  # else the broker will send it again on the next connection
                self._hold_back(message, held_s)
        elif self._uplink.radio.is_instant and self._connection.has_coverage:
            self._receive(message)
        else:
            self._hold_back(message, 0.0)

    def _hold_back(self, message: Message, held_s: float) -> None:
        """Deliver a message after a delay by faults, and not before earlier ones."""
        if held_s <= 0 and not self._held_back:
            self._page(message)
            return
        if not self._held_back:
            self._held_back = Fifo(self._connection.box.world)
        self._held_back.add(held_s, self._page, message)

    def _page(self, message: Message) -> None:
        """Deliver a message as soon as the box listens."""
        world = self._connection.box.world
        silent_s = self._uplink.radio.silent_s(world.env.now)
        if silent_s > 0:
            self._unpaged = [*self._unpaged, message]
            self._uplink.radio.on_sent = self._listen
            world.later(silent_s, self._listen)
        else:
            self._listen()
            self._carry(message)

    def _listen(self) -> None:
        """Deliver the messages that waited in the network for the box to listen."""
        if self._unpaged:
            unpaged = self._unpaged
            self._forget_unpaged()
            for message in unpaged:
                self._carry(message)

    def _forget_unpaged(self) -> None:
        self._unpaged = ()
        self._uplink.radio.on_sent = None

    def _carry(self, message: Message) -> None:
        world = self._connection.box.world
        delay_s = self._uplink.radio.downlink_s(world.env.now)
        world.later(delay_s, self._arrive, message, self._connection.generation)

    def _arrive(self, message: Message, generation: int) -> None:
        if generation != self._connection.generation:
            return
        if self._connection.has_coverage:
            self._receive(message)
        else:
            self._held = [*self._held, message]

    def _receive(self, message: Message) -> None:
        """Receive a message that the radio has brought, acknowledge it, and hand it on."""
        connection = self._connection
        if not connection.is_up or connection.is_cut:
            return  # it went down with its connection; the broker will send it again
        failpoints = connection.box.failpoints
        if failpoints is None or self._altered(PUBACK, message, failpoints, usual=True):
            self._uplink.acknowledge(message)
        connection.box.handle_message(message)

    def regain_coverage(self) -> None:
        """Receive what came while there was no coverage."""
        held, self._held = self._held, ()
        for message in held:
            self._arrive(message, self._connection.generation)

    def end_connection(self) -> None:
        """Forget what was on its way on a connection that has ended."""
        self._held = ()
        self._forget_unpaged()
        if self._held_back is not None:
            self._held_back.clear()

    # Faults

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
        if failpoint is DOWNLINK and isinstance(value, float) and self._held_back:
            changed_by = self._held_back.delayed_by(value, changed_by)
        for culprit in changed_by:
            failpoints.report_hit(culprit, failpoint, self._command_of(message))
        if value is None or value is False:
            connection = self._connection
            obstacles = connection.make_obstacles()
            obstacles.withheld += 1
            obstacles.withheld_by.update(dict.fromkeys(changed_by, failpoint.name))
            if obstacles.let_nothing_in:
                for culprit, what in obstacles.withheld_by.items():
                    connection.blame(culprit, what)
                connection.recount()
        return value

    def _command_of(self, message: Message) -> str | None:
        """Return the command that a message carries.

        Platforms put its id into Correlation Data; where there is none the message itself may say.
        """
        data = message.correlation_data
        if data:
            return data.decode("utf-8", "replace")
        box = self._connection.box
        try:
            command = box.world.profile.read_command(box.spec.vehicle_id, message)
        except RemoteProtocolError:
            return None
        return command.command_id or None if command is not None else None

    @contextmanager
    def cut(self, *, by: Culprit) -> Iterator[None]:
        """Cut the direction to the box on its present connection; the other one works.

        TCP cannot be so for long: without acknowledgements the box would give the connection up.
        But operators split it in two at a proxy (RFC 3135), which acknowledges what the box sends,
        and may lose the way from the broker. A new connection is whole. If there is none before,
        the modem attaches anew when the last cut ends.
        """
        connection = self._connection
        if not connection.is_up:
            yield
            return
        connection.blame(by, "downlink")
        connection.make_obstacles().cuts += 1
        connection.recount()
        with undone_by(self._end_cut, connection.generation):
            yield

    def _end_cut(self, generation: int) -> None:
        if generation == self._connection.generation and self._connection.is_up:
            obstacles = self._connection.make_obstacles()
            obstacles.cuts -= 1
            if not obstacles.cuts:
                self._dialler.replace_connection()

    @contextmanager
    def denied(self, *, by: Culprit) -> Iterator[None]:
        """Make the broker silently withhold everything from the box, also on later connections.

        That it does not is for the broker's access rules to see to (`BrokerControl.denying`).
        """
        self._connection.blame(by, "access")
        self._change_denials(1)
        with undone_by(self._change_denials, -1):
            yield

    def _change_denials(self, change: int) -> None:
        self._connection.make_obstacles().denials += change
        self._connection.recount()
