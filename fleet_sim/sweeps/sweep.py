"""A sweep: many runs in virtual time, one table. What is finished stays, whatever happens.

Each finished run is at once a line of `points.jsonl`; the same command started again in the same
directory does the rest. Table and report come from these lines alone, in the order of the plan, so
they do not depend on who did which run when.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from fleet_sim.results import readable
from fleet_sim.results.summary import JsonLines, read_json
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.limits import check_disk
from fleet_sim.runs.lines import LineFiles
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.source_digest import versions
from fleet_sim.sweeps.dask import run_on_dask
from fleet_sim.sweeps.plan import SweepPlan
from fleet_sim.sweeps.point import PointRecord, Task
from fleet_sim.sweeps.pool import run_here
from fleet_sim.sweeps.report import write_sweep_report
from fleet_sim.sweeps.table import make_table, write_table
from fleet_wire.errors import ConfigError

SWEEP = "sweep.json"
POINTS = "points.jsonl"
_SAME = {
    "scenario_digest": "another scenario text",
    "swept": "other values of --set",
    "versions": "other versions",
}
"""The settings that a resumed sweep must share with the one in its directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """The place where runs happen, and what is kept of them."""

    jobs: int
    scheduler: str | None = None
    """A Dask scheduler's address; None: processes of this machine."""
    keeps_runs: bool = False


class Sweep:
    """One sweep in one directory."""

    def __init__(self, plan: SweepPlan, path: Path, options: SweepOptions) -> None:
        """Prepare the directory `path`.

        Raises `ConfigError` where it holds something else, `LimitError` where the disk is full.
        """
        self._plan = plan
        self._options = options
        self._directory = _prepared(path, plan)
        self._done: dict[tuple[tuple[str, ...], int], PointRecord] = {}

    @property
    def path(self) -> Path:
        """The directory of the sweep."""
        return self._directory.path

    @property
    def records(self) -> list[PointRecord]:
        """What is finished, in the order of the plan."""
        keys = ((tuple(setting.values()), seed) for _, setting, seed in self._plan.runs())
        return [self._done[key] for key in keys if key in self._done]

    def run(self, progress: Progress) -> list[PointRecord]:
        """Do what is not done yet, write table and report, and return all records.

        Raises `ConfigError` if another process works in the directory, and `UnlockpathError` if the
        runs cannot be done. Finished runs are kept, here as after `KeyboardInterrupt`.
        """
        with _locked(self.path):
            self._read_points()
            tasks = self._tasks()
            total = len(self._plan)
            done, failed = total - len(tasks), 0
            if done:
                are = "is" if done == 1 else "are"
                runs = readable.number_of(total, "run")
                progress.note(f"{done} of {runs} {are} in {self.path} already")
            progress.runs(done=done, total=total, failed=failed)
            with (
                closing(LineFiles(self.path)) as files,
                closing(self._records_of(tasks, progress.note)) as records,
            ):
                for record in records:
                    files.append(POINTS, record)
                    self._done[_key(record)] = record
                    done, failed = done + 1, failed + (record.error is not None)
                    progress.runs(done=done, total=total, failed=failed)
            self._write()
        return self.records

    def _read_points(self) -> None:
        """Read the finished runs; failed ones are left for another try."""
        path = self.path / POINTS
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            with path.open(
                "ab"
            ) as file:  # a last line that was cut short must not swallow the next
                file.write(b"\n")
        for record in JsonLines(path, PointRecord):
            if record.error is None:
                self._done[_key(record)] = record

    def _tasks(self) -> list[Task]:
        plan, kept = self._plan, self.path / "runs"
        return [
            Task(
                setting=setting,
                seed=seed,
                scenario_name=plan.scenario_file.name,
                scenario_text=plan.scenario_text,
                profile_text=plan.profile_text,
                versions=versions(),
                keep_in=str(kept / f"{number}-{seed}") if self._options.keeps_runs else None,
            )
            for number, setting, seed in plan.runs()
            if (tuple(setting.values()), seed) not in self._done
        ]

    def _records_of(
        self, tasks: list[Task], note: Callable[[str], None]
    ) -> Generator[PointRecord, None, None]:
        if not tasks:
            return
        if self._options.scheduler is not None:
            yield from run_on_dask(tasks, self._options.scheduler, note=note)
        else:
            yield from run_here(tasks, jobs=self._options.jobs)

    def _write(self) -> None:
        records = self.records
        table = make_table(records)
        for name in ("table.csv", "table.parquet"):
            with self._directory.writing(name):
                write_table(table, self.path / name)
        with self._directory.writing("report.html"):
            write_sweep_report(self.path, self._plan, records)


def _key(record: PointRecord) -> tuple[tuple[str, ...], int]:
    return tuple(record.setting.values()), record.seed


def default_directory(plan: SweepPlan) -> Path:
    """Return where a sweep goes by default: the same place for the same sweep."""
    return Path("runs") / f"sweep-{plan.name}-{plan.fingerprint}"


def _prepared(path: Path, plan: SweepPlan) -> RunDirectory:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"--out {path}: {error.strerror}"]) from None
    if (path / "manifest.json").exists():
        raise ConfigError([f"--out {path}: holds a run; choose another directory"])
    directory = RunDirectory(path)
    ours = {
        "fingerprint": plan.fingerprint,
        "scenario_file": str(plan.scenario_file),
        "scenario_digest": blake2b(plan.scenario_text.encode(), digest_size=8).hexdigest(),
        "swept": {swept.key: list(swept.values) for swept in plan.swept},
        "versions": versions(),
    }
    theirs = read_json(path / SWEEP)
    if (path / SWEEP).exists() and theirs.get("fingerprint") != plan.fingerprint:
        raise ConfigError([_refusal(path, ours, theirs)])
    check_disk(path)
    directory.write_json(SWEEP, ours)
    return directory


def _refusal(path: Path, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    differ = [words for key, words in _SAME.items() if ours[key] != theirs.get(key)]
    what = " and ".join(differ) or "the keys in another order"
    return f"--out {path}: holds another sweep ({what}); choose another directory"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError([f"--out {path}: another process is at work on this sweep"]) from None
    else:
        yield
    finally:
        os.close(descriptor)
