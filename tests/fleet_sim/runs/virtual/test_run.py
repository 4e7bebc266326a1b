"""A run in virtual time: what it has of a real broker, and that it ends, whatever is broken."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.runs.virtual.run import SELDOM
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import LimitError
from fleet_wire.private_files import open_to_append
from fleet_wire.profiles.loading import NAMES
from platform_probe.measure.load.plan import PlannedStart
from platform_probe.measure.synthetic import SyntheticUnlocks
from platform_probe.outputs.sinks import JsonlSink
from tests.helpers.commands import lines
from tests.helpers.virtual_runs import SCENARIOS, run_virtually


@pytest.fixture
def garage() -> Scenario:
    """Return a short run with a fault."""
    return load_scenario(
        SCENARIOS["underground_garage"],
        ["load.stages.0.duration_s=10", "faults.0.window={start_s: 2, end_s: 8}"],
    )


def test_no_file_of_a_run_is_for_everybody(garage: Scenario, tmp_path: Path) -> None:
    """Records of cars and customers are for owner and group."""
    before = os.umask(0o022)
    try:
        run_virtually(garage, tmp_path / "run", seed=7)
    finally:
        os.umask(before)
    files = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "run").iterdir()}
    assert {"ground_truth.jsonl", "attempts.jsonl", "summary.json", "manifest.json"} <= {*files}
    assert {name: mode for name, mode in files.items() if mode & 0o007} == {}


def test_garbage_is_looked_for_seldom_while_a_run_lasts_and_as_before_afterwards(
    garage: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run gets to know of its cars is no garbage, and whoever runs one has their own."""
    usual, thresholds = gc.get_threshold(), []

    def opened(_unlocks: SyntheticUnlocks, _planned: PlannedStart, _intended_s: float) -> None:
        thresholds.append(gc.get_threshold())

    monkeypatch.setattr(SyntheticUnlocks, "_start_planned", opened)
    run_virtually(garage, tmp_path / "run", seed=1)
    assert set(thresholds) == {SELDOM}
    assert gc.get_threshold() == usual


def test_a_probe_that_stops_starting_does_not_go_on_for_ever(
    garage: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its defect is counted as one of the model, in which it runs; what has ended is there."""
    start = SyntheticUnlocks._start_planned

    def start_some(unlocks: SyntheticUnlocks, planned: PlannedStart, intended_s: float) -> None:
        if planned.scheduled_s >= 5:
            raise ValueError("no more")
        start(unlocks, planned, intended_s)

    monkeypatch.setattr(SyntheticUnlocks, "_start_planned", start_some)
    summary = run_virtually(garage, tmp_path / "run", seed=1)
    assert summary["model_defects"] == 1
    assert summary["first_model_defect"].startswith("ValueError: no more")
    assert summary["attempts"]["total"] == len(lines(tmp_path / "run" / "attempts.jsonl")) == 40


@pytest.mark.parametrize("name", ["ground_truth.jsonl", "fleet_samples.jsonl", "attempts.jsonl"])
def test_a_full_disk_is_no_defect_of_the_model(
    name: str, garage: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the run with the machine's limit, wherever in the model the line was written."""

    def open_others(path: Path) -> int:
        if path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return open_to_append(path)

    def full(_sink: JsonlSink, _name: str, _records: Any) -> None:
        raise LimitError("attempts.jsonl: No space left on device", "df -h")

    monkeypatch.setattr("fleet_sim.runs.lines.open_to_append", open_others)
    if name == "attempts.jsonl":
        monkeypatch.setattr(JsonlSink, "_append", full)
    with pytest.raises(LimitError, match=rf"{name}: No space left on device"):
        run_virtually(garage, tmp_path / "run", seed=1)


@pytest.mark.parametrize("profile", NAMES)
def test_a_healthy_fleet_sends_nothing_malformed(profile: str, tmp_path: Path) -> None:
    """In no profile: what a box does not know (since when it runs, say) it leaves out."""
    changes = [f"fleet.profile={profile}", "load.stages.0.duration_s=20"]
    for group in ("centre", "station", "airport"):
        changes += [f"fleet.groups.{group}.count=30", f"fleet.groups.{group}.box.heartbeat_s=10"]
    scenario = load_scenario(SCENARIOS["quiet_city"], changes)
    summary = run_virtually(scenario, tmp_path / profile, seed=7)
    assert summary["attempts"]["by_outcome"]["ok"] > 50
    assert summary["probe"]["malformed"] == 0
