"""Several scenarios side by side, each in a process of its own, as `fleet-sim run` does one.

A run that crashes takes no other with it, and a live run has its own broker on a port of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_sim.broker.process import dies_with_us
from fleet_sim.results.readable import printable
from fleet_sim.results.summary import read_json

OUTPUT = "output.txt"
"""The output of a run, in its directory."""
MAX_SAID = 500
"""Letters of a run's last line that are passed on."""
END_WITHIN_S = 5.0
"""A run that is told to end gets so long before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """One scenario that is to be run, into one directory."""

    name: str
    scenario: Path
    directory: Path
    options: tuple[str, ...]
    """The extra options for `fleet-sim run`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """How the run of one scenario ended."""

    run: SuiteRun
    duration_s: float
    seed: int | None
    expect: list[dict[str, Any]]
    """The verdicts, as in `summary.json`; none where the run failed."""
    error: str | None = None
    """Why the run failed; None when it ended, whether its expectations hold or not."""

    @property
    def not_holding(self) -> list[dict[str, Any]]:
        """The verdicts on expectations that do not hold."""
        return [verdict for verdict in self.expect if not verdict["holds"]]

    @property
    def is_fine(self) -> bool:
        """Whether the run ended, and all that was expected holds."""
        return self.error is None and not self.not_holding


def scenario_files(paths: Sequence[Path]) -> list[Path]:
    """Return the scenario files among `paths`, those of a directory by their names."""
    return [
        file
        for path in paths
        for file in (
            sorted(each for each in path.iterdir() if each.suffix in (".yaml", ".yml"))
            if path.is_dir()
            else [path]
        )
    ]


def suite_runs(files: Sequence[Path], out: Path, options: Sequence[str]) -> list[SuiteRun]:
    """Return a run for each file, named after it; a second file of a name gets a number."""
    taken: set[str] = set()
    runs = []
    for file in files:
        names = (file.stem, *(f"{file.stem}-{number}" for number in range(2, len(files) + 2)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        run = SuiteRun(name=name, scenario=file, directory=out / name, options=tuple(options))
        runs.append(run)
    return runs


async def run_suite(
    runs: Sequence[SuiteRun], *, jobs: int, on_end: Callable[[SuiteResult], None]
) -> list[SuiteResult]:
    """Do the runs, at most `jobs` at a time, and return how each ended, in their order.

    `on_end` gets each result as soon as it is there. When this is cancelled the runs are ended.
    """
    places = asyncio.Semaphore(jobs)

    async def in_turn(run: SuiteRun) -> SuiteResult:
        async with places:
            result = await _result_of(run)
        on_end(result)
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_turn(run)) for run in runs]
    return [task.result() for task in tasks]


async def _result_of(run: SuiteRun) -> SuiteResult:
    now_s = asyncio.get_running_loop().time
    began_s = now_s()
    try:
        code, said = await _exit_code_of(run)
        summary = read_json(run.directory / "summary.json")
    except OSError as error:
        code, said, summary = 2, f"{error.filename}: {error.strerror}", {}
    expect = summary.get("expect") or []
    has_ended = code == 0 or (code == 1 and not all(verdict["holds"] for verdict in expect))
    return SuiteResult(
        run=run,
        duration_s=now_s() - began_s,
        seed=summary.get("seed"),
        expect=expect if has_ended else [],
        error=None if has_ended else f"exit code {code}: {said}",
    )


async def _exit_code_of(run: SuiteRun) -> tuple[int, str]:
    """Do a run; return its exit code, and the last line that it said. Raises `OSError`."""
    run.directory.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "fleet_sim", "run", str(run.scenario))
    with (run.directory / OUTPUT).open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *dies_with_us(),
            *(*command, "--out", str(run.directory), *run.options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us: we tell the runs when to stop
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _terminate(process)
            raise
    return code, _last_line(run.directory / OUTPUT)


async def _terminate(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_line(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return printable(said[:MAX_SAID])
