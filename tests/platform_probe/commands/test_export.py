"""`platform-probe export`: an incident of a store as a scenario, which is then run."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from fleet_sim.scenario.loading import load_scenario
from platform_probe.__main__ import main
from tests.helpers.store_player import shared_store
from tests.helpers.virtual_runs import broken_expectations, run_virtually


def test_it_is_seen_again(tmp_path: Path) -> None:
    """The run of what was exported is the proof."""
    file, store = tmp_path / "exported.yaml", shared_store("garage")
    words = ["export", "--attempt", "attempt-5", "--store", str(store), "--out", str(file)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    scenario = load_scenario(file)
    assert scenario.seed is not None
    summary = run_virtually(scenario, tmp_path / "again", seed=scenario.seed)
    assert broken_expectations(summary) == []
    assert summary["injected"]["untouched"]["not_ok"] == 0
