"""Puts a scenario's faults into a fleet, and writes down what was done to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from fleet_sim.broker.control import BrokerControl, BrokerSettings, tightest
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import CarSpec
from fleet_sim.customers.failpoints import CustomerFailpoints
from fleet_sim.faults import Fault, Injection, Strikes
from fleet_sim.faults.registry import FaultProcess, FaultWindow
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.results import readable
from fleet_sim.scenario.form import FaultEntry, Scenario, select


def broker_settings(scenario: Scenario) -> BrokerSettings:
    """Return what faults and boxes want the broker to be set to."""
    needs_time = any(group.box.needs_time_for_tls for group in scenario.fleet.groups)
    of_boxes = BrokerSettings(shows_bad_certificates=needs_time)
    return tightest([of_boxes, *(entry.fault().broker_settings() for entry in scenario.faults)])


def strikes_boxes(fault: Fault) -> bool:
    """Return whether a fault acts where the boxes are, else it does where the platform is."""
    return fault.acts_on not in (Strikes.PLATFORM, Strikes.CUSTOMERS)


class ProcessRole(Enum):
    """Which part of a run this process plays, where several play it together."""

    WHOLE = "whole"
    BOXES = "boxes"
    """Boxes alone; those that are in no process of ours are another's concern."""
    AROUND = "around"
    """Platform and customers, and their cars; most boxes are in other processes."""

    def has(self, fault: Fault) -> bool:
        """Return whether a fault acts in this part."""
        return strikes_boxes(fault) or self is not ProcessRole.BOXES


class FaultTargets(NamedTuple):
    """The targets of faults besides the cars, as far as the run has them."""

    platform: EmulatedPlatform | None = None
    broker: BrokerControl | None = None
    customers: CustomerFailpoints | None = None


CARS_ALONE = FaultTargets()
FaultStart = Callable[[Injection], FaultProcess]
ProcessOf = Callable[[Fault], FaultStart]
"""Returns how a fault of a scenario acts: as it does by itself, or as somebody ends it early."""


def own_process(fault: Fault) -> FaultStart:
    """Return how a fault acts by itself."""
    return fault.process


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was put into a fleet."""

    entry: FaultEntry
    start_s: float
    """In seconds since the load began."""
    end_s: float
    vehicle_ids: Sequence[str]
    """The cars of this process that it strikes."""


@dataclass(frozen=True, slots=True)
class Injector:
    """Puts faults into a fleet, numbers them, and writes down what is done to whom."""

    specs: Sequence[CarSpec]
    """The cars of which targets are chosen."""
    fleet: Fleet
    _: KW_ONLY
    load_starts_s: float
    """The simulated second from which windows and records count."""
    record: Callable[[Any], None]
    """Writes one line of `ground_truth.jsonl`: a mapping, or a `Hit`."""
    say: Callable[[str], object] = str
    """Takes a sentence when a fault begins and when it ends."""
    around: FaultTargets = CARS_ALONE
    part: ProcessRole = ProcessRole.WHOLE
    """What acts in another part of the same run is numbered and recorded as all are."""
    process_of: ProcessOf = own_process
    injected: list[Injected] = field(default_factory=list)
    _seen: Counter[str] = field(default_factory=Counter)

    def inject_all(self, scenario: Scenario) -> Injector:
        """Schedule every fault of a scenario, and return what takes more of them."""
        for entry in scenario.faults:
            window = entry.window
            self.inject(entry, start_s=window.start_s, end_s=scenario.end_s(window))
        return self

    def inject(self, entry: FaultEntry, *, start_s: float, end_s: float) -> Injected:
        """Schedule a fault, record it now and each hit when it happens."""
        fault, number = entry.fault(), len(self.injected)
        # Counted by name: adding another fault changes no draw of this one.
        stream = f"fault/{entry.name}/{self._seen[entry.name]}"
        self._seen[entry.name] += 1
        world, boxes = self.fleet.world, self.fleet.boxes
        cars = [
            spec
            for spec in select(self.specs, entry.target, world.seed, stream)
            if self.part is ProcessRole.AROUND or spec.vehicle_id in boxes
        ]
        ids = [spec.vehicle_id for spec in cars]
        injected = Injected(entry, start_s, end_s, ids)
        self.injected.append(injected)
        self.record(
            {
                "type": "injection",
                "injection": number,
                "fault": entry.name,
                "start_s": start_s,
                "end_s": end_s,
                "seen": fault.conclusion(),
                "vehicles": ids,
                "parameters": fault.model_dump(mode="json"),
            }
        )
        injection = Injection(
            world=world,
            cars=cars,
            boxes=[boxes[vehicle_id] for vehicle_id in ids if vehicle_id in boxes],
            window=FaultWindow(end_s - start_s),
            stream_of=lambda vehicle_id: world.stream(f"{stream}/{vehicle_id}"),
            number=number,
            fault=entry.name,
            load_starts_s=self.load_starts_s,
            record=self.record,
            vehicle_ids=frozenset(ids),
            **self.around._asdict(),
        )
        if ids:
            is_here = self.part.has(fault) and (injection.boxes or not strikes_boxes(fault))
            acts = self.process_of(fault) if is_here else _remote_fault
            world.env.process(_act(fault.name, acts, start_s, injection, self.say))
        return injected


def _remote_fault(injection: Injection) -> FaultProcess:
    """Stand for a fault that acts in another process as long as its window is open."""
    yield injection.wait(injection.duration_s)


def _act(
    name: str,
    process: FaultStart,
    start_s: float,
    injection: Injection,
    say: Callable[[str], object],
) -> FaultProcess:
    opens_s = injection.load_starts_s + start_s
    yield injection.wait(max(opens_s - injection.env.now, 0.0))
    say(
        f"fault {name} begins: {readable.number_of(len(injection.vehicle_ids), 'car')},"
        f" {injection.duration_s:g} s (injection {injection.number})"
    )
    yield from process(injection)
    say(f"fault {name} ends (injection {injection.number})")


def without_platform_faults(scenario: Scenario) -> Scenario:
    """Return a scenario as far as the boxes alone can have it: the platform is another process."""
    return _with_faults(scenario, strikes_boxes)


def with_platform_faults_alone(scenario: Scenario) -> Scenario:
    """Return a scenario as far as the platform alone can have it: the boxes are elsewhere."""
    return _with_faults(scenario, lambda fault: fault.acts_on is Strikes.PLATFORM)


def _with_faults(scenario: Scenario, wanted: Callable[[Fault], bool]) -> Scenario:
    faults = tuple(entry for entry in scenario.faults if wanted(entry.fault()))
    return scenario.model_copy(update={"faults": faults})


def end_injections(fleet: Fleet) -> None:
    """Record what faults are still at work on when the run is over."""
    for box in fleet.boxes.values():
        try:
            box.modem.connection.report_hits()
        except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
            fleet.world.defects.note(error)
