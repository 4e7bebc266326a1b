"""One run of a sweep: what a worker process is given, what it does, and what it hands back.

A worker may be on another machine, so it is given the scenario's text and needs no file of ours.
"""

from __future__ import annotations

import gc
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.results.expectations import leaves
from fleet_sim.runs.conclude import digest_of
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.loading import load_scenario
from fleet_sim.sweeps.plan import Values, overrides_of
from fleet_wire.errors import LimitError, UnlockpathError

IMPORTED_TO_RUN = "fleet_sim.runs.virtual.run"
"""A worker imports it before its first run."""
WORDS = frozenset({"seed", "mode", "broker", "first_model_defect"})
"""Keys of the summary that are no measurement."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run that is to be done."""

    setting: Values
    seed: int
    scenario_name: str
    scenario_text: str
    versions: dict[str, str]
    profile_text: str | None = None
    """The text of the scenario's profile file, if it has one."""
    keep_in: str | None = None
    """The run's directory; None: a temporary one, which is removed."""
    scratch: str | None = None
    """The parent of temporary directories; None: where the machine has them."""


class PointRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one run: one line of `points.jsonl`."""

    setting: Values
    seed: int
    measured: dict[str, int | float | None] = {}
    """The numbers of the run's summary, under their dotted keys."""
    expect: list[dict[str, Any]] = []
    """The run's verdicts, as in its summary."""
    digest: str | None = None
    error: str | None = None
    """Why the run did not end; None when it did."""
    duration_s: float = 0.0
    """How long it took here: in no table, as it is another each time."""

    @property
    def expect_holds(self) -> bool | None:
        """Whether every expectation held; None where nothing was expected, or the run failed."""
        return not self.not_holding if self.expect else None

    @property
    def not_holding(self) -> list[str]:
        """The keys whose expectations did not hold."""
        return [verdict["key"] for verdict in self.expect if not verdict["holds"]]


def failed(task: Task, error: str) -> PointRecord:
    """Return the record of a run that did not end."""
    return PointRecord(setting=task.setting, seed=task.seed, error=error)


def run_task(task: Task) -> bytes:
    """Do one run and return its `PointRecord` as JSON.

    A run that fails is a record with an error, so that the others go on. Raises `UnlockpathError`
    where no run can be done here: another version of this program, or no room on the disk.
    """
    check_versions(task.versions)
    began_s = time.perf_counter()
    gc.collect()  # the cars of the run before refer to each other, and would still be there
    with _directory_of(task) as path:
        record = _record(task, path)
    taken_s = round(time.perf_counter() - began_s, 3)
    return msgspec.json.encode(msgspec.structs.replace(record, duration_s=taken_s))


def check_versions(asked: Mapping[str, str]) -> None:
    """Raise `UnlockpathError` where this process has other versions than whoever asks has."""
    if asked != versions():
        raise UnlockpathError(
            f"this worker has {_versions_text(versions())}, the sweep was started with"
            f" {_versions_text(asked)}; results could differ"
        )


def _versions_text(packages: Mapping[str, str]) -> str:
    return " and ".join(f"{package} {version}" for package, version in packages.items())


@contextmanager
def _directory_of(task: Task) -> Iterator[Path]:
    if task.keep_in is None:
        with tempfile.TemporaryDirectory(prefix="sweep-", dir=task.scratch) as directory:
            yield Path(directory)
        return
    path = Path(task.keep_in)
    shutil.rmtree(path, ignore_errors=True)  # left by an interrupted or failed try
    path.mkdir(parents=True)
    yield path


def _record(task: Task, path: Path) -> PointRecord:
    try:
        summary = _run(task, path)
    except LimitError as error:
        raise UnlockpathError(str(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever ends one run must not end the sweep
        text = f"{type(error).__name__}: {error}".replace(str(path), "RUN")
        return failed(task, text)
    if summary["model_defects"]:
        defect = ModelDefectError(summary["model_defects"], summary["first_model_defect"])
        return failed(task, str(defect))
    return PointRecord(
        setting=task.setting,
        seed=task.seed,
        measured=measurements(summary),
        expect=summary["expect"],
        digest=digest_of(path),
    )


def _run(task: Task, path: Path) -> dict[str, Any]:
    # It brings the whole monitor; whoever hands out runs needs the records alone.
    from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun  # noqa: PLC0415

    overrides = overrides_of(task.setting)
    source = ScenarioSource(path / task.scenario_name, tuple(overrides))
    source.file.write_text(task.scenario_text, encoding="utf-8")
    scenario = load_scenario(source.file, [*_profile_in(path, task.profile_text), *overrides])
    directory = RunDirectory.create(path, scenario_name=source.name, seed=task.seed)
    options = VirtualOptions(seed=task.seed, with_report=task.keep_in is not None)
    return VirtualRun(scenario, source, directory, options, Progress()).run()


def _profile_in(path: Path, text: str | None) -> list[str]:
    """Write the profile of a scenario into the run's directory; return what names it there."""
    if text is None:
        return []
    file = path / "profile.yaml"
    file.write_text(text, encoding="utf-8")
    return [f"fleet.profile={msgspec.json.encode(str(file)).decode()}"]


def measurements(summary: Mapping[str, Any]) -> dict[str, int | float | None]:
    """Return every number of a summary, those of each part of the fleet too, in its order.

    They stand under dotted keys, as an expectation names them; a label may hold dots itself.
    """
    return {
        key: value
        for key, value in leaves(summary)
        if key not in WORDS and not isinstance(value, list)
    }
