"""What the boxes of a process share: time, seed, secret, counts, and the model's defects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import simpy

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.movements import OnMovement
from fleet_wire.contract.messages import Telemetry
from fleet_wire.links.link import Disconnected, Link, LinkFactory
from fleet_wire.links.routine import Member, Round
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from fleet_wire.randomness import RandomStream


@dataclass(slots=True)
class FleetCounts:
    """What the boxes of a process count together."""

    reachable: int = 0
    """Boxes with a connection and with coverage."""
    reachable_max: int = 0
    known: int = 0
    """Boxes that have been connected at least once: the broker has their session."""
    asleep: int = 0
    commands: int = 0
    executed: int = 0
    refused: int = 0
    redelivered: int = 0
    malformed: int = 0
    last_end: Disconnected | None = None
    """Why a connection has ended last, or could not be made."""
    last_end_of: str = ""
    """Whose that was."""


@dataclass(slots=True)
class ClockStep:
    """How far the wall clock has been set since simulated second 0, in seconds."""

    by_s: float = 0.0


@dataclass(frozen=True, slots=True)
class World:
    """What the boxes of a process share."""

    env: simpy.Environment
    seed: int
    fleet_secret: str
    epoch_unix_s: float
    """Wall time at simulated second 0."""
    link_factory: LinkFactory
    profile: Profile = NATIVE
    """What goes over the wire, and how."""
    counts: FleetCounts = field(default_factory=FleetCounts)
    defects: Defects = field(default_factory=Defects)
    clock_step: ClockStep = field(default_factory=ClockStep)
    """What has changed since about `epoch_unix_s`."""
    on_movement: OnMovement | None = None
    """Told of every movement of a lock, where somebody keeps watch."""
    on_bad_certificate: Callable[[bool], None] | None = None
    """Told when a box does not take the broker's certificate, where there is TLS: whether it found
    that it has expired; else, by its clock, that it is not valid yet."""

    offer: Callable[[Link, Member, Telemetry], None] | None = None
    """Sends a heartbeat that offers the next ones by routine; None where each is sent by itself."""
    send_round: Callable[[Round], None] | None = None
    """Sends the heartbeats of a routine; given with `offer`."""

    def stream(self, name: str) -> RandomStream:
        """Return the random stream of this name."""
        return RandomStream.named(self.seed, name)

    def later(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then` after simulated time; at once, without an event, when there is no delay."""
        if delay_s <= 0:
            then(*arguments)
            return
        # The call travels as the event's value: a closure each would be most of a fleet's memory
        # while all boxes connect.
        self.env.timeout(delay_s, (then, arguments)).callbacks.append(_make_call)


def _make_call(event: simpy.Event) -> None:
    call: Any = event.value
    then, arguments = call
    then(*arguments)
