"""`platform-probe export`: an incident of a store as a scenario, which is then run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from platform_probe.__main__ import main
from tests.helpers.incident_store import COMPLAINT
from tests.helpers.store_player import shared_store
from tests.helpers.virtual_runs import broken_expectations, run_virtually


@pytest.fixture
def store() -> Path:
    """Return a store with an incident in it."""
    return shared_store("garage")


def exported(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["export", *map(str, words)])


def scenario_from(tmp_path: Path, *words: str | Path) -> Scenario:
    """Return the scenario that the command writes, as the simulator reads it."""
    file = tmp_path / "exported.yaml"
    result = exported(*words, "--out", file)
    assert result.exit_code == 0, result.output
    return load_scenario(file)


def test_it_is_seen_again(store: Path, tmp_path: Path) -> None:
    """The run of what was exported is the proof."""
    scenario = scenario_from(tmp_path, "--attempt", "attempt-5", "--store", store)
    assert scenario.seed is not None
    summary = run_virtually(scenario, tmp_path / "again", seed=scenario.seed)
    assert broken_expectations(summary) == []
    assert summary["injected"]["untouched"]["not_ok"] == 0


@pytest.mark.parametrize("words", [("garage-5",), ("--attempt", COMPLAINT)])
def test_diagnose_says_how(store: Path, words: tuple[str, ...]) -> None:
    """The line that it prints can be typed."""
    told = CliRunner().invoke(main, ["diagnose", *words, "--store", str(store)])
    match = re.search("^reproduce: platform-probe (export .*)$", told.stdout, re.MULTILINE)
    assert match is not None, told.stdout
    assert CliRunner().invoke(main, shlex.split(match[1])).exit_code == 0
