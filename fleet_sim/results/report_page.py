"""The report of a run as plain values, which the template `run_report.html` shows."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fleet_sim.pages.page_data import Badge, LegendEntry, Tile
from fleet_sim.results import readable
from fleet_sim.results.keeping_up import could_not_keep_up
from fleet_sim.results.report_colours import CAUSE_COLOURS, OUTCOME_COLOURS
from fleet_sim.results.report_customers import CustomersPart, customers_part
from fleet_sim.results.report_data import CarTally, ReportedRun
from fleet_sim.results.report_injected import InjectedPart, injected_part
from fleet_sim.results.report_modes import ModeRow, mode_rows
from fleet_sim.results.report_parts import PartRow, part_rows, where_it_failed
from fleet_wire.contract.causes import CAUSES, Cause, Outcome

WORST_CARS = 20


@dataclass(frozen=True, slots=True)
class Headline:
    """The run in a sentence."""

    opened: str
    total: str
    share: str
    median: str | None
    """None where fewer than half opened."""
    where_it_failed: str | None
    """None where no part of the fleet stands out."""


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A part of the bar of all unlocks, and its words below."""

    outcome: LegendEntry
    unlocks: str
    share: str
    width_percent: str


@dataclass(frozen=True, slots=True)
class ExpectationRow:
    """An expectation and the measured value."""

    key: str
    expected: str
    measured: str
    verdict: Badge


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A cause that occurred, and its meaning for the customer."""

    cause: LegendEntry
    party: str
    outcome: LegendEntry
    unlocks: str
    share: str
    explanation: str


@dataclass(frozen=True, slots=True)
class CarRow:
    """A car with unlocks that did not end well, and the faults that had been injected into it.

    Among these that its box was lost with a process of the run, or stood still with it.

    The last of these unlocks can be looked up: when it began, how it ended, its trace.
    """

    vehicle_id: str
    not_ok: str
    causes: list[LegendEntry]
    latest: str
    latest_end: str
    trace_id: str
    injected: str
    region: str
    firmware: str


@dataclass(frozen=True, slots=True)
class LateRow:
    """A car that opened after its customer was told no: when, how long after it was asked to."""

    vehicle_id: str
    opened: str
    after: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class RunPage:
    """Everything that the page shows besides its plots, in the order of the page."""

    name: str
    badge: Badge
    description: str
    facts: dict[str, str]
    headline: Headline | None
    """None when no unlock ended."""
    outcomes: list[OutcomeRow]
    tiles: list[Tile]
    expectations: list[ExpectationRow]
    customers: CustomersPart | None
    """None when no customer came."""
    injected: InjectedPart | None
    """None when nothing was injected."""
    causes: list[CauseRow]
    """The most frequent first."""
    modes: list[ModeRow]
    """The most frequent first."""
    parts: list[PartRow]
    """The worst of each kind first."""
    late: list[LateRow]
    """In the order in which they opened."""
    late_caption: str
    cars: list[CarRow]
    """The worst first."""
    cars_caption: str
    scenario_text: str
    command: str


def run_page(run: ReportedRun) -> RunPage:
    """Return what the page of a run says."""
    return RunPage(
        name=run.name,
        badge=_badge(run),
        description=str(run.data.scenario.get("description") or ""),
        facts=_facts(run),
        headline=_headline(run),
        outcomes=_outcomes(run),
        tiles=_tiles(run),
        expectations=_expectations(run),
        customers=customers_part(run.summary),
        injected=injected_part(run.summary),
        causes=_causes(run),
        modes=mode_rows(run.summary),
        parts=part_rows(run.summary),
        late=_late(run),
        late_caption=_late_caption(run),
        cars=_cars(run),
        cars_caption=_cars_caption(run),
        scenario_text=run.scenario_text,
        command=_command(run),
    )


def _badge(run: ReportedRun) -> Badge:
    failed = sum(not verdict.get("holds") for verdict in run.verdicts)
    if defects := run.number("model_defects"):
        return Badge(
            f"✗ Not to be trusted: {readable.number_of(defects, 'defect')} of the model", "fail"
        )
    after_s = run.number("interrupted_after_s")
    until = "" if after_s is None else f", {readable.interrupted(after_s)}"
    if not run.verdicts:
        return Badge(f"Nothing expected{until}", "none")
    if failed:
        expectations = readable.number_of(len(run.verdicts), "expectation")
        return Badge(f"✗ Fail: {failed} of {expectations}{until}", "fail")
    if until:
        return Badge(f"No verdict: {readable.all_hold(len(run.verdicts))}{until}", "none")
    return Badge(f"✓ Pass: {readable.all_hold(len(run.verdicts))}", "pass")


def _facts(run: ReportedRun) -> dict[str, str]:
    """Return what kind of run it was; what is not known is left out."""
    rate = run.number("connect.rate_per_s")
    facts = {
        "seed": run.number("seed"),
        "mode": run.number("mode"),
        "mitigation": run.data.manifest.get("mitigation"),
        "broker": run.number("broker"),
        "brokers that broke": "; ".join(run.number("broken_brokers") or ()) or None,
        "could not keep up": "; ".join(could_not_keep_up(run.summary)) or None,
        "cars": readable.count(run.number("boxes.configured")),
        "connected": rate and f"{readable.count(round(rate))} a second",
        "started": _stamp(run.data.manifest.get("started_at")),
    }
    return {name: str(fact) for name, fact in facts.items() if fact is not None}


def _stamp(started_at: Any) -> str | None:
    if isinstance(started_at, int | float) and not isinstance(started_at, bool):
        return readable.moment(started_at)
    try:
        return readable.moment(datetime.fromisoformat(started_at).timestamp())
    except (TypeError, ValueError):
        return None if started_at is None else str(started_at)


def _headline(run: ReportedRun) -> Headline | None:
    total = run.number("attempts.total")
    if not total:
        return None
    opened = run.number("attempts.by_outcome.ok") or 0
    median_s = run.number("unlock.p50_s")
    return Headline(
        opened=readable.count(opened),
        total=readable.count(total),
        share=readable.share(opened / total),
        median=None if median_s is None else readable.duration(median_s),
        where_it_failed=where_it_failed(run.summary),
    )


def _outcomes(run: ReportedRun) -> list[OutcomeRow]:
    total = run.number("attempts.total")
    if not total:
        return []
    by_outcome = run.number("attempts.by_outcome") or {}
    counts = [(outcome, by_outcome.get(outcome.value) or 0) for outcome in Outcome]
    return [
        OutcomeRow(
            outcome=_outcome_entry(outcome),
            unlocks=readable.count(number),
            share=readable.share(number / total),
            width_percent=f"{100 * number / total:.3f}",
        )
        for outcome, number in counts
    ]


def _outcome_entry(outcome: Outcome) -> LegendEntry:
    return LegendEntry(outcome.value, OUTCOME_COLOURS[outcome])


def _tiles(run: ReportedRun) -> list[Tile]:
    """Return the row of big numbers; one stands out when an expectation on it does not hold.

    None is marked as good: that 73 % opened as expected is no good news to a customer.
    """
    number, duration, count = run.number, readable.duration, readable.count
    cars = readable.number_of(len(run.data.cars), "car")
    memory = number("fleet.rss_bytes_per_box")
    boxes = f"of {readable.boxes(number('boxes.configured'))}"
    boxes += "" if memory is None else f", {readable.bytes_size(memory)} each"
    figures = {
        "attempts.total": ("Unlocks", count, f"{cars} asked"),
        "attempts.ok_share": ("Opened", readable.share, "of all unlocks"),
        "unlock.p50_s": ("p50", duration, _opened_within(run, 50)),
        "unlock.p95_s": ("p95", duration, _opened_within(run, 95)),
        "unlock.p99_s": ("p99", duration, _opened_within(run, 99)),
        "stray.late_unlock": ("Opened late", count, "after the customer was told no"),
        "boxes.connected_max": ("Connected", count, boxes),
        "probe.schedule_lag_p99_s": (
            "Schedule lag",
            duration,
            f"p99; {count(number('probe.dropped') or 0)} starts dropped",
        ),
        "floor.p50_s": ("Floor p50", duration, "a box that takes no time itself"),
    }
    return [
        Tile(label, as_text(number(key)), note, "fail" if _breaks(run, key) else "none")
        for key, (label, as_text, note) in figures.items()
    ]


def _opened_within(run: ReportedRun, percent: int) -> str:
    if not run.number("attempts.total"):
        return "no unlock ended"
    is_reached = run.number(f"unlock.p{percent}_s") is not None
    return f"{percent} % opened within this" if is_reached else f"fewer than {percent} % opened"


def _breaks(run: ReportedRun, key: str) -> bool:
    """Return whether an expectation on the number does not hold."""
    return any(verdict.get("key") == key and not verdict.get("holds") for verdict in run.verdicts)


def _expectations(run: ReportedRun) -> list[ExpectationRow]:
    holds, fails = Badge("✓ holds", "pass"), Badge("✗ fails", "fail")
    return [
        ExpectationRow(
            key=str(verdict.get("key")),
            expected=readable.condition(verdict.get("condition")),
            measured=readable.value(verdict.get("value")),
            verdict=holds if verdict.get("holds") else fails,
        )
        for verdict in run.verdicts
    ]


def _causes(run: ReportedRun) -> list[CauseRow]:
    by_cause = run.number("attempts.by_cause") or {}
    total = run.number("attempts.total") or 0
    counts = sorted(
        ((cause, by_cause.get(cause.value, 0)) for cause in Cause), key=lambda pair: -pair[1]
    )
    return [_cause_row(cause, number, total) for cause, number in counts if number and total]


def _cause_row(cause: Cause, number: int, total: int) -> CauseRow:
    info = CAUSES[cause]
    return CauseRow(
        cause=LegendEntry(cause.value, CAUSE_COLOURS[cause]),
        party=info.party.value.replace("_", " "),
        outcome=_outcome_entry(info.outcome),
        unlocks=readable.count(number),
        share=readable.share(number / total),
        explanation=info.explanation,
    )


def _late(run: ReportedRun) -> list[LateRow]:
    return [
        LateRow(
            vehicle_id=late["vehicle_id"],
            opened=readable.moment(late["at"]),
            after=readable.duration(late["after_s"]),
            attempt_id=late["attempt_id"] or readable.NOTHING,
        )
        for late in run.number("late_unlocks") or []
    ]


def _late_caption(run: ReportedRun) -> str:
    """Return what this means, and where the others are."""
    total = run.number("stray.late_unlock") or 0
    shown = len(run.number("late_unlocks") or [])
    others = f" The first {shown} of {readable.count(total)}." if total > shown else ""
    return (
        f"Each opened after its customer was told that it did not.{others}"
        " All are in stray_answers.jsonl."
    )


def _cars(run: ReportedRun) -> list[CarRow]:
    injected: dict[str, list[str]] = {}
    for fault in run.data.faults:
        for vehicle_id in fault.vehicles:
            injected.setdefault(vehicle_id, []).append(fault.fault)
    for boxes in run.data.lost:
        how = "was lost" if boxes.until_s is None else "stood still"
        for vehicle_id in boxes.vehicles:
            injected.setdefault(vehicle_id, []).append(f"its box {how} with {boxes.name}")
    return [
        _car_row(car, injected.get(car.vehicle_id, [])) for car in run.data.worst_cars(WORST_CARS)
    ]


def _car_row(car: CarTally, injected: list[str]) -> CarRow:
    latest = car.latest_not_ok
    return CarRow(
        vehicle_id=car.vehicle_id,
        not_ok=f"{car.not_ok} of {car.attempts}",
        causes=[
            LegendEntry(f"{cause.value} × {number}", CAUSE_COLOURS[cause])  # noqa: RUF001
            for cause, number in car.causes.most_common()
        ],
        latest=readable.moment(latest.started_at) if latest else readable.NOTHING,
        latest_end=f"{latest.outcome}, {latest.cause}" if latest else readable.NOTHING,
        trace_id=latest.trace_id if latest else readable.NOTHING,
        injected=", ".join(dict.fromkeys(injected)) or readable.NOTHING,
        region=car.region or readable.NOTHING,
        firmware=car.firmware or readable.NOTHING,
    )


def _cars_caption(run: ReportedRun) -> str:
    """Return how many cars failed, and how many of them the table shows."""
    failing = sum(car.not_ok > 0 for car in run.data.cars.values())
    shown = f", the worst {WORST_CARS} below" if failing > WORST_CARS else ""
    return (
        f"{readable.count(failing)} of {readable.number_of(len(run.data.cars), 'car')} asked for "
        f"had an unlock that did not end well{shown}. Of unknown end means that the car may have "
        "opened. The latest is the one that began last; attempts.jsonl has it under its trace."
    )


def _command(run: ReportedRun) -> str:
    """Return how to get the same run again."""
    manifest = run.data.manifest
    file = str(manifest.get("scenario_file") or "SCENARIO")
    if "future" in manifest:  # its manifest holds more than its scenario
        again = file if file.endswith(".json") else str(Path(file).with_name("manifest.json"))
        return shlex.join(["fleet-sim", "run", again, "--mode", "virtual"])
    words = ["fleet-sim", "run", file]
    words += ["--seed", str(run.number("seed"))]
    for override in manifest.get("overrides") or []:
        words += ["--set", str(override)]
    return shlex.join(words)
