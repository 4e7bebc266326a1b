"""Packets to a box: from the broker's socket over the network to the box, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fleet_sim.cars.failpoints import Culprit
from fleet_sim.cars.fifo import Fifo
from fleet_sim.cars.radio import Radio
from fleet_sim.cars.world import World
from fleet_wire.links.link import Message


class Receiver(Protocol):
    """The modem around the downlink."""

    generation: int

    @property
    def has_coverage(self) -> bool:
        """Return whether the modem hears a network."""
        ...

    def receive(self, message: Message) -> None:
        """Receive a message that has come all the way."""
        ...


class Downlink:
    """The way from the broker to a box. Nothing on it overtakes anything else.

    What is on its way goes down with its connection: the broker sends it again on the next one.
    """

    __slots__ = ("_held", "_held_back", "_radio", "_receiver", "_world", "unpaged")

    def __init__(self, world: World, radio: Radio, receiver: Receiver) -> None:
        self._world = world
        self._radio = radio
        self._receiver = receiver
        self._held_back: Fifo | None = None
        """The queue of packets that faults hold back in the network."""
        self.unpaged: Sequence[Message] = ()
        """Messages that wait in the network for a box that listens now and then (eDRX, PSM)."""
        self._held: Sequence[Message] = ()
        """Messages that arrived while there was no coverage."""

    def until_received_s(self) -> float:
        """Return how long until all has come that the radio carries."""
        return self._radio.until_received_s(self._world.env.now)

    def held_back_by(self, held_s: float, culprits: list[Culprit]) -> list[Culprit]:
        """Return the faults that hold back the next message, `culprits` for so long."""
        if self._held_back:
            return self._held_back.delayed_by(held_s, culprits)
        return culprits

    def bring(self, message: Message, held_s: float = 0.0) -> None:
        """Deliver a message that faults hold back, behind all others."""
        if held_s <= 0 and not self._held_back:
            self._page(message)
            return
        if not self._held_back:
            self._held_back = Fifo(self._world)
        self._held_back.add(held_s, self._page, message)

    def _page(self, message: Message) -> None:
        """Bring a message as soon as the box listens."""
        silent_s = self._radio.silent_s(self._world.env.now)
        if silent_s > 0:
            self.unpaged = [*self.unpaged, message]
            self._world.later(silent_s, self.listen)
        else:
            self.listen()
            self._carry(message)

    def listen(self) -> None:
        """Bring what waited in the network until it could reach the box."""
        if self.unpaged:
            unpaged, self.unpaged = self.unpaged, ()
            for message in unpaged:
                self._carry(message)

    def _carry(self, message: Message) -> None:
        delay_s = self._radio.downlink_s(self._world.env.now)
        self._world.later(delay_s, self._arrive, message, self._receiver.generation)

    def _arrive(self, message: Message, generation: int) -> None:
        if generation != self._receiver.generation:
            return
        if self._receiver.has_coverage:
            self._receiver.receive(message)
        else:
            self._held = [*self._held, message]

    def regain_coverage(self) -> None:
        """Receive what came while there was no coverage."""
        held, self._held = self._held, ()
        for message in held:
            self._arrive(message, self._receiver.generation)

    def end_connection(self) -> None:
        """Forget what was on its way on a connection that has ended."""
        self._held = self.unpaged = ()
        if self._held_back is not None:
            self._held_back.clear()
