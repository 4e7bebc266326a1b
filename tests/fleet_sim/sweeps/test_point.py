"""One run of a sweep, as a worker does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace as replaced

from fleet_sim.cars.defects import ModelDefectError
from fleet_sim.results.expectations import known_keys, value_at
from fleet_sim.results.summary import empty_summary, read_json
from fleet_sim.sweeps import point as sweep_point
from fleet_sim.sweeps.point import WORDS, PointRecord, Task, run_task
from fleet_wire.errors import LimitError, UnlockpathError
from tests.helpers.sweeps import SCENARIO, task


def done(one: Task) -> PointRecord:
    """Do a run and return its record."""
    return msgspec.json.decode(run_task(one), type=PointRecord)


def test_a_run_gives_its_numbers_verdicts_and_digest(tmp_path: Path) -> None:
    """The same as in the files of the same run, which replace those of an interrupted try."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "manifest.json").write_text("{}")
    found = done(task(5, keep_in=kept))
    summary = read_json(kept / "summary.json")
    assert found.error is None
    assert found.digest == read_json(kept / "manifest.json")["digest"]
    assert found.expect == summary["expect"]
    keys = [*known_keys(), *(f"by.group.{name}.ok_share" for name in ("street", "garage"))]
    named = {key: value_at(summary, key) for key in keys if key not in WORDS}
    assert {key: found.measured.get(key, "missing") for key in named} == named
    assert found.measured["attempts.total"] == 10
    assert found.duration_s > 0
    assert found.expect_holds is all(one["holds"] for one in summary["expect"])


def test_a_run_leaves_nothing_behind_unless_it_is_kept(tmp_path: Path) -> None:
    """Its temporary directory is gone, and the record is that of the run that was kept."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = done(replace(task(5), scratch=str(scratch)))
    assert not [*scratch.iterdir()]
    again = done(task(5, keep_in=tmp_path / "kept"))
    assert found == replaced(again, duration_s=found.duration_s)


def test_a_run_that_fails_is_a_record_without_the_workers_paths() -> None:
    """Its error would differ from machine to machine otherwise."""
    found = done(task(2, text=SCENARIO.replace("count: 6", "count: -6")))
    assert found.seed == 2
    assert found.error is not None
    assert found.error.startswith("ConfigError: RUN/garage.yaml:5: fleet.groups.0.count")
    assert found.expect_holds is None
    assert not found.measured


def test_a_run_of_a_broken_model_is_a_run_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its numbers are not to be trusted, so they are not in the table."""
    summary = {**empty_summary(), "model_defects": 3, "first_model_defect": "ValueError: x (y:1)"}
    monkeypatch.setattr(sweep_point, "_run", lambda *_: summary)
    found = done(task(2))
    assert found.error == str(ModelDefectError(3, "ValueError: x (y:1)"))
    assert not found.measured


def test_a_full_disk_ends_the_sweep_and_not_each_of_its_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine's limit is no result of a run, and can be passed between processes."""

    def full(_task: Task, _path: Path) -> None:
        raise LimitError("no room", "df -h")

    monkeypatch.setattr(sweep_point, "_run", full)
    with pytest.raises(UnlockpathError, match="no room") as caught:
        run_task(task())
    assert type(caught.value) is UnlockpathError
