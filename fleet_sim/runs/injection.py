"""Puts a scenario's faults into a fleet, and writes down what was done to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

from fleet_sim.broker.control import BrokerSettings, tightest
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import CarSpec
from fleet_sim.faults import Fault, Injection
from fleet_sim.scenario.form import Scenario, select


def broker_settings(scenario: Scenario) -> BrokerSettings:
    """Return what the faults need the broker to be set to."""
    return tightest(entry.fault().broker_settings() for entry in scenario.faults)


def inject_all(
    scenario: Scenario,
    specs: Sequence[CarSpec],
    fleet: Fleet,
    *,
    load_starts_s: float,
    record: Callable[[Any], None],
) -> None:
    """Schedule every fault, and record each injection now and each hit when it happens.

    `load_starts_s` is the simulated second at which the load begins: windows count from there.
    `record` writes one line of `ground_truth.jsonl`: a mapping, or a `Hit`.
    """
    seen: Counter[str] = Counter()
    for number, entry in enumerate(scenario.faults):
        fault = entry.fault()
        # Counted by name: adding another fault changes no draw of this one.
        stream = f"fault/{entry.name}/{seen[entry.name]}"
        seen[entry.name] += 1
        targets = select(specs, entry.target, fleet.world.seed, stream)
        ids = [spec.vehicle_id for spec in targets if spec.vehicle_id in fleet.boxes]
        end_s = scenario.end_s(entry.window)
        record(
            {
                "type": "injection",
                "injection": number,
                "fault": entry.name,
                "start_s": entry.window.start_s,
                "end_s": end_s,
                "seen": fault.seen,
                "vehicles": ids,
                "parameters": fault.model_dump(mode="json"),
            }
        )
        injection = Injection(
            world=fleet.world,
            boxes=[fleet.boxes[vehicle_id] for vehicle_id in ids],
            duration_s=end_s - entry.window.start_s,
            stream_of=_streams(fleet, stream),
            number=number,
            fault=entry.name,
            load_starts_s=load_starts_s,
            record=record,
        )
        if ids:
            fleet.world.env.process(_inject(fault, entry.window.start_s, injection))


def _streams(fleet: Fleet, name: str) -> Callable[[str], Any]:
    return lambda vehicle_id: fleet.world.stream(f"{name}/{vehicle_id}")


def _inject(
    fault: Fault, start_s: float, injection: Injection
) -> Generator[simpy.Event, Any, None]:
    opens_s = injection.load_starts_s + start_s
    yield injection.wait(max(opens_s - injection.env.now, 0.0))
    yield from fault.process(injection)


def end_injections(fleet: Fleet) -> None:
    """Record what faults are still at work on when the run is over."""
    for box in fleet.boxes.values():
        try:
            box.modem.tell_culprits()
        except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
            fleet.world.defects.note(error)
