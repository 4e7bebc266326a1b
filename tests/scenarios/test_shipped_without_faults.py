"""Every shipped scenario in virtual time without its faults: then it does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario.loading import load_scenario
from tests.helpers.virtual_runs import SCENARIOS, broken_expectations, run_virtually

pytestmark = pytest.mark.long

FAULTY = [name for name, path in SCENARIOS.items() if "\nfaults:" in path.read_text("utf-8")]
FEWER_UNLOCKS = {"many_cars": ("load.stages.0.rate_per_s=2",)}
"""Where a run takes long: a tenth of the unlocks, with which it must hold too if it has faults."""


@pytest.mark.parametrize("name", FAULTY)
def test_without_its_faults_an_expectation_breaks(name: str, tmp_path: Path) -> None:
    """The expectations state the effect of the fault, so they need it."""
    faulty = load_scenario(SCENARIOS[name], FEWER_UNLOCKS.get(name, ()))
    assert faulty.faults
    scenario = faulty.model_copy(update={"faults": ()})
    seed = scenario.seed or 0
    assert broken_expectations(run_virtually(scenario, tmp_path / name, seed=seed))
    if name in FEWER_UNLOCKS:
        assert not broken_expectations(run_virtually(faulty, tmp_path / "faulty", seed=seed))
