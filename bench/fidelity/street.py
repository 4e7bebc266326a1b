"""Boxes on links that connect at once: what the model does is timed, and no broker is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet_sim.cars.box import Box
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.cars.world import ModelEnvironment, World
from fleet_wire.links.link import LinkHandler, Message, OnAck, PublishProperties

EPOCH_UNIX_S = 1_700_000_000.0


@dataclass
class DirectLink:
    """A link that connects at once, and notes its calls.

    Implements `fleet_wire.links.link.Link`.
    """

    handler: LinkHandler
    note: Callable[[str], object] = lambda _call: None
    is_connected: bool = False
    is_frozen: bool = False

    def connect(self) -> None:
        """Connect at once."""
        self.note("connect")
        self.accept()

    def accept(self) -> None:
        """Be connected."""
        self.is_connected = True
        self.handler.on_connected(session_present=False)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: PublishProperties | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """Send nothing: nobody listens."""

    def acknowledge(self, *messages: Message) -> None:
        """Acknowledge nothing."""

    def disconnect(self) -> None:
        """Leave."""
        self._end("disconnect")

    def abort(self) -> None:
        """Lose the socket."""
        self._end("abort")

    def leave_behind(self) -> None:
        """Leave the socket behind."""
        self._end("leave_behind")

    def freeze(self) -> None:
        """Carry nothing any more."""
        self.is_frozen = True
        self.note("freeze")

    def thaw(self) -> None:
        """Carry again."""
        self.is_frozen = False

    def _end(self, how: str) -> None:
        self.is_connected = False
        self.note(how)


class Street:
    """Cars of one kind, and when each link was used for what."""

    def __init__(self, count: int, keys: Mapping[str, Any], *, seed: int = 1) -> None:
        """Make the cars, and start them. `keys` are those of a group's `box`."""
        parameters = BoxParameters.model_validate(
            {**NULL_BOX.model_dump(exclude_unset=True), **keys}
        )
        self.env = ModelEnvironment()
        self.calls: dict[str, list[tuple[float, str]]] = {}
        """What each car's links did: simulated second and call."""
        world = World(self.env, seed, "secret", EPOCH_UNIX_S, self._link)
        traits = Traits(group="street")
        self.boxes: Sequence[Box] = [
            Box(world, CarSpec(f"car-{number}", traits, parameters)) for number in range(count)
        ]
        for box in self.boxes:
            box.power.start()

    def first(self, what: str, *, after_s: float) -> list[float]:
        """Return for each car that did so the first second from `after_s` on."""
        times = (
            next((at_s for at_s, call in calls if call == what and at_s >= after_s), None)
            for calls in self.calls.values()
        )
        return [at_s for at_s in times if at_s is not None]

    def _link(self, handler: LinkHandler) -> DirectLink:
        def note(what: str) -> None:
            vehicle_id: str = handler.session().client_id
            self.calls.setdefault(vehicle_id, []).append((self.env.now, what))

        return DirectLink(handler, note)


class Nobody:
    """A cause of reboots that keeps no record. Implements `fleet_sim.cars.failpoints.Culprit`."""

    def hit(
        self,
        vehicle_id: str,
        what: str,
        *,
        command_id: str | None = None,
        during_s: tuple[float, float] | None = None,
        customer_id: str | None = None,
    ) -> None:
        """Record nothing."""
