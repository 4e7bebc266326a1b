"""What a fault is, and the table of all of them.

To add one: write a class with its parameters as fields and `@register` above it, in the module of
its layer, and give it a test. Nothing else needs to know its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import simpy
from pydantic import BaseModel, ConfigDict

from fleet_wire.randomness import RandomStream

if TYPE_CHECKING:  # boxes know nothing of faults, nor does loading a scenario need boxes
    from fleet_sim.cars.box import Box
    from fleet_sim.cars.world import World

FaultProcess = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """Settings of the broker that a fault needs; None leaves the broker's own."""

    max_queued_messages: int | None = None


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault of a scenario, on its cars (at least one): what a fault's process gets.

    `duration_s` is the length of the window; the process starts when the window opens.
    """

    world: World
    boxes: Sequence[Box]
    duration_s: float
    stream_of: Callable[[str], RandomStream]
    """Return this injection's own random stream of one car, by vehicle id."""

    @property
    def env(self) -> simpy.Environment:
        """Return the environment in which the fault's processes run."""
        return self.world.env

    def each_box(self, act: Callable[[Box, RandomStream], FaultProcess]) -> FaultProcess:
        """Run `act` for every car side by side, and end with the window."""
        for box in self.boxes:
            self.env.process(act(box, self.stream_of(box.vehicle_id)))
        yield self.env.timeout(self.duration_s)


class Fault(BaseModel, ABC):
    """A way in which cars do not open. Its fields are the parameters a scenario may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    """The name in a scenario: the slug of the catalogue."""
    summary: ClassVar[str]
    """One sentence for `fleet-sim faults`."""
    only_once: ClassVar[str | None] = None
    """Why two of it on one car at the same time make no sense; None: they do, and act together."""

    def broker_limits(self) -> BrokerLimits | None:
        """Return what the broker must be set to, where the fault needs a broker of our own."""
        return None

    @abstractmethod
    def process(self, injection: Injection) -> FaultProcess:
        """Act from the opening of the window to its end, as a SimPy process."""


FAULTS: dict[str, type[Fault]] = {}

FaultClass = TypeVar("FaultClass", bound=type[Fault])


def register(fault: FaultClass) -> FaultClass:
    """Enter a fault class under its name."""
    if fault.name in FAULTS:
        raise ValueError(f"two faults are called {fault.name!r}")
    FAULTS[fault.name] = fault
    return fault
