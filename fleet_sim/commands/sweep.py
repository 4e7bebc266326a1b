"""The command `fleet-sim sweep`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from fleet_sim.commands.errors import EXPECTATION_FAILED, INTERRUPTED
from fleet_sim.commands.options import scenario_argument
from fleet_sim.sweeps.plan import plan_sweep
from fleet_sim.sweeps.point import PointRecord
from fleet_sim.sweeps.pool import cores
from fleet_sim.sweeps.progress import sweep_progress_on
from fleet_sim.sweeps.sweep import Sweep, SweepOptions, default_directory
from fleet_wire.errors import ConfigError

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
    help="Take these values of a key in turn, for example --set fleet.count=500,5000. Commas within"
    " brackets, braces or quotes part nothing. Several --set give every combination.",
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
def sweep(
    *,
    scenario: Path,
    seeds: int,
    first_seed: int,
    sets: tuple[str, ...],
    jobs: int | None,
    scheduler: str | None,
    out: Path | None,
    keep: bool,
) -> None:
    """Run SCENARIO in virtual time with many seeds, and with each value of some keys.

    Writes one table (table.csv, table.parquet) with a row for each run, and one report.

    Ctrl-C keeps what is finished; the same command started again goes on from there. It also tries
    runs that failed again, and with more --seeds it does only those that are new.

    Exits 0 when in every run every `expect` holds, 1 when one does not or a run failed, 2 on an
    error, 130 when interrupted.

    \b
    fleet-sim sweep scenarios/underground_garage.yaml --seeds 100
    fleet-sim sweep scenarios/quiet_city.yaml --seeds 100 --set fleet.count=500,5000
    fleet-sim sweep scenarios/quiet_city.yaml --seeds 1000 --scheduler tcp://10.0.0.5:8786
    """  # noqa: D301 - click's own escape
    options = _options(jobs, scheduler, keeps_runs=keep)
    plan = plan_sweep(scenario, sets, seeds=seeds, first_seed=first_seed)
    the_sweep = Sweep(plan, out or default_directory(plan), options)
    _say_how_it_went(_run(the_sweep), the_sweep.path)


def _options(jobs: int | None, scheduler: str | None, *, keeps_runs: bool) -> SweepOptions:
    if scheduler is not None and jobs is not None:
        raise ConfigError(["--jobs: with --scheduler the workers say how many runs they take"])
    if scheduler is not None and keeps_runs:
        raise ConfigError(["--keep: with --scheduler the runs are on the workers' disks"])
    return SweepOptions(jobs=jobs or cores(), scheduler=scheduler, keeps_runs=keeps_runs)


def _run(the_sweep: Sweep) -> list[PointRecord]:
    console = Console()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` would ignore it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with sweep_progress_on(console) as progress:
            return the_sweep.run(progress)
    except KeyboardInterrupt:
        click.echo(
            f"interrupted: {len(the_sweep.records)} runs are in {the_sweep.path};"
            " the same command goes on from there",
            err=True,
        )
        sys.exit(INTERRUPTED)


def _say_how_it_went(records: Sequence[PointRecord], path: Path) -> None:
    failed = sum(record.error is not None for record in records)
    broken = sum(record.expect_holds is False for record in records)
    held = sum(record.expect_holds is True for record in records)
    if held or broken:
        click.echo(f"every expectation held in {held} of {held + broken} runs")
    if failed:
        first = next(record for record in records if record.error is not None)
        click.echo(f"{failed} runs failed; the first, seed {first.seed}: {first.error}")
    click.echo(f"table: {path / 'table.csv'}\nreport: {path / 'report.html'}")
    if failed or broken:
        sys.exit(EXPECTATION_FAILED)
