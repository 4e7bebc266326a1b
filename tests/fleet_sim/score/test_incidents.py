"""Incidents that are drawn: the same each time, valid, and other ones for the score."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_sim.faults import FAULTS
from fleet_sim.scenario.loading import load_scenario
from fleet_sim.score.incidents import (
    CHOICES,
    HELD_OUT_SEEDS,
    RANGES,
    TOGETHER,
    Incident,
    scenario_of,
    scored_faults,
)
from fleet_wire.modes.catalogue import MODES


def test_every_mode_is_scored() -> None:
    """A fault is in the score by existing."""
    assert set(scored_faults()) == set(MODES)


@pytest.mark.parametrize("fault", scored_faults())
def test_a_drawn_scenario_can_be_loaded(fault: str, tmp_path: Path) -> None:
    """For tuning, and with the wider ranges of the score."""
    for seed in (1, HELD_OUT_SEEDS + 1):
        file = tmp_path / "incident.yaml"
        file.write_bytes(msgspec.json.encode(scenario_of(Incident((fault,), seed))))
        assert fault in {entry.name for entry in load_scenario(file, []).faults}


def test_the_same_seed_draws_the_same() -> None:
    """And another one something else."""
    one = Incident(("loose_wiring",), 1)
    assert scenario_of(one) == scenario_of(one)
    assert scenario_of(one) != scenario_of(Incident(("loose_wiring",), 2))


def test_tables_name_faults_and_parameters_that_there_are() -> None:
    """A renamed fault does not fall out of the score unseen."""
    for table in (RANGES, CHOICES):
        for name, parameters in table.items():
            assert set(parameters) <= set(FAULTS[name].model_fields), name
    assert set(TOGETHER) <= set(FAULTS)
