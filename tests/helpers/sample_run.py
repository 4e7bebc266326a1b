"""A run directory as a real run leaves it: made up, but the same on every machine.

A thousand cars; cars in a garage lose their coverage for a third of the load.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.results.expectations import Condition, check
from fleet_sim.results.summary import RunFacts, summarize
from fleet_wire.contract.attempt import Attempt, Flag, Source, Stage, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.randomness import RandomStream

DEADLINE_S = 20.0
LOAD_S = 60.0
STARTED_AT = 1_790_000_000.0
SCENARIO_TEXT = """\
description: Cars in an underground garage lose their coverage.
seed: 7
fleet:
  groups:
    - {name: street, count: 800, id: "car-{:05d}"}
    - {name: garage, count: 200, id: "garage-{:05d}", site: garage}
load:
  stages: [{kind: poisson, rate_per_s: 6, duration_s: 60}]
  deadline_s: 20
"""
EXPECTED = {
    "attempts.ok_share": Condition(min=0.99),
    "unlock.p95_s": Condition(max=8),
    "attempts.by_cause.no_subscriber": Condition(equals=0),
}
_HOP_MEDIANS_S = {
    Stage.REQUESTED: 0.0002,
    Stage.PUBLISHED: 0.0004,
    Stage.BROKER_ACCEPTED: 0.0012,
    Stage.BOX_RECEIVED: 0.55,
    Stage.BOX_EXECUTED: 0.72,
    Stage.RESULT_RECEIVED: 0.06,
    Stage.STATE_CHANGED: 0.03,
}
_RARE_CAUSES = (
    Cause.BOX_BUSY,
    Cause.VEHICLE_STATE,
    Cause.VEHICLE_FAILED,
    Cause.BOX_SILENT,
    Cause.DOOR_UNCONFIRMED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRun:
    """What to make up. `garage` adds the fault; `rate_per_s` is the mean rate of unlocks."""

    seed: int = 7
    rate_per_s: float = 6.0
    garage: bool = True
    garage_share: float = 0.2
    rare_share: float = 0.03


def write_sample_run(directory: Path, run: SampleRun) -> dict[str, Any]:
    """Write the files of a run into `directory`, and return its summary with verdicts."""
    attempts = _attempts(run)
    write_lines(directory / "attempts.jsonl", sorted(attempts, key=lambda a: a.started_at))
    write_lines(directory / "floor.jsonl", _floor(run.seed))
    write_lines(directory / "stray_answers.jsonl", _strays(attempts))
    write_lines(directory / "fleet_samples.jsonl", _fleet_samples(run))
    if run.garage:
        write_lines(directory / "ground_truth.jsonl", [_garage_fault(attempts)])
    _write_json(directory / "probe_stats.json", {
        "schedule_lag_s": {"p50": 0.00021, "p99": 0.00093, "max": 0.0021},
        "dropped": 0, "sent": len(attempts), "ended": len(attempts), "malformed": 0,
    })  # fmt: skip
    _write_json(directory / "manifest.json", {
        "name": "garage", "seed": run.seed, "mode": "live", "started_at": STARTED_AT,
        "scenario_file": "scenarios/garage.yaml", "overrides": ["fleet.count=1000"],
        "scenario": {
            "description": "Cars in an underground garage lose their coverage.",
            "load": {"deadline_s": DEADLINE_S},
        },
    })  # fmt: skip
    summary = summarize(directory, sample_facts(run.seed))
    summary["expect"] = [verdict.as_json() for verdict in check(EXPECTED, summary)]
    return summary


def sample_facts(seed: int = 7) -> RunFacts:
    """Return what the one who started the run knows."""
    return RunFacts(
        seed=seed,
        mode="live",
        broker="mqtt://127.0.0.1:40123 (mosquitto 2.0.21)",
        boxes_configured=1000,
        boxes_connected_max=1000,
        connect_rate_per_s=4210.5,
        rss_bytes_per_box=4480.0,
    )


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write one JSON line for each record."""
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_bytes(msgspec.json.encode(content))


def _attempts(run: SampleRun) -> list[Attempt]:
    arrivals = RandomStream.named(run.seed, "sample/arrivals")
    attempts: list[Attempt] = []
    at_s = arrivals.exponential(1 / run.rate_per_s)
    while at_s < LOAD_S:
        attempts.append(_attempt(run, len(attempts), at_s))
        at_s += arrivals.exponential(1 / run.rate_per_s)
    return attempts


def _attempt(run: SampleRun, number: int, at_s: float) -> Attempt:
    stream = RandomStream.named(run.seed, f"sample/attempt/{number}")
    in_garage = stream.uniform() < run.garage_share
    prefix, size = ("garage", 200) if in_garage else ("car", 800)
    cause: Cause | None = None
    if run.garage and in_garage and 20 <= at_s < 40:
        cause = Cause.BOX_OFFLINE
    elif stream.uniform() < run.rare_share:
        cause = _RARE_CAUSES[stream.index(len(_RARE_CAUSES))]
    return make_attempt(
        number,
        at_s=at_s,
        cause=cause,
        stream=stream,
        vehicle_id=f"{prefix}-{stream.index(size):05d}",
    )


def make_attempt(
    number: int,
    *,
    at_s: float = 0.0,
    cause: Cause | None = None,
    stream: RandomStream | None = None,
    vehicle_id: str = "car-00001",
) -> Attempt:
    """Return one attempt that got as far as its cause allows."""
    stream = stream or RandomStream.named(1, f"make/{number}")
    outcome = outcome_of(cause)
    reached = {Outcome.OK: 7, Outcome.REFUSED: 5, Outcome.FAILED: 5, Outcome.UNKNOWN: 3}[outcome]
    stages, hops, now_s = {Stage.INTENDED.value: 0.0}, {}, 0.0
    for stage, median_s in list(_HOP_MEDIANS_S.items())[:reached]:
        hop_s = median_s * 2.718281828 ** (0.45 * stream.normal())
        now_s += hop_s
        stages[stage.value], hops[stage.value] = now_s, hop_s
    return Attempt(
        attempt_id=f"attempt-{number}",
        command_id=f"command-{number}",
        vehicle_id=vehicle_id,
        trace_id=f"{number:032x}",
        source=Source.PROBE,
        started_at=STARTED_AT + at_s,
        scheduled_s=at_s,
        outcome=outcome,
        cause=cause,
        total_s=DEADLINE_S if outcome is Outcome.UNKNOWN else now_s,
        stages=stages,
        hops_s=hops,
        flags=(Flag.WOKEN,) if number % 10 == 0 else (),
        region="centre",
        firmware="2.4.1",
    )


def _floor(seed: int) -> list[Attempt]:
    stream = RandomStream.named(seed, "sample/floor")
    return [
        msgspec.structs.replace(
            make_attempt(number, at_s=float(number), vehicle_id="null-box-0"),
            source=Source.FLOOR,
            total_s=stream.between(0.0004, 0.0009),
        )
        for number in range(60)
    ]


def _strays(attempts: list[Attempt]) -> list[StrayAnswer]:
    offline = [attempt for attempt in attempts if attempt.cause is Cause.BOX_OFFLINE]
    return [
        StrayAnswer(
            kind=StrayKind.LATE,
            vehicle_id=attempt.vehicle_id,
            command_id=attempt.command_id or "",
            phase=phase,
            at=attempt.started_at + 24.0,
            attempt_id=attempt.attempt_id,
            after_s=24.0,
            is_late_unlock=phase == "executed",
        )
        for attempt in offline[::4]
        for phase in ("received", "executed")
    ]


def _fleet_samples(run: SampleRun) -> list[dict[str, Any]]:
    samples = []
    for second in range(-3, 81):
        is_out = run.garage and 25 <= second < 52
        lost = min(200, 40 * (second - 24), 20 * (52 - second)) if is_out else 0
        connected = min(1000, max(0, 500 * (second + 3))) - lost
        samples.append({"t_s": second + 0.02, "connected": connected, "asleep": 100,
                        "rss_bytes": 4_480_000})  # fmt: skip
    return samples


def _garage_fault(attempts: Iterable[Attempt]) -> dict[str, Any]:
    touched = [each.attempt_id for each in attempts if each.cause is Cause.BOX_OFFLINE]
    vehicles = [f"garage-{number:05d}" for number in range(200)]
    return {"fault": "no_coverage_garage", "start_s": 20.0, "end_s": 40.0, "vehicles": vehicles,
            "parameters": {}, "seen": "box_silent, then box_offline",
            "attempts": touched}  # fmt: skip
