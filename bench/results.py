"""Medians of the rounds, the table, and the ratios beside what they should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

import msgspec

from bench.measure import Measurement
from bench.probe_run import ProbeMeasurement
from bench.stacks import STACKS

MeasuredT = TypeVar("MeasuredT")


class Results(msgspec.Struct, frozen=True):
    """Everything that a run measured, as it goes into results.json."""

    machine: dict[str, str]
    stacks: dict[str, list[Measurement]]
    """By kind, one measurement a round."""
    probe: list[ProbeMeasurement]


@dataclass(frozen=True, slots=True)
class Column(Generic[MeasuredT]):
    """A column of medians: the two lines of its title, what it shows, and how."""

    title: tuple[str, str]
    value: Callable[[MeasuredT], float]
    form: str

    def median_of(self, rounds: Sequence[MeasuredT]) -> str:
        """Return the median of the rounds, as it is shown."""
        return format(median(map(self.value, rounds)), self.form)


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that the project wants to reach on two cores. Nothing fails where it does not."""

    title: str
    values: Sequence[float]
    """One a round."""
    limit: float | None
    """None: shown to compare with, no goal by itself."""
    is_ceiling: bool = True
    form: str = ".2f"

    @property
    def holds(self) -> bool:
        """Whether the median reaches it."""
        if self.limit is None:
            return True
        middle = median(self.values)
        return middle <= self.limit if self.is_ceiling else middle >= self.limit

    @property
    def verdict(self) -> tuple[str, str]:
        """The goal, and whether it is reached."""
        if self.limit is None:
            return "", ""
        sign = "<=" if self.is_ceiling else ">="
        return f"{sign} {self.limit:g}", "holds" if self.holds else "MISSED"


_COLUMNS: tuple[Column[Measurement], ...] = (
    Column(("connect+", "sub./s"), lambda m: m.connects_per_s, ",.0f"),
    Column(("then", "CPU µs"), lambda m: m.connect_cpu_us, ".0f"),
    Column(("KiB", "a box"), lambda m: m.kib_per_box, ".2f"),
    Column(("KiB", "loaded"), lambda m: m.kib_per_box_loaded, ".2f"),
    Column(("64 in flight", "commands/s"), lambda m: m.round_trips_per_s, ",.0f"),
    Column(("then", "CPU µs"), lambda m: m.cpu_us_at_most, ".1f"),
    Column(("open loop", "CPU µs"), lambda m: m.cpu_us, ".1f"),
    Column(("broker", "CPU µs"), lambda m: m.broker_cpu_us, ".1f"),
    Column(("p50", "ms"), lambda m: m.p50_ms, ".2f"),
    Column(("p99", "ms"), lambda m: m.p99_ms, ".2f"),
    Column(("", "lost"), lambda m: m.lost, ",.0f"),
)


def render(results: Results) -> str:
    """Return the whole report as text."""
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    first = next(iter(results.stacks.values()))[0]
    load = (
        f"{first.boxes:,} boxes of each stack; open loop at {first.rate_per_s:,.0f} commands/s;"
        " CPU is that of the fleet's process per command answered, idle work included."
    )
    return "\n\n".join((machine, load, table(results.stacks), goals_table(goals(results))))


def table(stacks: Mapping[str, Sequence[Measurement]]) -> str:
    """Return medians, and below each the least and the most where there was more than one round."""
    rows = [["", *(column.title[line] for column in _COLUMNS)] for line in (0, 1)]
    for kind, rounds in stacks.items():
        rows.append([STACKS[kind], *(column.median_of(rounds) for column in _COLUMNS)])
        if len(rounds) > 1:
            spreads = (_spread(list(map(column.value, rounds)), column.form) for column in _COLUMNS)
            rows.append(["", *spreads])
    return aligned(rows)


def goals(results: Results) -> list[Goal]:
    """Return the goals that the measured stacks allow to judge; ratios are taken round by round."""
    found: list[Goal] = []
    full, bare, bare3 = (results.stacks.get(kind, []) for kind in ("full", "bare", "bare3"))
    if full:
        memory = [measurement.kib_per_box_loaded for measurement in full]
        found.append(Goal("full box, KiB, loaded", memory, 6.0))
    if full and bare3:
        title = "connect rate, full / bare, same packets"
        connects = _ratios(full, bare3, lambda m: m.connects_per_s)
        found.append(Goal(title, connects, 0.8, is_ceiling=False))
        # A fleet connects as fast as it has CPU time: on a busy machine this is the steadier one.
        costs = _ratios(full, bare3, lambda m: m.connect_cpu_us)
        found.append(Goal("CPU a connect, full / bare, same packets", costs, 1.25))
    if full and bare:
        connects = _ratios(full, bare, lambda m: m.connects_per_s)
        found.append(Goal("connect rate, full / bare, no state", connects, None))
    for load, value in _CPU_LOADS:
        # The model's cost is what a full box takes above a bare one that does the same for a
        # command: the contract's three messages. What those take above one answer stands below it.
        for of, to, title, limit in (
            (full, bare3, "full / bare, same packets", 1.3),
            (full, bare, "full / bare, one answer", None),
            (bare3, bare, "bare: same packets / one answer", None),
        ):
            if of and to:
                found.append(Goal(f"CPU, {load}: {title}", _ratios(of, to, value), limit))
    return found + (_probe_goals(results.probe) if results.probe else [])


_CPU_LOADS: tuple[tuple[str, Callable[[Measurement], float]], ...] = (
    ("open loop", lambda m: m.cpu_us),
    ("64 in flight", lambda m: m.cpu_us_at_most),
)
"""CPU time of the fleet's process per command answered, under either load."""


def goals_table(found: Sequence[Goal], *, of: str = "full boxes") -> str:
    """Return one line a goal, with its verdict."""
    rows = [[of, "median", "least..most", "goal", ""]]
    rows.extend(
        [
            goal.title,
            format(median(goal.values), goal.form),
            _spread(goal.values, goal.form),
            *goal.verdict,
        ]
        for goal in found
    )
    return aligned(rows)


def _probe_goals(probe: Sequence[ProbeMeasurement]) -> list[Goal]:
    rate = f"at {probe[0].rate_per_s:,.0f}/s"
    values: tuple[tuple[str, float, Callable[[ProbeMeasurement], float], str], ...] = (
        (f"real probe {rate}: not ok", 0, lambda m: m.sent - m.ok, ".0f"),
        (f"real probe {rate}: dropped starts", 0, lambda m: m.dropped, ".0f"),
        (f"real probe {rate}: schedule lag p99, ms", 5, lambda m: m.lag_p99_ms, ".2f"),
        (f"real probe {rate}: round trip p99, ms", 3, lambda m: m.round_trip_p99_ms, ".2f"),
    )
    ratios = [each.round_trip_p99_ms / each.c_round_trip_p99_ms for each in probe]
    return [
        *(
            Goal(title, [value(measurement) for measurement in probe], limit, form=form)
            for title, limit, value, form in values
        ),
        Goal(f"real probe {rate}: p99 / that of a driver in C", ratios, 3),
    ]


def _ratios(
    of: Sequence[Measurement], to: Sequence[Measurement], value: Callable[[Measurement], float]
) -> list[float]:
    return [value(one) / value(other) for one, other in zip(of, to, strict=True)]


def _spread(values: Sequence[float], form: str) -> str:
    return f"{format(min(values), form)}..{format(max(values), form)}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as lines: the first column to the left, numbers to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
