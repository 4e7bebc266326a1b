"""One run in virtual time in a process of its own: `python -m bench.virtual_child CARS HOURS`.

Prints one line of JSON. What is measured stands in `VirtualMeasurement`.
"""

from __future__ import annotations

import cProfile
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import simpy

from bench.virtual_shares import shares_of
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.memory import rss_bytes
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.scenario.form import Scenario

UNLOCKS_PER_CAR_AND_HOUR = 4 / 24
HEARTBEAT_S = 300.0
ASLEEP_SHARE = 0.1
_SECONDS = 3600.0
_BARE_EVENTS = 300_000
_BARE_PROCESSES = 100


class VirtualMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to. CPU is that of the whole process, which has one thread."""

    cars: int
    hours: float
    """Simulated."""
    wall_s: float
    """Of the simulation: making the cars, connecting them, the load."""
    cpu_s: float
    connect_cpu_s: float
    """The part of `cpu_s` before the load: it does not grow with the hours."""
    report_cpu_s: float
    """For summary and report afterwards."""
    unlocks: int
    ok_share: float
    events: int
    """Of SimPy."""
    packets: int
    """Those events that are a packet between a client and the broker, one way."""
    bare_events_per_s: float
    """Timeouts that SimPy alone steps in a CPU second; median of before and after."""
    rss_bytes: int
    """Resident memory above that of the process without cars."""
    shares: dict[str, float]
    """Of the time, by part of the project; only of a profiled run."""


class _Watch(Progress):
    """Notes when the simulation is over, and shows nothing."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = self.load_cpu_s = 0.0
        self.rss_bytes = 0

    def phase(self, text: str) -> None:
        """Note when the last phase began: the load."""
        del text
        self.load_cpu_s = time.process_time()

    def close(self) -> None:
        """Stop the watch: what comes now is summary and report."""
        self.wall_s, self.cpu_s = time.perf_counter(), time.process_time()
        self.rss_bytes = rss_bytes()


def main() -> None:
    """Run, and print what was measured."""
    cars, hours = int(sys.argv[1]), float(sys.argv[2])
    profile = cProfile.Profile() if "--profile" in sys.argv else None
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        run = _measure(Path(name), cars, hours, profile)
    print(msgspec.json.encode(run).decode())


def _measure(directory: Path, cars: int, hours: float, profile: cProfile.Profile | None) -> Any:
    file = directory / "day.yaml"
    file.write_bytes(msgspec.json.encode(_scenario(cars, hours)))  # JSON is YAML
    scenario = Scenario.model_validate(_scenario(cars, hours))
    watch = _Watch()
    bare = [_bare_events_per_s()]
    rss_before = rss_bytes()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    virtual_run = VirtualRun(
        scenario,
        ScenarioSource(file),
        RunDirectory.create(directory / "run", scenario_name="day", seed=7),
        VirtualOptions(seed=7),
        watch,
    )
    summary = profile.runcall(virtual_run.run) if profile else virtual_run.run()
    report_cpu_s = time.process_time() - watch.cpu_s
    bare.append(_bare_events_per_s())
    return VirtualMeasurement(
        cars=cars,
        hours=hours,
        wall_s=watch.wall_s - wall_s,
        cpu_s=watch.cpu_s - cpu_s,
        connect_cpu_s=watch.load_cpu_s - cpu_s,
        report_cpu_s=report_cpu_s,
        unlocks=summary["attempts"]["total"],
        ok_share=summary["attempts"]["ok_share"],
        events=next(virtual_run._env._eid),  # noqa: SLF001 - a run has no use for this count
        packets=virtual_run._broker.transport._sent,  # noqa: SLF001 - nor for this one
        bare_events_per_s=sum(bare) / len(bare),
        rss_bytes=watch.rss_bytes - rss_before,
        shares=shares_of(profile) if profile else {},
    )


def _scenario(cars: int, hours: float) -> dict[str, Any]:
    duration_s = hours * _SECONDS
    rate_per_s = cars * UNLOCKS_PER_CAR_AND_HOUR / _SECONDS
    return {
        "description": "Part of a day of many cars.",
        "fleet": {
            "groups": [
                {
                    "name": "car",
                    "count": cars,
                    "id": "car-{:06d}",
                    "box": {"asleep_share": ASLEEP_SHARE, "heartbeat_s": HEARTBEAT_S},
                }
            ]
        },
        "load": {
            "stages": [{"kind": "poisson", "rate_per_s": rate_per_s, "duration_s": duration_s}],
            "deadline_s": 30,
        },
    }


def _bare_events_per_s() -> float:
    """Return how many timeouts SimPy steps in a CPU second when nothing else is done."""
    env = simpy.Environment()

    def tick() -> Generator[simpy.Event, Any, None]:
        while True:
            yield env.timeout(1)

    for _ in range(_BARE_PROCESSES):
        env.process(tick())
    start_s = time.process_time()
    env.run(until=_BARE_EVENTS / _BARE_PROCESSES)
    return _BARE_EVENTS / (time.process_time() - start_s)


if __name__ == "__main__":
    main()
