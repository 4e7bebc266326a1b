"""How a mitigation acts on a simulated fleet: what it ends, changes and withholds, and when."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import simpy

from fleet_sim.broker.model.broker import BrokerModel, ConnectLimit
from fleet_sim.cars.box import Box
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import CarSpec
from fleet_sim.customers.population import Population
from fleet_sim.faults import Fault, Injection
from fleet_sim.faults.registry import CarFault, FaultProcess
from fleet_sim.mitigations.form import BoxSettings, Mitigation
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_wire.randomness import RandomStream

BATCHES: Final = 10
"""Groups in which cars get well again: enough for a smooth roll-out [E]."""
WAKES_AGAIN: Final = "wake_again_after_s"
"""The parameter of the platform that is read only while a car is woken."""
REACHED_EVERY_S: Final = 10.0
"""How often the platform tries to give a box its new settings [E]."""


@dataclass(frozen=True, slots=True)
class MitigationTargets:
    """The parts of a simulated world on which a mitigation acts."""

    fleet: Fleet
    specs: Sequence[CarSpec]
    platform: EmulatedPlatform
    population: Population
    broker: BrokerModel
    struck: frozenset[str]
    """Cars of the faults, by vehicle id."""


class Occasions(NamedTuple):
    """What a future without a mitigation had after the decision on which some act."""

    had_wakes: bool
    """Whether the platform waited for a car to wake."""
    had_rush: bool
    """Whether more connections came than the lowest limit of any mitigation admits."""


def has_occasion(mitigation: Mitigation, occasions: Occasions) -> bool:
    """Return whether a mitigation may change the future that had these occasions."""
    if mitigation.boxes or mitigation.avoids or mitigation.ends:
        return True
    if mitigation.connects_per_s is not None and occasions.had_rush:
        return True
    return any(name != WAKES_AGAIN or occasions.had_wakes for name in mitigation.platform)


def begin_mitigation(
    mitigation: Mitigation, targets: MitigationTargets, *, acts_at_s: float
) -> None:
    """Schedule all that a mitigation does but the end of faults, see `end_of_fault`.

    `acts_at_s` is the simulated second at which it begins to act.
    """
    targets.fleet.world.env.process(_act(mitigation, targets, acts_at_s))


def _act(
    mitigation: Mitigation, targets: MitigationTargets, acts_at_s: float
) -> Generator[simpy.Event, None, None]:
    env = targets.fleet.world.env
    yield env.timeout(max(acts_at_s - env.now, 0.0))
    if mitigation.platform:
        targets.platform.configure(mitigation.platform)
    if mitigation.connects_per_s is not None:
        targets.broker.connect_limit = ConnectLimit(mitigation.connects_per_s)
    if mitigation.avoids is not None:
        targets.population.offer(offered_cars(mitigation.avoids, targets.specs, targets.struck))
    if mitigation.boxes is not None:
        by = _culprit(targets.fleet)
        for box in targets.fleet.boxes.values():
            env.process(_configure_box(box, mitigation.boxes, by))


def _configure_box(
    box: Box, settings: BoxSettings, by: Injection
) -> Generator[simpy.Event, None, None]:
    """Give a box its settings when it is connected; it connects anew."""
    while not box.modem.connection.is_up:
        yield by.wait(REACHED_EVERY_S)
    box.modem.configure(
        {name: value for name, value in settings if value is not None},
    )
    box.modem.dialler.drop_connection(by=by)


def _culprit(fleet: Fleet) -> Injection:
    """Return who is behind a connection that breaks for new settings."""

    def stream_of(vehicle_id: str) -> RandomStream:
        return fleet.world.stream(f"mitigation/{vehicle_id}")

    return Injection(
        world=fleet.world, boxes=(), duration_s=0.0, stream_of=stream_of, fault="mitigation"
    )


def offered_cars(avoids: str, specs: Sequence[CarSpec], struck: frozenset[str]) -> list[str]:
    """Return the cars that are offered when `avoids` is withheld, a trait or `cars`."""
    if avoids == "cars":
        return [spec.vehicle_id for spec in specs if spec.vehicle_id not in struck]
    shared = {getattr(spec.traits, avoids) for spec in specs if spec.vehicle_id in struck}
    return [spec.vehicle_id for spec in specs if getattr(spec.traits, avoids) not in shared]


@dataclass(frozen=True, slots=True)
class MitigatedFault:
    """A fault that a mitigation ends early. It acts as the fault does, for each car less long."""

    fault: Fault
    ends_s: Sequence[float]
    """Seconds from the opening of the window until each batch of cars is well again."""
    reboots: bool

    def process(self, injection: Injection) -> FaultProcess:
        """Strike as the fault does, and end for one batch of cars after the other."""
        env = injection.env
        for batch in self._batches(injection):
            env.process(self.fault.process(batch))
            if self.reboots:
                env.process(_reboot_at_end(batch))
        yield injection.whole_window()

    def _batches(self, injection: Injection) -> Iterator[Injection]:
        if not isinstance(self.fault, CarFault):
            yield replace(injection, duration_s=min(self.ends_s[-1], injection.duration_s))
            return
        for number, ends_s in enumerate(self.ends_s):
            boxes = injection.boxes[number :: len(self.ends_s)]
            if boxes:
                ids = frozenset(box.vehicle_id for box in boxes)
                length_s = min(ends_s, injection.duration_s)
                yield replace(injection, boxes=boxes, vehicle_ids=ids, duration_s=length_s)


def _reboot_at_end(injection: Injection) -> FaultProcess:
    """Reboot the boxes of an injection when its window ends."""
    yield injection.whole_window()
    for box in injection.boxes:
        box.power.reboot(by=injection)


def end_of_fault(
    mitigation: Mitigation, fault: Fault, *, opens_s: float, acts_at_s: float
) -> Fault | MitigatedFault:
    """Return a fault as a mitigation leaves it: unchanged, or ended early.

    Both times are seconds of load. A fault that begins after the mitigation acts never strikes.
    """
    ending = mitigation.ends
    if ending is None or fault.name not in ending.modes:
        return fault
    first_s = max(acts_at_s - opens_s, 0.0)
    steps = BATCHES if ending.over_s else 1
    ends_s = [first_s + ending.over_s * (number + 1) / steps for number in range(steps)]
    return MitigatedFault(fault, ends_s, ending.reboots)
