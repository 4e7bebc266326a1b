"""Incidents that are drawn: the same each time, valid, and other ones for the score."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.score.cases import run_one
from bench.score.drawing import scenario_of
from bench.score.incidents import (
    HELD_OUT_SEEDS,
    Incident,
    Loss,
    loss_of,
    scored_faults,
)
from fleet_sim.faults import FAULTS
from fleet_sim.faults.drawing import ANYTHING
from fleet_sim.scenario.loading import load_scenario
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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_drawing_names_parameters_that_there_are(fault: str) -> None:
    """And traits that cars have. A parameter of another name would be refused in a drawn run."""
    drawing = FAULTS[fault].drawing
    for drawn in (drawing.ranges, *drawing.variants, *drawing.learned_variants):
        assert set(drawn) <= set(FAULTS[fault].model_fields)
    assert {*drawing.strikes_alike, *drawing.may_strike_alike} <= {*ANYTHING, "all"}
    assert drawing.brought_out_by is None or drawing.brought_out_by[0] in FAULTS


def test_a_run_with_one_incident_of_each_fault_holds_every_loss() -> None:
    """And one with eight holds every loss of each fault."""
    assert {loss_of(fault, 0) for fault in scored_faults()} == set(Loss)
    for fault in scored_faults():
        assert {loss_of(fault, number) for number in range(8)} == set(Loss)


TOLD_BY = {
    Loss.HEARTBEATS: {"telemetry"},
    Loss.PLATFORM_LOG: {"platform"},
    Loss.BROKER_LOG: {"broker_log"},
    Loss.MAPPED_WIRE: {"receipts", "events", "state", "telemetry"},
}
"""Sources that fall silent."""


@pytest.mark.parametrize("loss", TOLD_BY)
def test_what_is_lost_is_not_told(loss: Loss) -> None:
    """Without the loss the same fault's unlocks have these sources."""
    fault = "stale_online_cache" if loss is Loss.PLATFORM_LOG else "no_coverage_garage"
    assert TOLD_BY[loss] <= _told(fault, Loss.NOTHING)
    lost = _told(fault, loss)
    assert "attempt" in lost
    assert not TOLD_BY[loss] & lost


def _told(fault: str, loss: Loss) -> set[str]:
    run = run_one(Incident((fault,), SHOWS, loss, is_short=True))
    assert run.error is None
    return {name for case in run.cases if case.last is not None for name in case.last.told}


SHOWS = 1_002
"""A seed on which both faults show, the one with a platform."""
