"""`python -m bench.score`: how well failures are diagnosed; `draw`, `learn` renew the weights."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from bench.score.cases import RunCases, run_all, run_all_on_dask
from bench.score.detection import (
    QUIET,
    IncidentOutcome,
    QuietDay,
    name_of,
    notice_all,
    noticed_incidents,
)
from bench.score.detection_figures import figures_of as figures_of_noticed
from bench.score.detection_figures import quiet_figures, table_of
from bench.score.figures import by_one_fault, figures_of, is_given_a_mode
from bench.score.goals import against_goals
from bench.score.incidents import (
    HELD_OUT_SEEDS,
    MIX,
    WIDER,
    Incident,
    learned_incidents,
    loss_of,
    other_incidents,
    scored_faults,
)
from bench.score.may_show import facts_shown
from bench.score.picture import page_of
from bench.score.prior import read_prior
from bench.score.rows import rows_of
from bench.score.towns import NOTICE_HELD_OUT_SEEDS
from fleet_sim.faults import FAULTS
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.limits import cores
from fleet_wire.errors import UnlockpathError
from fleet_wire.modes.catalogue import SHOWN_FILE
from fleet_wire.randomness import RandomStream
from platform_probe.judge.weights import shipped_weights

WEIGHTS: Final = Path("platform_probe/judge/diagnosis/weights.json")
MAY_SHOW: Final = Path("fleet_wire/modes") / SHOWN_FILE
TUNED: Final = Path("runs/score-tuned.msgpack")
LEAST_HEALTHY: Final = 4
KEPT_KINDS: Any = IncidentOutcome | QuietDay
SHOWN: Final = (
    "incidents", "attempts", "touched_well", "untouched_failed", "brier", "pairs", "healthy",
    "baselines", "nothing_seen", "not_run",
)  # fmt: skip


@click.group()
def main() -> None:
    """Score the diagnosis, or learn its weights."""


@main.command("draw")
@click.option("--jobs", default=cores(), help="runs at a time")
def draw_incidents(jobs: int) -> None:
    """Do incidents to tune with, keep their cases, and write what each mode has shown."""
    runs = _done(learned_incidents(), jobs)
    TUNED.parent.mkdir(exist_ok=True)
    TUNED.write_bytes(msgspec.msgpack.encode(runs))
    shown = facts_shown(case for run in runs for case in run.cases)
    MAY_SHOW.write_bytes(msgspec.json.format(msgspec.json.encode(shown), indent=1) + b"\n")
    click.echo(f"written: {MAY_SHOW}; {sum(map(len, shown.values()))} facts")


@main.command("learn")
@click.option("--unknown", "only_unknown", is_flag=True, help="the weights of `unknown` alone")
def learn_weights(*, only_unknown: bool) -> None:
    """Learn from the incidents that were drawn last, and write `weights.json`."""
    from bench.score.learning import (  # noqa: PLC0415 - scipy takes 50 MB, and no other needs it
        learn,
        learn_unknown,
    )

    runs = _load(TUNED)
    rows = rows_of(
        (case for run in runs for case in run.cases),
        (case for run in runs for case in run.suspected),
    )
    click.echo(f"{len(rows)} different rows")
    weights = (
        learn_unknown(rows, msgspec.to_builtins(shipped_weights()))
        if only_unknown
        else learn(rows, read_prior())
    )
    WEIGHTS.write_bytes(msgspec.json.format(msgspec.json.encode(weights), indent=1) + b"\n")
    click.echo(f"written: {WEIGHTS}; temperature {weights['temperature']}")


@main.command("run")
@click.option("--seeds", default=1, help="incidents of each fault; 8: each with every loss")
@click.option("--pairs", default=20, help="incidents with two faults")
@click.option("--others", default=20, help="incidents that outlast, widely drawn, in a row, mapped")
@click.option("--jobs", default=cores(), help="runs at a time")
@click.option("--scheduler", help="of Dask, on whose workers to run: tcp://HOST:PORT")
@click.option("--faults", default="", help="only these, with commas")
@click.option("--first-seed", default=HELD_OUT_SEEDS, help="below 1000: with what was tuned with")
@click.option(
    "--cohorts", type=click.Path(exists=True, path_type=Path),
    help="figures of python -m bench.cohorts --json, to stand beside",
)  # fmt: skip
@click.option("--out", default="score.json", type=click.Path(path_type=Path), help="the figures")
def run(jobs: int, scheduler: str | None, cohorts: Path | None, out: Path, **drawn: Any) -> None:
    """Do incidents that were never tuned with, and say how well they were diagnosed."""
    seeds, first_seed = drawn["seeds"], drawn["first_seed"]
    incidents, sets = _scored_incidents(**drawn)
    done = _done([*incidents, *chain.from_iterable(sets.values())], jobs, scheduler)
    runs = done[: len(incidents)]
    tuned = [case for run in _load(TUNED) for case in run.cases] if TUNED.exists() else None
    figures: dict[str, Any] = {
        "diagnosis": {
            **figures_of(runs, tuned),
            "by_set": _by_set(sets, done[len(incidents) :]),
            "seeds": {
                "tuned": f"below {HELD_OUT_SEEDS}",
                "scored": [first_seed, first_seed + seeds],
            },
            "ranges": {
                "tuned": {
                    name: its for name in scored_faults() if (its := FAULTS[name].drawing.ranges)
                },
                "scored_wider_by": WIDER,
            },
        }
    }
    if cohorts is not None:
        figures["cohorts"] = msgspec.json.decode(cohorts.read_bytes())["cohorts"]
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    out.with_suffix(".html").write_text(page_of(figures["diagnosis"]), encoding="utf-8")
    _say(figures)


@main.command("healthy")
@click.option("--unlocks", default=100_000, help="unlocks that went well, at least")
@click.option("--jobs", default=cores(), help="runs at a time")
@click.option("--first-seed", default=HELD_OUT_SEEDS, help="below 1000: with what was tuned with")
def count_healthy(unlocks: int, jobs: int, first_seed: int) -> None:
    """Count what is named of fleets in which nothing happens, with every loss of evidence."""
    seeds = count(first_seed)
    went_well = named = looked_odd = 0
    while went_well < unlocks:
        incidents = [Incident((), next(seeds), loss) for loss in MIX]
        for run in _done(incidents, jobs):
            went_well += run.healthy
            looked_odd += len(run.suspected)
            for case in filter(is_given_a_mode, run.suspected):
                named += 1
                click.echo(f"{run.incident} {case.attempt_id}: {case.last}")
        click.echo(f"{went_well} went well, {looked_odd} looked odd, {named} were given a mode")


@main.command("notice")
@click.option("--seeds", default=3, help="towns for each fault")
@click.option("--jobs", default=cores(), help="runs at a time")
@click.option(
    "--first-seed",
    default=NOTICE_HELD_OUT_SEEDS,
    help=f"below {NOTICE_HELD_OUT_SEEDS}: with what was tuned with",
)
@click.option("--days", default=30, help="days in which nothing happens, of a town each")
@click.option(
    "--detection", type=click.Path(exists=True, path_type=Path),
    help="figures of python -m bench.detection --json, to stand beside",
)  # fmt: skip
@click.option(
    "--kept", type=click.Path(path_type=Path),
    help="keep there what came of each run, and do none that is kept: to go on after a stop",
)  # fmt: skip
@click.option("--out", default="score.json", type=click.Path(path_type=Path), help="the figures")
def notice_incidents(
    seeds: int,
    jobs: int,
    first_seed: int,
    days: int,
    detection: Path | None,
    kept: Path | None,
    out: Path,
) -> None:
    """Measure how soon incidents are noticed, and add that to the existing figures."""
    figures = msgspec.json.decode(out.read_bytes()) if out.exists() else {}
    found: dict[str, Any] = {}
    if detection is not None:
        found |= msgspec.json.decode(detection.read_bytes())["detection"]
    is_held_out = first_seed >= NOTICE_HELD_OUT_SEEDS
    click.echo(
        f"seeds {first_seed} to {first_seed + max(seeds, days) - 1},"
        f" {'held out' if is_held_out else 'to tune with'}: tuned with seeds below"
        f" {NOTICE_HELD_OUT_SEEDS}",
        err=True,
    )
    incidents = noticed_incidents(first_seed, seeds)
    done = _run_all(incidents, range(first_seed, first_seed + days), jobs, kept)
    scored = figures_of_noticed([one for one in done if isinstance(one, IncidentOutcome)])
    quiet = quiet_figures([one for one in done if isinstance(one, QuietDay)], found)
    figures["detection"] = {**found, **scored, **quiet}
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    for line in table_of(scored):
        click.echo(line)
    for key in ("runs", "late", "not_found", "wrong_title", "several"):
        click.echo(f"{key}: {scored[key]}")
    click.echo(f"healthy days: {quiet['healthy_days']}, alerts: {quiet['alerts']}")
    click.echo(f"\n{'figure':34}{'goal':>12}{'measured':>12}")
    for each in against_goals(figures):
        click.echo(f"{each.name:34}{each.goal:>12}{each.measured:>12}  {each.verdict}")


def _run_all(
    incidents: Sequence[Incident], days: Sequence[int], jobs: int, kept: Path | None
) -> list[IncidentOutcome | QuietDay]:
    """Do the runs that are not kept, and return what came of all, each said as it comes."""
    wanted = {name_of(one) for one in incidents} | {f"{QUIET}/{day}" for day in days}
    known: dict[str, IncidentOutcome | QuietDay] = {}
    if kept is not None:
        reader: JsonLines[IncidentOutcome | QuietDay] = JsonLines(kept, KEPT_KINDS)
        known = {one.incident: one for one in reader}
    done = [one for name, one in known.items() if name in wanted]
    left = [one for one in incidents if name_of(one) not in known]
    days_left = [day for day in days if f"{QUIET}/{day}" not in known]
    for one in notice_all(left, days_left, jobs=jobs):
        done.append(one)
        click.echo(f"{len(done)} of {len(wanted)}: {one.in_words()}", err=True)
        if kept is not None:
            with kept.open("ab") as file:
                file.write(msgspec.json.encode(one) + b"\n")
    return done


def _scored_incidents(
    *, seeds: int, pairs: int, others: int, faults: str, first_seed: int
) -> tuple[list[Incident], dict[str, list[Incident]]]:
    """Return the incidents drawn as usual, and those of other kinds by kind."""
    names = faults.split(",") if faults else scored_faults()
    usual = [
        *_singles(names, seeds, first_seed),
        *(Incident((), first_seed + number) for number in range(max(seeds, LEAST_HEALTHY))),
        *_pairs(names, pairs, first_seed),
    ]
    return usual, {} if faults or not others else other_incidents(others, first_seed)


def _by_set(sets: dict[str, list[Incident]], done: Sequence[RunCases]) -> dict[str, dict[str, Any]]:
    """Return the figures of each other set: of unlocks that one fault touched."""
    left = iter(done)
    return {name: by_one_fault([next(left) for _ in incidents]) for name, incidents in sets.items()}


def _singles(names: Iterable[str], seeds: int, first_seed: int) -> list[Incident]:
    return [
        Incident((name,), first_seed + number, loss_of(name, number))
        for name in names
        for number in range(seeds)
    ]


def _pairs(names: Sequence[str], number: int, first_seed: int) -> list[Incident]:
    if len(names) < 2:
        return []
    stream = RandomStream.named(first_seed, "score/pairs")
    pairs = []
    for each in range(number):
        left = [*names]
        one = left.pop(stream.index(len(left)))
        other = left.pop(stream.index(len(left)))
        pairs.append(Incident((one, other), first_seed + each))
    return pairs


def _done(incidents: Sequence[Incident], jobs: int, scheduler: str | None = None) -> list[RunCases]:
    found = []
    for number, one in enumerate(_runs(incidents, jobs, scheduler), start=1):
        found.append(one)
        if one.error:
            click.echo(f"{one.incident}: {one.error}", err=True)
        if number % 10 == 0 or number == len(incidents):
            click.echo(f"{number} of {len(incidents)} incidents", err=True)
    return found


def _runs(incidents: Sequence[Incident], jobs: int, scheduler: str | None) -> Iterable[RunCases]:
    if scheduler is None:
        return run_all(incidents, jobs=jobs)
    try:
        return run_all_on_dask(incidents, scheduler, note=partial(click.echo, err=True))
    except UnlockpathError as error:
        raise click.ClickException(f"{error}") from None


def _load(path: Path) -> list[RunCases]:
    return msgspec.msgpack.decode(path.read_bytes(), type=list[RunCases])


def _say(figures: dict[str, Any]) -> None:
    found = figures["diagnosis"]
    click.echo(f"{'mode':34}{_HEAD}  taken for")
    for slug, row in found["by_mode"].items():
        taken = ", ".join(f"{name} {number}" for name, number in row["taken_for"].items())
        click.echo(f"{slug:34}{_in_words(row)}  {taken}")
    for key in SHOWN:
        click.echo(f"{key}: {found[key]}")
    click.echo(f"\n{'evidence that is lost':34}{_HEAD}")
    for loss, row in found["by_loss"].items():
        click.echo(f"{loss:34}{_in_words(row)}")
    click.echo(f"\n{'set':34}{_HEAD}")
    for name, row in found["by_set"].items():
        click.echo(f"{name:34}{_in_words(row)}")
    click.echo(f"\n{'figure':34}{'goal':>12}{'measured':>12}")
    for each in against_goals(figures):
        click.echo(f"{each.name:34}{each.goal:>12}{each.measured:>12}  {each.verdict}")


_HEAD: Final = f"{'inc':>4}{'att':>6}{'first':>8}{'in 3':>8}{'deadl.':>8}"


def _in_words(row: dict[str, Any]) -> str:
    return (
        f"{row['incidents']:4}{row['attempts']:6}{row['top1']:8.2f}{row['top3']:8.2f}"
        f"{row['at_deadline']:8.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
