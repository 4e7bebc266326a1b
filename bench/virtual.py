"""How fast virtual time is: `python -m bench --virtual`.

Each run is a process of its own (`bench.virtual_child`): 90 of 100 cars are awake and beat every
300 s, 10 sleep until an SMS wakes them, and each is opened four times a day.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bench.results import Column, Goal, aligned, goals_table
from bench.virtual_child import VirtualMeasurement

GOAL_CARS, GOAL_HOURS = 10_000, 24.0
GOAL_S = 6.0
GOAL_KIB = 6.0
FEWEST_CARS_FOR_MEMORY = 1_000
"""With fewer cars what does not grow with them is most of it."""
_HEAD = """\
Virtual time, one core: heartbeats every 300 s, 4 unlocks a car a day, 10 % asleep.
Events are SimPy's, and each packet between a client and the broker is one of them."""
_KIB = 1024.0
_MICROSECONDS = 1e6
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class VirtualPlan:
    """How much is measured. Each size is a number of cars and of simulated hours."""

    sizes: tuple[tuple[int, float], ...] = (
        (1_000, GOAL_HOURS),
        (GOAL_CARS, GOAL_HOURS),
        (100_000, 1.0),
    )
    profiled: tuple[int, float] = (GOAL_CARS, 1.0)
    rounds: int = 1


QUICK = VirtualPlan(sizes=((100, 6.0), (1_000, 6.0)), profiled=(1_000, 1.0))


class VirtualResults(msgspec.Struct, frozen=True):
    """What was measured, as it goes into virtual.json."""

    runs: list[list[VirtualMeasurement]]
    """For each size, one run a round."""
    profiled: VirtualMeasurement


def measure_virtual(plan: VirtualPlan) -> VirtualResults:
    """Do every run, the sizes in turn, one process at a time."""
    runs: list[list[VirtualMeasurement]] = [[] for _ in plan.sizes]
    for number in range(1, plan.rounds + 1):
        for size, rounds in zip(plan.sizes, runs, strict=True):
            cars, hours = size
            print(f"round {number} of {plan.rounds}: {cars:,} cars, {hours:g} h", flush=True)
            rounds.append(_run(cars, hours))
    cars, hours = plan.profiled
    print(f"profile: {cars:,} cars, {hours:g} h", flush=True)
    return VirtualResults(runs, _run(cars, hours, "--profile"))


def _run(cars: int, hours: float, *options: str) -> VirtualMeasurement:
    command = [sys.executable, "-m", "bench.virtual_child", str(cars), str(hours), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=VirtualMeasurement)


def render_virtual(results: VirtualResults) -> str:
    """Return tables: the sizes, the goals, the shares of the time."""
    return "\n\n".join(
        (
            _HEAD,
            _table(_SIZES, results.runs),
            _table(_RATES, results.runs),
            goals_table(_goals(results.runs), of="virtual time"),
            _shares_table(results.profiled),
        )
    )


def _table(
    columns: Sequence[Column[VirtualMeasurement]], runs: Sequence[Sequence[VirtualMeasurement]]
) -> str:
    rows = [[column.title[line] for column in columns] for line in (0, 1)]
    rows += [[column.median_of(rounds) for column in columns] for rounds in runs]
    return aligned(rows)


def _shares_table(profiled: VirtualMeasurement) -> str:
    shares: Mapping[str, float] = profiled.shares
    rows = [[f"profile of {profiled.cars:,} cars, {profiled.hours:g} h", "% of the time"]]
    rows.extend([part, f"{share * _PERCENT:.1f}"] for part, share in shares.items())
    return aligned(rows)


def _goals(runs: Sequence[Sequence[VirtualMeasurement]]) -> list[Goal]:
    found = []
    for rounds in runs:
        cars, hours = rounds[0].cars, rounds[0].hours
        if (cars, hours) == (GOAL_CARS, GOAL_HOURS):
            walls_s = [run.wall_s + run.report_cpu_s for run in rounds]
            title = f"{cars:,} cars, {hours:g} h, with report, s"
            found.append(Goal(title, walls_s, GOAL_S, form=".1f"))
        if cars < FEWEST_CARS_FOR_MEMORY:
            continue
        kib = [_kib_per_car(run) for run in rounds]
        found.append(Goal(f"{cars:,} cars, KiB a car", kib, GOAL_KIB))
    return found


def _us_per_car_hour(run: VirtualMeasurement) -> float:
    """Return what an hour of one car takes once it is connected."""
    return (run.cpu_s - run.connect_cpu_s) * _MICROSECONDS / (run.cars * run.hours)


def _kib_per_car(run: VirtualMeasurement) -> float:
    return run.rss_bytes / _KIB / run.cars


def _share_of_bare(run: VirtualMeasurement) -> float:
    return _PERCENT * run.events / run.cpu_s / run.bare_events_per_s


_CARS = Column[VirtualMeasurement](("cars", ""), lambda run: run.cars, ",.0f")
_SIZES: tuple[Column[VirtualMeasurement], ...] = (
    _CARS,
    Column(("hours", ""), lambda run: run.hours, "g"),
    Column(("wall", "s"), lambda run: run.wall_s, ".1f"),
    Column(("CPU", "s"), lambda run: run.cpu_s, ".1f"),
    Column(("connect", "CPU s"), lambda run: run.connect_cpu_s, ".1f"),
    Column(("report", "CPU s"), lambda run: run.report_cpu_s, ".1f"),
    Column(("µs per", "car-hour"), _us_per_car_hour, ".0f"),
    Column(("unlocks", ""), lambda run: run.unlocks, ",.0f"),
    Column(("ok", "%"), lambda run: run.ok_share * _PERCENT, ".1f"),
    Column(("KiB", "a car"), _kib_per_car, ".2f"),
)
_RATES: tuple[Column[VirtualMeasurement], ...] = (
    _CARS,
    Column(("events", ""), lambda run: run.events, ",.0f"),
    Column(("packets", ""), lambda run: run.packets, ",.0f"),
    Column(("events", "a CPU s"), lambda run: run.events / run.cpu_s, ",.0f"),
    Column(("bare SimPy", "events/s"), lambda run: run.bare_events_per_s, ",.0f"),
    Column(("share of", "bare, %"), _share_of_bare, ".1f"),
)
