"""Several scenarios side by side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleet_sim.runs.suite import OUTPUT, SuiteResult, run_suite, suite_runs
from tests.helpers.commands import SCENARIO, pids_with
from tests.helpers.waiting import eventually

VIRTUAL = ("--mode", "virtual")


def write(directory: Path, name: str, text: str = SCENARIO) -> Path:
    """Write a scenario of this name and return its path."""
    path = directory / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_run_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """Files of one name in two places too."""
    files = [Path("a/city.yaml"), Path("b/city.yaml"), Path("city-2.yaml"), Path("c/city.yaml")]
    runs = suite_runs(files, tmp_path, VIRTUAL)
    assert [run.name for run in runs] == ["city", "city-2", "city-2-2", "city-3"]
    assert len({run.directory for run in runs}) == len(runs)


async def test_a_run_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    """One holds, one does not, one cannot be read: each result says which, in the files' order."""
    files = [
        write(tmp_path, "broken", "fleet: [\n"),
        write(tmp_path, "holds"),
        write(tmp_path, "does-not", SCENARIO.replace("{min: 0.5}", "{max: 0.5}")),
    ]
    seen: list[SuiteResult] = []
    runs = suite_runs(files, tmp_path / "out", VIRTUAL)
    broken, holds, does_not = results = await run_suite(runs, jobs=2, on_end=seen.append)
    assert sorted(each.run.name for each in seen) == ["broken", "does-not", "holds"]
    assert [each.is_fine for each in results] == [False, True, False]
    assert broken.error is not None
    assert broken.error.startswith("exit code 2: ")
    assert "broken.yaml" in broken.error
    assert (holds.error, holds.seed, holds.not_holding) == (None, 11, [])
    assert does_not.error is None
    assert [verdict["key"] for verdict in does_not.not_holding] == ["attempts.ok_share"]
    assert (tmp_path / "out" / "holds" / "report.html").exists()
    assert "the expectation holds" in (tmp_path / "out" / "holds" / OUTPUT).read_text("utf-8")


async def test_a_place_that_cannot_be_written_is_an_error_of_that_run(tmp_path: Path) -> None:
    """A file lies where its directory should be, or the disk is full: the others go on."""
    (tmp_path / "taken").write_text("")
    runs = suite_runs([write(tmp_path, "city")], tmp_path / "taken", VIRTUAL)
    (result,) = await run_suite(runs, jobs=1, on_end=lambda _: None)
    assert result.error == f"exit code 2: {tmp_path / 'taken' / 'city'}: Not a directory"


async def test_cancelled_it_ends_its_runs(tmp_path: Path) -> None:
    """Nothing is left behind that nobody waits for."""
    long = SCENARIO.replace("rate_per_s: 20, duration_s: 4", "rate_per_s: 1, duration_s: 200000")
    runs = suite_runs([write(tmp_path, "long", long)], tmp_path / "out", VIRTUAL)
    task = asyncio.create_task(run_suite(runs, jobs=1, on_end=lambda _: None))
    await eventually((runs[0].directory / "manifest.json").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not pids_with([str(tmp_path)])
