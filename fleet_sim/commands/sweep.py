"""The command `fleet-sim sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from fleet_sim.commands.options import scenario_argument
from fleet_sim.commands.verdicts import VerdictOptions, interruptible, verdict_options
from fleet_sim.results import readable
from fleet_sim.results.junit import Case, Suite
from fleet_sim.runs.limits import cores
from fleet_sim.runs.progress import progress_on
from fleet_sim.sweeps.plan import SweepPlan, label_of, plan_sweep
from fleet_sim.sweeps.point import PointRecord
from fleet_sim.sweeps.report import reproduction
from fleet_sim.sweeps.sweep import Sweep, SweepOptions, default_directory
from fleet_wire.errors import ConfigError
from fleet_wire.printing import print_json

MAX_JOBS = 1_000


@click.command()
@scenario_argument
@click.option("--seeds", type=int, required=True, help="Runs of each setting.")
@click.option("--first-seed", type=int, default=1, show_default=True, help="The first one's seed.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=V1,V2",
    help="Take these values of a key in turn, for example --set fleet.count=500,5000 for so many"
    " cars in each group. Commas within brackets, braces or quotes part nothing. Several --set give"
    " every combination.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, MAX_JOBS),
    help="Processes of this machine. Default: one for each core.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Send the runs to the workers of this Dask scheduler, for example tcp://10.0.0.5:8786.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the sweep is written. Default: runs/sweep-<scenario>-<digest>, the same for the"
    " same command.",
)
@click.option("--keep", is_flag=True, help="Keep every run's directory, under DIR/runs.")
@verdict_options
def sweep(  # noqa: PLR0913 - one parameter for each option
    *,
    scenario: Path,
    seeds: int,
    first_seed: int,
    sets: tuple[str, ...],
    jobs: int | None,
    scheduler: str | None,
    out: Path | None,
    keep: bool,
    verdicts: VerdictOptions,
) -> None:
    """Run SCENARIO in virtual time with many seeds, and with each value of some keys.

    Writes one table (table.csv, table.parquet) with a row for each run, and one report.

    Ctrl-C keeps what is finished; the same command started again goes on from there. It also
    repeats failed runs; with more --seeds it does only the new ones.

    If a run is not fine, the last line names it and the expectation that fails.

    Exits 0 when in every run every `expect` holds, 1 when one does not or a run failed, 2 on an
    error, 130 when interrupted.

    \b
    fleet-sim sweep scenarios/underground_garage.yaml --seeds 100
    fleet-sim sweep scenarios/quiet_city.yaml --seeds 100 --set fleet.count=500,5000
    fleet-sim sweep scenarios/quiet_city.yaml --seeds 1000 --scheduler tcp://10.0.0.5:8786
    """  # noqa: D301 - click's own escape
    options = _options(jobs, scheduler, keeps_runs=keep)
    plan = plan_sweep(scenario, sets, seeds=seeds, first_seed=first_seed)
    verdicts.check_places()
    the_sweep = Sweep(plan, out or default_directory(plan), options)
    console = Console(stderr=verdicts.as_json)
    records = _run(the_sweep, console)
    verdicts.write(f"fleet-sim sweep {plan.name}", _suites(plan, records))
    _print_result(console, records, the_sweep.path)
    if verdicts.as_json:
        print_json(_as_json(plan, records, the_sweep.path))
    verdicts.exit_unless_fine([_failure(record) for record in _bad(records)])


def _options(jobs: int | None, scheduler: str | None, *, keeps_runs: bool) -> SweepOptions:
    if scheduler is not None and jobs is not None:
        raise ConfigError(["--jobs: with --scheduler the workers say how many runs they take"])
    if scheduler is not None and keeps_runs:
        raise ConfigError(["--keep: with --scheduler the runs are on the workers' disks"])
    return SweepOptions(jobs=jobs or cores(), scheduler=scheduler, keeps_runs=keeps_runs)


def _run(the_sweep: Sweep, console: Console) -> list[PointRecord]:
    def describe_progress() -> str:
        runs = readable.number_of(len(the_sweep.records), "run")
        are = "is" if len(the_sweep.records) == 1 else "are"
        return f"interrupted: {runs} {are} in {the_sweep.path}; the same command goes on from there"

    with interruptible(describe_progress), closing(progress_on(console)) as progress:
        return the_sweep.run(progress)


def _bad(records: Sequence[PointRecord]) -> list[PointRecord]:
    return [each for each in records if each.error is not None or each.expect_holds is False]


def _print_result(console: Console, records: Sequence[PointRecord], path: Path) -> None:
    failed = sum(record.error is not None for record in records)
    judged = [record for record in records if record.expect]
    lines = [f"{readable.number_of(failed, 'run')} failed"] if failed else []
    if judged:
        held = sum(record.expect_holds is True for record in judged)
        lines.insert(
            0, f"every expectation held in {held} of {readable.number_of(len(judged), 'run')}"
        )
    lines += [f"table: {path / 'table.csv'}", f"report: {path / 'report.html'}"]
    console.print(Text("\n".join(lines)), soft_wrap=True)


def _problem_text(record: PointRecord) -> str:
    """Return why a run is not fine: its error, or each expectation that does not hold."""
    return record.error or "; ".join(
        readable.failure(verdict) for verdict in record.expect if not verdict["holds"]
    )


def _failure(record: PointRecord) -> str:
    setting = f"{label_of(record.setting)}, " if record.setting else ""
    return f"{setting}seed {record.seed}: {_problem_text(record)}"


def _suites(plan: SweepPlan, records: Sequence[PointRecord]) -> list[Suite]:
    """Return a suite for each setting, with a test for each seed."""
    of_setting: dict[str, list[Case]] = {}
    for record in records:
        case = Case(
            name=f"seed {record.seed}",
            duration_s=record.duration_s,
            failure=_problem_text(record) if record.expect_holds is False else None,
            error=record.error,
        )
        of_setting.setdefault(label_of(record.setting), []).append(case)
    return [Suite(name=f"{plan.name}, {label}", cases=cases) for label, cases in of_setting.items()]


def _as_json(plan: SweepPlan, records: Sequence[PointRecord], path: Path) -> dict[str, Any]:
    bad = _bad(records)
    return {
        "scenario": str(plan.scenario_file),
        "sweep": str(path),
        "fine": len(records) - len(bad),
        "total": len(records),
        "not_fine": [
            {
                "setting": record.setting,
                "seed": record.seed,
                "error": record.error,
                "expect": [verdict for verdict in record.expect if not verdict["holds"]],
                "command": reproduction(plan, record),
            }
            for record in bad
        ],
    }
