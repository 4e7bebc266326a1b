"""How a mitigation acts on a simulated fleet: what it ends, changes and withholds, and when."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import simpy

from fleet_sim.broker.model.broker import BrokerModel, ConnectLimit
from fleet_sim.cars.box import Box
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import CarSpec
from fleet_sim.customers.population import Population
from fleet_sim.faults import Injection
from fleet_sim.faults.registry import FaultWindow
from fleet_sim.mitigations.fault_ending import EndableFaults
from fleet_sim.mitigations.form import BoxSettings, Mitigation
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_wire.randomness import RandomStream

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
    faults: EndableFaults


class Occasions(NamedTuple):
    """Occasions on which some mitigations act, in a future without one, after the decision."""

    had_wakes: bool
    """Whether the platform waited for a car to wake."""
    had_rush: bool
    """Whether more connections came than the lowest limit of any mitigation admits."""


def has_occasion(mitigation: Mitigation, targets: MitigationTargets, occasions: Occasions) -> bool:
    """Return whether a mitigation may change the future that had these occasions."""
    if mitigation.boxes or mitigation.ends or _cars_left(mitigation, targets):
        return True
    if mitigation.connects_per_s is not None and occasions.had_rush:
        return True
    return any(name != WAKES_AGAIN or occasions.had_wakes for name in mitigation.platform)


def deed_of(mitigation: Mitigation, targets: MitigationTargets) -> Hashable:
    """Return a value that is equal for mitigations that do the same in this world."""
    words = mitigation.model_dump_json(exclude={"title", "assumes", "cost", "avoids"})
    return words, tuple(_cars_left(mitigation, targets))


def begin_mitigation(
    mitigation: Mitigation, targets: MitigationTargets, *, acts_at_s: float
) -> None:
    """Schedule all that a mitigation does. `acts_at_s` is the simulated second when it begins."""
    if mitigation.ends is not None:
        targets.faults.end_early(mitigation.ends, acts_at_s=acts_at_s)
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
    if cars := _cars_left(mitigation, targets):
        targets.population.cars.offer(cars)
    if mitigation.boxes is not None:
        yield from _configure_boxes(targets.fleet, mitigation.boxes)


def _configure_boxes(fleet: Fleet, settings: BoxSettings) -> Generator[simpy.Event, None, None]:
    """Give each box its settings when it is connected; it connects anew.

    One process looks after all: with one each, boxes without a connection cost most of a future.
    """
    by = _culprit(fleet)
    changes = {name: value for name, value in settings if value is not None}
    left: Sequence[Box] = [*fleet.boxes.values()]
    while left:
        missed = []
        for box in left:
            if box.modem.connection.is_up:
                box.modem.configure(changes)
                box.modem.dialler.drop_connection(by=by)
            else:
                missed.append(box)
        left = missed
        yield by.wait(REACHED_EVERY_S)


def _culprit(fleet: Fleet) -> Injection:
    """Return who is behind a connection that breaks for new settings."""

    def stream_of(vehicle_id: str) -> RandomStream:
        return fleet.world.stream(f"mitigation/{vehicle_id}")

    return Injection(
        world=fleet.world,
        boxes=(),
        window=FaultWindow(0.0),
        stream_of=stream_of,
        fault="mitigation",
    )


def _cars_left(mitigation: Mitigation, targets: MitigationTargets) -> list[str]:
    """Return the cars to which a mitigation limits the offer; none where it leaves the offer."""
    if mitigation.avoids is None:
        return []
    return offered_cars(mitigation.avoids, targets.specs, targets.struck)


def offered_cars(avoids: str, specs: Sequence[CarSpec], struck: frozenset[str]) -> list[str]:
    """Return the cars that are offered when `avoids` is withheld, a trait or `cars`."""
    if avoids == "cars":
        return [spec.vehicle_id for spec in specs if spec.vehicle_id not in struck]
    shared = {getattr(spec.traits, avoids) for spec in specs if spec.vehicle_id in struck}
    return [spec.vehicle_id for spec in specs if getattr(spec.traits, avoids) not in shared]
