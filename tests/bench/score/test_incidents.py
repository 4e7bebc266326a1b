"""Incidents that are drawn: the same each time, valid, and other ones for the score."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import msgspec

from bench.score.drawing import scenario_of
from bench.score.incidents import (
    HELD_OUT_SEEDS,
    MAPPED_WIRE,
    TWO_TOPICS,
    Incident,
    Loss,
    drawn_rows,
    learned_incidents,
    loss_of,
    other_incidents,
    scored_faults,
    wide_incident,
)
from bench.score.wide import wire_of
from fleet_sim.faults import FAULTS
from fleet_sim.faults.drawing import ANYTHING
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.modes.catalogue import MODES


def test_every_mode_is_scored() -> None:
    """A fault is in the score by existing."""
    assert set(scored_faults()) == set(MODES)


def test_a_drawn_scenario_can_be_loaded(tmp_path: Path) -> None:
    """For tuning and for the score; drawn widely of a fault, of several in a row, and of none.

    The wire lies beside it.
    """
    file = tmp_path / "incident.yaml"
    seeds = cycle((1, HELD_OUT_SEEDS + 1))
    usual = (Incident((fault,), next(seeds)) for fault in scored_faults())
    healthy = Incident((), 2, is_wide=True)
    wide = (wide_incident(name, 1) for name in scored_faults()[::6])
    for one in (*usual, healthy, *drawn_rows(4, 0), *wide):
        (tmp_path / MAPPED_WIRE).write_text(wire_of(one, TWO_TOPICS) or "", encoding="utf-8")
        file.write_bytes(msgspec.json.encode(scenario_of(one)))
        assert set(one.faults) <= {entry.name for entry in load_scenario(file, []).faults}


def test_weights_are_learned_from_incidents_that_nobody_scores() -> None:
    """Their seeds are below those of the score, and other sets are drawn from above."""
    assert all(not one.is_held_out for one in learned_incidents())
    others = other_incidents(4, HELD_OUT_SEEDS)
    assert all(one.is_held_out for its in others.values() for one in its)


def test_a_drawing_names_parameters_that_there_are() -> None:
    """And traits that cars have. A parameter of another name would be refused in a drawn run."""
    for name, fault in FAULTS.items():
        drawing = fault.drawing
        for drawn in (drawing.ranges, *drawing.variants, *drawing.learned_variants):
            assert set(drawn) <= set(fault.model_fields), name
        assert {*drawing.strikes_alike, *drawing.may_strike_alike} <= {*ANYTHING, "all"}, name
        assert drawing.brought_out_by is None or drawing.brought_out_by[0] in FAULTS, name


def test_a_run_with_one_incident_of_each_fault_holds_every_loss() -> None:
    """And one with eight holds every loss of each fault."""
    assert {loss_of(fault, 0) for fault in scored_faults()} == set(Loss)
    for fault in scored_faults():
        assert {loss_of(fault, number) for number in range(8)} == set(Loss)
