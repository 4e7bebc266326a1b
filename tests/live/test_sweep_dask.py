"""A sweep on a real Dask scheduler and real workers, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.score.cases import run_all_on_dask, run_one, run_there
from bench.score.incidents import HELD_OUT_SEEDS, Incident
from fleet_sim.sweeps.dask import run_on_dask
from fleet_wire.errors import ConfigError, UnlockpathError
from tests.helpers.commands import finish, lines, start
from tests.helpers.own_commands import run_here
from tests.helpers.sweeps import SCENARIO, Quiet, task, write_scenario
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.dask

LONGER = SCENARIO.replace("rate_per_s: 2, duration_s: 5", "rate_per_s: 8, duration_s: 30").replace(
    "{equals: 10}", "{equals: 240}"
)
RUNS = 6
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s",
}
"""What Dask need not do all the time: look at itself a hundred times a second."""


@contextmanager
def dask(what: str, log: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a part of Dask until the end of the block."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--host", "127.0.0.1"]
    command += ["--no-dashboard", "--dashboard-address", "127.0.0.1:0", *map(str, options)]
    environment = {**os.environ, **QUIET}
    with (
        log.open("wb") as file,
        subprocess.Popen(command, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


class Cluster:
    """A scheduler, and workers of one thread each."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._file = directory / "scheduler.json"
        self.scheduler = stack.enter_context(
            dask(
                "scheduler",
                directory / "scheduler.log",
                "--port",
                0,
                "--scheduler-file",
                self._file,
            )
        )
        wait_for(lambda: self._file.exists() and self._file.read_bytes().endswith(b"}"))
        self.address: str = json.loads(self._file.read_text(encoding="utf-8"))["address"]

    def add_worker(self, name: str) -> subprocess.Popen[bytes]:
        """Start a worker; it takes runs as soon as it is there."""
        options: tuple[Any, ...] = ("--scheduler-file", self._file, "--name", name)
        options += ("--nthreads", 1, "--no-nanny", "--memory-limit", 0)
        options += ("--local-directory", self._directory / name)
        return self._stack.enter_context(dask("worker", self._directory / f"{name}.log", *options))

    def has_registered(self, name: str) -> bool:
        """Return whether a worker has said that the scheduler knows it."""
        return b"Registered to:" in (self._directory / f"{name}.log").read_bytes()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a scheduler with a worker to all tests, and end all there is at the end."""
    with ExitStack() as stack:
        cluster = Cluster(stack, tmp_path_factory.mktemp("cluster"))
        cluster.add_worker("first")
        wait_for(lambda: cluster.has_registered("first"))
        yield cluster


def test_a_killed_worker_changes_nothing_of_the_table(tmp_path: Path, cluster: Cluster) -> None:
    """Its runs go to the other worker; the bytes are those of the same sweep on this machine."""
    doomed = cluster.add_worker("doomed")
    wait_for(lambda: cluster.has_registered("doomed"))
    scenario = write_scenario(tmp_path, LONGER)
    command = ("sweep", scenario, "--seeds", RUNS // 2, "--set", "fleet.count=4,8")
    far, near = tmp_path / "far", tmp_path / "near"
    process = start("fleet_sim", *command, "--out", far, "--scheduler", cluster.address)
    wait_for(lambda: len(lines(far / "points.jsonl")) >= 2)
    doomed.send_signal(signal.SIGKILL)
    finished_when_killed = len(lines(far / "points.jsonl"))
    code, stdout, stderr = finish(process)
    assert finished_when_killed < RUNS
    assert code in (0, 1), stdout + stderr
    assert run_here("fleet_sim", *command, "--out", near)[0] == code
    for name in ("table.csv", "table.parquet"):
        assert (far / name).read_bytes() == (near / name).read_bytes()
    assert len((far / "table.csv").read_text(encoding="utf-8").splitlines()) == RUNS + 1


def test_a_scheduler_that_goes_away_keeps_what_is_finished(tmp_path: Path) -> None:
    """The cure is named; the same command goes on without it."""
    scenario = write_scenario(tmp_path, LONGER)
    out = tmp_path / "sweep"
    command = ("sweep", scenario, "--seeds", RUNS, "--out", out)
    with ExitStack() as stack:
        cluster = Cluster(stack, tmp_path)
        process = start("fleet_sim", *command, "--scheduler", cluster.address)
        assert process.stdout is not None
        said = next(line for line in process.stdout if line.startswith("waiting for workers"))
        assert f"dask worker {cluster.address}" in said
        cluster.add_worker("late")
        wait_for(lambda: len(lines(out / "points.jsonl")) >= 2)
        cluster.scheduler.kill()
        code, _, stderr = finish(process)
    assert code == 2
    assert f"the Dask scheduler at {cluster.address} is gone" in stderr
    assert "Traceback" not in stderr
    kept = len(lines(out / "points.jsonl"))
    assert 2 <= kept < RUNS
    code, stdout, _ = run_here("fleet_sim", *command)
    assert f"{kept} of {RUNS} runs are in {out} already" in stdout


def test_a_worker_with_another_version_ends_the_sweep(cluster: Cluster) -> None:
    """Its results could differ; both versions are named."""
    tasks = [replace(task(), versions={"unlockpath": "0.0.0"})]
    with pytest.raises(UnlockpathError, match=r"a worker of tcp.* started with unlockpath 0\.0\.0"):
        [*run_on_dask(tasks, cluster.address, note=Quiet().note)]


def test_an_incident_is_scored_alike_here_and_there(cluster: Cluster) -> None:
    """A worker does what a process here does; one with another version does nothing."""
    incident = Incident(("ack_lost_executed",), HELD_OUT_SEEDS, is_short=True)
    there = run_all_on_dask([incident], cluster.address, note=Quiet().note)
    assert there == [run_one(incident)]
    assert there[0].error is None
    with pytest.raises(UnlockpathError, match=r"started with unlockpath 0\.0\.0"):
        run_there({"unlockpath": "0.0.0"}, (0, incident))


def test_without_dask_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install 'unlockpath\[sweep\]'"):
        [*run_on_dask([task()], "tcp://127.0.0.1:1", note=Quiet().note)]


def test_no_scheduler_is_an_error_of_the_option(tmp_path: Path) -> None:
    """The command that starts one is named."""
    address = "tcp://127.0.0.1:1"
    code, _, stderr = run_here(
        "fleet_sim", "sweep", write_scenario(tmp_path), *("--seeds", 2, "--scheduler", address),
        *("--out", tmp_path / "sweep"),
    )  # fmt: skip
    assert code == 2
    assert f"--scheduler {address}: no Dask scheduler" in stderr
    assert "dask scheduler" in stderr
    assert "Traceback" not in stderr
