"""The command `fleet-sim test`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from fleet_sim.commands.options import seed_option, set_option
from fleet_sim.commands.scenario_path import ScenarioPath
from fleet_sim.commands.verdicts import VerdictOptions, interruptible, verdict_options
from fleet_sim.results import readable
from fleet_sim.results.junit import Case, Suite
from fleet_sim.runs.limits import cores
from fleet_sim.runs.manifest import lacks_of
from fleet_sim.runs.progress import progress_on
from fleet_sim.runs.suite import SuiteResult, SuiteRun, run_suite, scenario_files, suite_runs
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from fleet_wire.printing import print_json


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=ScenarioPath(exists=True),
    metavar="SCENARIOS...",
)
@click.option(
    "--mode",
    type=click.Choice(["virtual", "live"]),
    default="virtual",
    show_default=True,
    help="As `fleet-sim run` does it. A live run starts its own broker.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Runs side by side. Default: one for each core.",
)
@seed_option
@set_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the runs are written. Default: runs/test-<time>.",
)
@verdict_options
def test(
    *,
    paths: tuple[Path, ...],
    mode: str,
    jobs: int | None,
    seed: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
    verdicts: VerdictOptions,
) -> None:
    """Run SCENARIOS, several at a time, and check everything that they expect.

    SCENARIOS are files, or directories of *.yaml. All are checked before the first one runs. Each
    run leaves its report; if one fails, the last line names the expectation.

    Exits 0 when every `expect` holds, 1 when one does not or a run failed, 2 on an error, 130 when
    interrupted.

    \b
    fleet-sim test scenarios/
    fleet-sim test scenarios/ --junit result.xml --jobs 4
    fleet-sim test scenarios/quiet_city.yaml scenarios/morning_rush.yaml --mode live
    """  # noqa: D301 - click's own escape
    found = scenario_files(paths)
    if not found:
        raise ConfigError([f"{path}: no *.yaml there" for path in paths])
    files = _check_scenarios(found, overrides, mode=mode)
    verdicts.check_places()
    options = ["--mode", mode]
    options += ["--listen", "127.0.0.1:0"] if mode == "live" else []
    options += [] if seed is None else ["--seed", str(seed)]
    options += [word for override in overrides for word in ("--set", override)]
    out = _new_directory(out)
    console = Console(stderr=verdicts.as_json)
    results = _run(suite_runs(files, out, options), jobs or cores(), console)
    verdicts.write("fleet-sim test", [_suite(result) for result in results])
    bad = [result for result in results if not result.is_fine]
    _say(console, f"{_fine(len(results) - len(bad), len(results))}; runs: {out}")
    if verdicts.as_json:
        print_json(_as_json(results, mode=mode))
    verdicts.exit_unless_fine([_failure(result) for result in bad])


def _check_scenarios(files: Sequence[Path], overrides: tuple[str, ...], *, mode: str) -> list[Path]:
    problems = []
    for file in files:
        try:
            load_scenario(file, overrides, lacks=lacks_of(mode=mode))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError([*dict.fromkeys(problems)])
    return [*files]


def _new_directory(out: Path | None) -> Path:
    path = out or Path("runs") / f"test-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        is_taken = any(path.iterdir())
    except OSError as error:
        raise ConfigError([f"--out {path}: {error.strerror}"]) from None
    if is_taken:
        raise ConfigError([f"--out {path}: is not empty; choose another directory"])
    return path


def _run(runs: Sequence[SuiteRun], jobs: int, console: Console) -> list[SuiteResult]:
    done = failed = 0

    def describe_progress() -> str:
        return f"interrupted; {done} of {readable.number_of(len(runs), 'scenario')} had ended"

    with interruptible(describe_progress), closing(progress_on(console)) as progress:

        def on_end(result: SuiteResult) -> None:
            nonlocal done, failed
            done, failed = done + 1, failed + (not result.is_fine)
            for line in _lines(result):
                progress.note(line)
            progress.runs(done=done, total=len(runs), failed=failed)

        progress.runs(done=0, total=len(runs), failed=0)
        return asyncio.run(run_suite(runs, jobs=jobs, on_end=on_end))


def _fine(fine: int, total: int) -> str:
    return f"{fine} of {readable.number_of(total, 'scenario')} {'is' if fine == 1 else 'are'} fine"


def _lines(result: SuiteResult) -> list[str]:
    name = f"{result.run.name} ({readable.duration(result.duration_s)})"
    if result.error is not None:
        return [f"✗ {name}: {result.error}"]
    if not result.expect:
        return [f"✓ {name}: nothing expected"]
    bad = result.not_holding
    return [f"✗ {name}: {readable.failure(verdict)}" for verdict in bad] or [f"✓ {name}"]


def _failure(result: SuiteResult) -> str:
    """Return why a scenario is not fine, in one line: its first expectation that does not hold."""
    bad = result.not_holding
    words = readable.failure(bad[0]) if result.error is None else result.error
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return f"{result.run.name}: {words}{more}; see {result.run.directory}"


def _suite(result: SuiteResult) -> Suite:
    ends = Case(name="the run ends", duration_s=result.duration_s, error=result.error)
    return Suite(name=result.run.name, cases=[ends, *(_case(verdict) for verdict in result.expect)])


def _case(verdict: dict[str, Any]) -> Case:
    return Case(
        name=f"{verdict['key']} {readable.condition(verdict['condition'])}",
        failure=None if verdict["holds"] else readable.failure(verdict),
    )


def _as_json(results: Sequence[SuiteResult], *, mode: str) -> dict[str, Any]:
    return {
        "mode": mode,
        "fine": sum(result.is_fine for result in results),
        "total": len(results),
        "scenarios": [
            {
                "name": result.run.name,
                "scenario": str(result.run.scenario),
                "run": str(result.run.directory),
                "fine": result.is_fine,
                "seed": result.seed,
                "duration_s": round(result.duration_s, 3),
                "error": result.error,
                "expect": result.expect,
            }
            for result in results
        ],
    }


def _say(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
