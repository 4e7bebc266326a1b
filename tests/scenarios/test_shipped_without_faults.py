"""Every shipped scenario in virtual time without its faults: then it does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario.loading import load_scenario
from tests.helpers.virtual_runs import SCENARIOS, broken_expectations, run_virtually

FAULTY = [name for name, path in SCENARIOS.items() if "\nfaults:" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", FAULTY)
def test_without_its_faults_an_expectation_breaks(name: str, tmp_path: Path) -> None:
    """The expectations state the effect of the fault, so they need it."""
    faulty = load_scenario(SCENARIOS[name])
    assert faulty.faults
    scenario = faulty.model_copy(update={"faults": ()})
    assert broken_expectations(run_virtually(scenario, tmp_path / name, seed=scenario.seed or 0))
