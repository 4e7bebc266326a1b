"""Read the report's data from a run directory in one pass, before anything is drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from fleet_sim.results import readable
from fleet_sim.results.injected import InjectedFault, LostBoxes
from fleet_sim.results.summary import LOST_BOXES, Attempts, JsonLines, read_json
from fleet_sim.results.times import opens_after_s, quantile
from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Cause, Outcome

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
"""Bucket widths in seconds that a reader can name."""
LEAST_S = 1e-5
"""A time is drawn as at least this: logarithmic axes know no zero."""

_READS_WELL_S = 300
_LABEL_SHARE = 0.0065
"""A character of a fault's label as a share of the width of a plot, generously."""


class PlottedUnlock(NamedTuple):
    """One unlock in a plot. Times in seconds; `at_s` counts from the start of the load."""

    at_s: float
    total_s: float
    outcome: Outcome
    cause: Cause | None
    vehicle_id: str

    @property
    def opens_s(self) -> float:
        """How long the customer waited for an open door; infinite where it stayed shut."""
        return opens_after_s(self.outcome, self.total_s)


class FleetSample(msgspec.Struct, frozen=True):
    """One line of `fleet_samples.jsonl`."""

    t_s: float
    connected: int
    asleep: int = 0


class LatestUnlock(NamedTuple):
    """An unlock to look up: it began at `started_at`, Unix seconds."""

    started_at: float
    outcome: Outcome
    cause: Cause
    trace_id: str


@dataclass(slots=True)
class CarTally:
    """How the unlocks of one car went."""

    vehicle_id: str
    region: str | None = None
    firmware: str | None = None
    attempts: int = 0
    causes: Counter[Cause] = field(default_factory=Counter)
    latest_not_ok: LatestUnlock | None = None
    """The latest unlock that did not end well, by its start."""

    @property
    def not_ok(self) -> int:
        """How many unlocks did not end well."""
        return self.causes.total()


@dataclass(frozen=True, slots=True)
class RunData:
    """Everything the report draws. `points` and `samples` are in the order of time.

    An unlock that the monitor observed late has no times, so it is no point.
    """

    points: list[PlottedUnlock]
    cars: dict[str, CarTally]
    faults: list[InjectedFault]
    lost: list[LostBoxes]
    samples: list[FleetSample]
    manifest: dict[str, Any]

    @property
    def end_s(self) -> float:
        """The second at which the plots over time end, at least 1: the last start or fault."""
        ends_s = [*(point.at_s for point in self.points[-1:]), *(f.end_s for f in self.faults)]
        return max([1.0, *(ends_s or [sample.t_s for sample in self.samples[-1:]])])

    @property
    def scenario(self) -> dict[str, Any]:
        """The resolved scenario as the manifest holds it."""
        scenario = self.manifest.get("scenario")
        return scenario if isinstance(scenario, dict) else {}

    @property
    def deadline_s(self) -> float | None:
        """The customer's patience, where the manifest tells it."""
        load = self.scenario.get("load")
        deadline = load.get("deadline_s") if isinstance(load, dict) else None
        return float(deadline) if isinstance(deadline, int | float) and deadline > 0 else None

    def worst_cars(self, limit: int) -> list[CarTally]:
        """Return the cars with the most unlocks that did not end well, worst first."""
        failing = (car for car in self.cars.values() if car.not_ok)
        return sorted(failing, key=lambda car: (-car.not_ok, car.vehicle_id))[:limit]


def read_run(run_directory: Path) -> RunData:
    """Read a run directory. Missing files count as empty, unreadable lines are left out."""
    points: list[PlottedUnlock] = []
    cars: dict[str, CarTally] = {}
    for attempt in Attempts(run_directory / "attempts.jsonl"):
        if attempt.source is Source.FLOOR:
            continue
        vehicle_id = attempt.vehicle_id
        total_s = max(attempt.total_s, LEAST_S)
        if attempt.has_times:
            points.append(
                PlottedUnlock(
                    attempt.scheduled_s, total_s, attempt.outcome, attempt.cause, vehicle_id
                )
            )
        _count_attempt(cars.setdefault(vehicle_id, CarTally(vehicle_id)), attempt)
    return RunData(
        points=sorted(points, key=lambda point: (point.at_s, point.vehicle_id)),
        cars=cars,
        faults=list(JsonLines(run_directory / "ground_truth.jsonl", InjectedFault)),
        lost=list(JsonLines(run_directory / LOST_BOXES, LostBoxes)),
        samples=sorted(
            JsonLines(run_directory / "fleet_samples.jsonl", FleetSample), key=lambda s: s.t_s
        ),
        manifest=read_json(run_directory / "manifest.json"),
    )


def _count_attempt(car: CarTally, attempt: Attempt) -> None:
    car.attempts += 1
    car.region = attempt.region or car.region
    car.firmware = attempt.firmware or car.firmware
    if attempt.outcome is not Outcome.OK:
        cause = attempt.cause or Cause.UNCLASSIFIED
        car.causes[cause] += 1
        unlock = LatestUnlock(attempt.started_at, attempt.outcome, cause, attempt.trace_id)
        if car.latest_not_ok is None or unlock.started_at >= car.latest_not_ok.started_at:
            car.latest_not_ok = unlock


def bucket_width_s(span_s: float, *, at_most: int) -> int:
    """Return the narrowest familiar width that cuts `span_s` into at most that many buckets."""
    fitting = (step for step in _STEPS if span_s / step <= at_most)
    return next(fitting, math.ceil(span_s / at_most / 86_400) * 86_400)


def thin(points: Sequence[PlottedUnlock], limit: int) -> list[PlottedUnlock]:
    """Return at most `limit` points, every n-th; what went wrong goes before what went well."""
    bad = [point for point in points if point.outcome is not Outcome.OK]
    good = [point for point in points if point.outcome is Outcome.OK]
    bad = _every_nth(bad, max(limit // 2, limit - len(good)))
    return [*_every_nth(good, limit - len(bad)), *bad]


def _every_nth(points: list[PlottedUnlock], limit: int) -> list[PlottedUnlock]:
    return points[:: -(-len(points) // limit)] if points else []


def per_bucket(times_s: Iterable[float], *, width_s: int, end_s: float) -> list[int]:
    """Return how many times fall into each bucket from 0 to `end_s`."""
    counts = [0] * (int(end_s // width_s) + 1)
    for time_s in times_s:
        counts[min(max(int(time_s // width_s), 0), len(counts) - 1)] += 1
    return counts


def histogram(values: Iterable[float], low: float, high: float, bins: int) -> list[int]:
    """Return how many values fall into each of equal bins between two decimal logarithms."""
    counts = [0] * bins
    for value in values:
        place = int((math.log10(value) - low) / (high - low) * bins)
        counts[min(max(place, 0), bins - 1)] += 1
    return counts


def lanes(data: RunData) -> list[tuple[InjectedFault, int]]:
    """Return each fault with the lowest line on which its label covers no other."""
    ends_s: list[float] = []
    labels: list[tuple[InjectedFault, int]] = []
    for fault in sorted(data.faults, key=lambda fault: (fault.start_s, fault.fault)):
        free = (lane for lane, end_s in enumerate(ends_s) if end_s <= fault.start_s)
        lane = next(free, len(ends_s))
        if lane == len(ends_s):
            ends_s.append(0.0)
        ends_s[lane] = fault.start_s + len(fault.fault) * _LABEL_SHARE * data.end_s
        labels.append((fault, lane))
    return labels


def time_ticks(end_s: float) -> dict[str, Any]:
    """Return the ticks of an axis over time: in seconds while these read well, else in words.

    Short runs leave the choice of ticks to plotly, which finds new ones when the reader zooms.
    """
    if end_s <= 2 * _READS_WELL_S:
        return {"ticksuffix": " s"}
    width_s = bucket_width_s(end_s, at_most=14)
    ticks = range(0, int(end_s) + 1, width_s)
    return {"tickvals": list(ticks), "ticktext": [readable.duration(tick) for tick in ticks]}


def seconds_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return round times between two decimal logarithms, and their words; more when narrow."""
    bases = (1, 1.5, 2, 3, 4, 5, 7) if high - low < 1 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [base * 10.0**power for power in powers for base in bases]
    return ticks, [readable.duration(tick) for tick in ticks]


def log_seconds(values: Sequence[float]) -> tuple[float, float]:
    """Return the decimal logarithms between which positive `values` fit with some air."""
    low, high = math.log10(min(values)), math.log10(max(values))
    air = max(0.06 * (high - low), 0.06)
    return low - air, high + air


def quantile_line(
    points: Sequence[PlottedUnlock], percent: int, width_s: int
) -> tuple[list[float], list[float | None]]:
    """Return bucket middles and the quantile of the time to open in each.

    None, a gap, where nothing was started, or too few opened.
    """
    buckets: dict[int, list[float]] = {}
    for point in points:
        buckets.setdefault(int(point.at_s // width_s), []).append(point.opens_s)
    numbers = range(min(buckets), max(buckets) + 1)
    return (
        [(number + 0.5) * width_s for number in numbers],
        [quantile(sorted(buckets.get(number, [])), percent) for number in numbers],
    )
