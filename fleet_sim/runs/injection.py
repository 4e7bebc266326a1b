"""Puts a scenario's faults into a fleet, and writes down what was done to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import simpy

from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import CarSpec
from fleet_sim.faults import BrokerLimits, Fault, Injection
from fleet_sim.scenario.loading import FaultEntry, Scenario, select


def broker_limits(scenario: Scenario) -> BrokerLimits | None:
    """Return what the faults need the broker to be set to; None where none of them cares."""
    limits = [entry.fault().broker_limits() for entry in scenario.faults]
    queues = [
        limit.max_queued_messages
        for limit in limits
        if limit is not None and limit.max_queued_messages is not None
    ]
    return BrokerLimits(max_queued_messages=min(queues)) if queues else None


def inject_all(
    scenario: Scenario, specs: Sequence[CarSpec], fleet: Fleet, *, load_starts_s: float
) -> list[dict[str, Any]]:
    """Schedule every fault; return the lines of `ground_truth.jsonl`, one for each.

    `load_starts_s` is the simulated second at which the load begins: windows count from there.
    """
    truth = []
    seen: Counter[str] = Counter()
    for entry in scenario.faults:
        fault = entry.fault()
        # Counted by name: adding another fault changes no draw of this one.
        stream = f"fault/{entry.name}/{seen[entry.name]}"
        seen[entry.name] += 1
        targets = select(specs, entry.target, fleet.world.seed, stream)
        ids = [spec.vehicle_id for spec in targets if spec.vehicle_id in fleet.boxes]
        fleet.world.env.process(
            _inject(fault, entry, fleet, ids, stream=stream, load_starts_s=load_starts_s)
        )
        truth.append(
            {
                "fault": entry.name,
                "start_s": entry.window.start_s,
                "end_s": entry.window.end_s,
                "vehicles": ids,
                "parameters": fault.model_dump(mode="json"),
            }
        )
    return truth


def _inject(
    fault: Fault,
    entry: FaultEntry,
    fleet: Fleet,
    ids: Sequence[str],
    *,
    stream: str,
    load_starts_s: float,
) -> Generator[simpy.Event, Any, None]:
    env = fleet.world.env
    yield env.timeout(max(load_starts_s + entry.window.start_s - env.now, 0.0))
    if not ids:
        return
    injection = Injection(
        world=fleet.world,
        boxes=[fleet.boxes[vehicle_id] for vehicle_id in ids],
        duration_s=entry.window.end_s - entry.window.start_s,
        stream_of=lambda vehicle_id: fleet.world.stream(f"{stream}/{vehicle_id}"),
    )
    yield from fault.process(injection)
