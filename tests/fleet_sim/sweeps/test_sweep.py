"""A sweep as a whole: the same table whoever does the runs, and nothing lost."""

from __future__ import annotations

import fcntl
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_sim.sweeps.plan import SweepPlan, plan_sweep
from fleet_sim.sweeps.sweep import Sweep, SweepOptions, default_directory
from fleet_wire.errors import ConfigError
from tests.helpers.commands import finish, lines, run, start
from tests.helpers.sweeps import SCENARIO, Quiet, plan, write_scenario
from tests.helpers.waiting import wait_for

LONGER = (
    SCENARIO.replace("rate_per_s: 2, duration_s: 5", "rate_per_s: 8, duration_s: 25")
    .replace("{equals: 10}", "{equals: 200}")
    .replace("min: 0.75", "min: 0")
)
TABLES = ("table.csv", "table.parquet")


def swept(the_plan: SweepPlan, path: Path, *, jobs: int = 1, keeps_runs: bool = False) -> Quiet:
    """Do a sweep, and return what it said."""
    progress = Quiet()
    Sweep(the_plan, path, SweepOptions(jobs=jobs, keeps_runs=keeps_runs)).run(progress)
    return progress


def same_files(one: Path, other: Path, names: tuple[str, ...] = (*TABLES, "report.html")) -> bool:
    """Return whether two sweeps wrote the same bytes."""
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_the_table_is_the_same_whatever_the_number_of_processes(tmp_path: Path) -> None:
    """CSV, Parquet and report, to the byte, whether runs are kept or not."""
    the_plan = plan(tmp_path, "fleet.count=2,4", seeds=3)
    progress = swept(the_plan, tmp_path / "one", jobs=1)
    swept(the_plan, tmp_path / "two", jobs=2, keeps_runs=True)
    assert sorted(path.name for path in (tmp_path / "two" / "runs").iterdir()) == [
        f"{setting}-{seed}" for setting in (0, 1) for seed in (1, 2, 3)
    ]
    for path in (tmp_path / "two" / "runs").iterdir():
        files = {file.name for file in path.iterdir()}
        assert {"garage.yaml", "manifest.json", "attempts.jsonl"} <= files
    assert same_files(tmp_path / "one", tmp_path / "two")
    assert progress.counts == [(done, 6, 0) for done in range(7)]
    assert not progress.notes
    rows = (tmp_path / "one" / "table.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [
        [str(seed), str(count)] for count in (2, 4) for seed in (1, 2, 3)
    ]
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "points.jsonl", "report.html", "sweep.json", *TABLES,
    }  # fmt: skip


def test_more_seeds_do_only_the_new_runs(tmp_path: Path) -> None:
    """And give the table that they would have given at once, in the same directory."""
    out = tmp_path / "grown"
    swept(plan(tmp_path, seeds=2), out)
    before = lines(out / "points.jsonl")
    progress = swept(plan(tmp_path, seeds=4), out)
    assert lines(out / "points.jsonl")[:2] == before
    assert len(lines(out / "points.jsonl")) == 4
    assert progress.counts[0] == (2, 4, 0)
    assert progress.notes == [f"2 of 4 runs are in {out} already"]
    swept(plan(tmp_path, seeds=4), tmp_path / "at-once")
    assert same_files(out, tmp_path / "at-once")
    swept(plan(tmp_path, seeds=2), out)
    assert len((out / "table.csv").read_text().splitlines()) == 3
    one, more = plan(tmp_path, seeds=2), plan(tmp_path, seeds=5)
    assert default_directory(one) == default_directory(more)
    assert default_directory(one) != default_directory(plan(tmp_path, "fleet.count=2"))


TOOK = b',"duration_s":'
"""Begins what differs when a run is done again, at the end of its line."""


def test_a_line_that_was_cut_short_costs_one_run(tmp_path: Path) -> None:
    """As after a crash in mid-write: that run is done again, and the next line is whole."""
    out = tmp_path / "sweep"
    swept(plan(tmp_path), out)
    whole = (out / "points.jsonl").read_bytes()
    table = (out / "table.csv").read_bytes()
    (out / "points.jsonl").write_bytes(whole[:-30])
    progress = swept(plan(tmp_path), out)
    assert progress.counts[0] == (2, 3, 0)
    assert (out / "table.csv").read_bytes() == table
    last, again = whole.splitlines()[-1], (out / "points.jsonl").read_bytes().splitlines()[-1]
    assert again.partition(TOOK)[0] == last.partition(TOOK)[0]


def test_a_profile_beside_the_scenario_goes_with_each_run(tmp_path: Path) -> None:
    """A worker elsewhere has no such file: it gets the text; a change of it is another sweep."""
    (tmp_path / "own.yaml").write_text(TWO_TOPICS, encoding="utf-8")
    scenario = tmp_path / "garage.yaml"
    scenario.write_text(SCENARIO.replace("fleet:", "fleet:\n  profile: own.yaml"), encoding="utf-8")
    sweep = plan_sweep(scenario, (), seeds=1)
    assert sweep.profile_text == TWO_TOPICS
    assert replace(sweep, profile_text=TWO_TOPICS + "# new\n").fingerprint != sweep.fingerprint
    (tmp_path / "own.yaml").unlink()
    out = tmp_path / "sweep"
    assert swept(sweep, out).counts[-1] == (1, 1, 0)
    assert "ConfigError" not in (out / "table.csv").read_text()


def test_another_sweep_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    """What differs is said, and nothing there changes; a single run is not overwritten either."""
    out = tmp_path / "sweep"
    swept(plan(tmp_path, "fleet.count=2,4", seeds=1), out)
    before = (out / "sweep.json").read_bytes()
    with pytest.raises(ConfigError, match=r"another sweep \(other values of --set\)"):
        Sweep(plan(tmp_path, "fleet.count=2", seeds=1), out, SweepOptions(jobs=1))
    changed = replace(plan(tmp_path, "fleet.count=2,4"), scenario_text=SCENARIO + "# new\n")
    with pytest.raises(ConfigError, match=r"another sweep \(another scenario text\)"):
        Sweep(changed, out, SweepOptions(jobs=1))
    assert (out / "sweep.json").read_bytes() == before
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds a run"):
        Sweep(plan(tmp_path), tmp_path, SweepOptions(jobs=1))


def test_two_processes_do_not_work_in_one_directory(tmp_path: Path) -> None:
    """The second is told."""
    the_sweep = Sweep(plan(tmp_path), tmp_path / "sweep", SweepOptions(jobs=1))
    descriptor = os.open(the_sweep.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another process is at work"):
            the_sweep.run(Quiet())
    finally:
        os.close(descriptor)
    the_sweep.run(Quiet())
    assert len(the_sweep.records) == 3


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Sweep once to the end; return the scenario and the directory of the sweep."""
    directory = tmp_path_factory.mktemp("uninterrupted")
    scenario = write_scenario(directory, LONGER)
    code, stdout, stderr = run("fleet_sim", *command(scenario), directory / "whole")
    assert code == 0, stdout + stderr
    return scenario, directory / "whole"


def command(scenario: Path) -> tuple[object, ...]:
    """Return the words of a sweep of five runs, but for its directory."""
    return "sweep", scenario, "--seeds", 5, "--jobs", 2, "--out"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_an_interrupted_sweep_goes_on_when_started_again(
    tmp_path: Path, uninterrupted: tuple[Path, Path], number: signal.Signals
) -> None:
    """Exit code 130 and what is finished is kept; the table is that of an uninterrupted sweep."""
    scenario, whole = uninterrupted
    words = command(scenario)
    out = tmp_path / "sweep"
    process = start("fleet_sim", *words, out, start_new_session=True)
    wait_for(lambda: len(lines(out / "points.jsonl")) >= 2)
    os.killpg(process.pid, number)  # as a terminal does, to the workers too
    code, _, stderr = finish(process)
    kept = (out / "points.jsonl").read_bytes()
    assert code == 130, stderr
    assert "Traceback" not in stderr
    finished = kept.count(b"\n")
    assert f"{finished} runs are in {out}" in stderr
    assert 2 <= finished < 5
    code, stdout, stderr = run("fleet_sim", *words, out)
    assert code == 0, stdout + stderr
    assert (out / "points.jsonl").read_bytes().startswith(kept)
    assert len(lines(out / "points.jsonl")) == 5
    assert same_files(out, whole)


def test_a_killed_sweep_leaves_no_process(tmp_path: Path) -> None:
    """Its workers end with it, though nobody told them."""
    out = tmp_path / "sweep"
    command = ("sweep", write_scenario(tmp_path, LONGER), "--seeds", 50, "--jobs", 2, "--out", out)
    process = start("fleet_sim", *command, start_new_session=True)
    wait_for(lambda: lines(out / "points.jsonl"))
    process.kill()
    finish(process)
    wait_for(lambda: not is_running(process.pid))


def is_running(group: int) -> bool:
    """Return whether a process group has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_that_fails_is_a_row_and_is_tried_again(tmp_path: Path) -> None:
    """The others go on; started again, only that one is done."""
    out = tmp_path / "sweep"
    good = plan(tmp_path)
    bad = replace(good, scenario_text=SCENARIO.replace("count: 6", "count: -6"))
    progress = swept(bad, out)
    assert progress.counts[-1] == (3, 3, 3)
    rows = (out / "table.csv").read_text().splitlines()
    assert len(rows) == 4
    assert all("ConfigError: RUN/garage.yaml:5" in row for row in rows[1:])
    assert swept(bad, out).counts[0] == (0, 3, 0)
