"""`python -m fleet_sim.score`: how well failures are diagnosed; `learn` renews the weights."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from fleet_sim.score.cases import RunCases, run_all
from fleet_sim.score.figures import (
    baselines,
    by_mode,
    confusion,
    pair_figures,
    single_figures,
)
from fleet_sim.score.incidents import HELD_OUT_SEEDS, RANGES, WIDER, Incident, Loss, scored_faults
from fleet_sim.score.learning import learn, rows_of
from fleet_sim.score.picture import page_of
from fleet_sim.sweeps.pool import cores
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.randomness import RandomStream

WEIGHTS: Final = Path("platform_probe/diagnosis/weights.json")
TUNED: Final = Path("runs/score-tuned.msgpack")


@click.group()
def main() -> None:
    """Score the diagnosis, or learn its weights."""


@main.command("learn")
@click.option("--seeds", default=8, help="incidents of each fault")
@click.option("--jobs", default=cores(), help="runs at a time")
@click.option("--faults", default="", help="only these, with commas")
@click.option("--again", is_flag=True, help="with the cases of the last time")
def learn_weights(seeds: int, jobs: int, faults: str, *, again: bool) -> None:
    """Do incidents to tune with, and write `weights.json`."""
    if again:
        runs = _load(TUNED)
    else:
        names = faults.split(",") if faults else scored_faults()
        runs = _done(_tuning(names, seeds), jobs)
        kept = (
            []
            if not faults
            else [
                one for one in _load(TUNED) if one.faults[:1] != () and one.faults[0] not in names
            ]
        )
        runs = [*kept, *runs]
        TUNED.parent.mkdir(exist_ok=True)
        TUNED.write_bytes(msgspec.msgpack.encode(runs))
    rows = rows_of(
        (case for run in runs for case in run.cases),
        (case for run in runs for case in run.suspected),
    )
    click.echo(f"{len(rows)} different rows")
    weights = learn(rows)
    WEIGHTS.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    click.echo(f"written: {WEIGHTS}; temperature {weights['temperature']}")


@main.command("run")
@click.option("--seeds", default=4, help="incidents of each fault")
@click.option("--pairs", default=60, help="incidents with two faults")
@click.option("--jobs", default=cores(), help="runs at a time")
@click.option("--faults", default="", help="only these, with commas")
@click.option("--first-seed", default=HELD_OUT_SEEDS, help="below 1000: with what was tuned with")
@click.option("--out", default="score.json", type=click.Path(path_type=Path), help="the figures")
def run(seeds: int, pairs: int, jobs: int, faults: str, first_seed: int, out: Path) -> None:
    """Do incidents that were never tuned with, and say how well they were diagnosed."""
    names = faults.split(",") if faults else scored_faults()
    singles = _done(
        [
            Incident((name,), first_seed + number, _loss_of(number))
            for name in names
            for number in range(seeds)
        ],
        jobs,
    )
    healthy = _done([Incident((), first_seed + number) for number in range(seeds)], jobs)
    paired = _done(_pairs(names, pairs, first_seed), jobs)
    cases = [case for run in singles for case in run.cases if case.labels]
    suspected = [case for run in (*singles, *healthy) for case in run.suspected]
    number_healthy = sum(run.healthy for run in (*singles, *healthy))
    named = [
        case
        for case in suspected
        if case.last is not None and case.last.modes[0][0] not in (UNKNOWN, NOTHING_WRONG)
    ]
    figures: dict[str, Any] = {
        "diagnosis": {
            **single_figures(cases),
            "pairs": pair_figures([case for run in paired for case in run.cases if case.labels]),
            "healthy": number_healthy,
            "healthy_named": len(named),
            "by_mode": by_mode(cases),
            "by_loss": {
                loss.value: single_figures(mine)["single"]
                for loss in Loss
                if (mine := [case for case in cases if case.loss == loss.value])
            },
            "confusion": confusion(cases),
            "baselines": baselines(
                [case for run in _load(TUNED) for case in run.cases] if TUNED.exists() else cases,
                cases,
            ),
            "not_run": {one.incident: one.error for one in (*singles, *paired) if one.error},
            "seeds": {
                "tuned": f"below {HELD_OUT_SEEDS}",
                "scored": [first_seed, first_seed + seeds],
            },
            "ranges": {"tuned": RANGES, "scored_wider_by": WIDER},
        }
    }
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    out.with_suffix(".html").write_text(page_of(figures["diagnosis"]), encoding="utf-8")
    _say(figures["diagnosis"])


def _tuning(names: Sequence[str], seeds: int) -> list[Incident]:
    singles = [
        Incident((name,), number, _loss_of(number)) for name in names for number in range(seeds)
    ]
    return [*singles, *(Incident((), number) for number in range(seeds))]


_SHOWN: Final = (
    "incidents", "attempts", "single", "at_deadline", "cause", "unknown", "ece", "brier", "pairs",
    "healthy", "healthy_named", "by_loss", "baselines",
)  # fmt: skip
LOSSES: Final = (Loss.NOTHING, Loss.NOTHING, Loss.HEARTBEATS, Loss.NOTHING)


def _loss_of(number: int) -> Loss:
    return LOSSES[number % len(LOSSES)]


def _pairs(names: Sequence[str], number: int, first_seed: int) -> list[Incident]:
    stream = RandomStream.named(first_seed, "score/pairs")
    pairs = []
    for count in range(number):
        left = [*names]
        one = left.pop(stream.index(len(left)))
        other = left.pop(stream.index(len(left)))
        pairs.append(Incident((one, other), first_seed + count))
    return pairs


def _done(incidents: Sequence[Incident], jobs: int) -> list[RunCases]:
    found = []
    for count, one in enumerate(run_all(incidents, jobs=jobs), start=1):
        found.append(one)
        if one.error:
            click.echo(f"{one.incident}: {one.error}", err=True)
        if count % 20 == 0:
            click.echo(f"{count} of {len(incidents)} incidents", err=True)
    return found


def _load(path: Path) -> list[RunCases]:
    return msgspec.msgpack.decode(path.read_bytes(), type=list[RunCases])


def _say(figures: dict[str, Any]) -> None:
    rows: Iterable[tuple[str, dict[str, Any]]] = figures["by_mode"].items()
    click.echo(f"{'mode':34}{'inc':>4}{'att':>6}{'first':>8}{'in 3':>8}{'deadl.':>8}  taken for")
    for slug, row in rows:
        taken = ", ".join(f"{name} {number}" for name, number in row["taken_for"].items())
        click.echo(
            f"{slug:34}{row['incidents']:4}{row['attempts']:6}{row['top1']:8.2f}{row['top3']:8.2f}"
            f"{row['at_deadline']:8.2f}  {taken}"
        )
    for key in _SHOWN:
        click.echo(f"{key}: {figures[key]}")


if __name__ == "__main__":
    sys.exit(main())
