"""Counting what is named of fleets in which nothing happens."""

from __future__ import annotations

import msgspec
import pytest
from click.testing import CliRunner

from bench.score import __main__ as score
from bench.score.cases import RunCases, run_one
from bench.score.figures import is_given_a_mode
from bench.score.incidents import MIX, Incident
from fleet_wire.contract.diagnosis import NOTHING_WRONG
from tests.helpers.scored import CAN, case_of


def test_runs_are_done_until_enough_went_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every loss of evidence in turn, each of another seed; what is given a mode is told."""
    done: list[Incident] = []
    well = case_of("", (NOTHING_WRONG, 0.9))
    odd = msgspec.structs.replace(case_of("", (CAN, 0.8)), attempt_id="a-7")

    def runs(incidents: list[Incident], _jobs: int) -> list[RunCases]:
        done.extend(incidents)
        return [
            RunCases(
                incident="one", faults=(), seed=1, loss="nothing", healthy=10, suspected=(well, odd)
            )
            for _ in incidents
        ]

    monkeypatch.setattr(score, "_done", runs)
    words = ["healthy", "--unlocks", "100", "--first-seed", "3000"]
    said = CliRunner().invoke(score.main, words).output.splitlines()
    assert said[-1] == "160 went well, 32 looked odd, 16 were given a mode"
    assert sum("a-7" in line for line in said) == 16
    assert [one.loss for one in done] == [*MIX, *MIX]
    assert [one.seed for one in done] == [*range(3000, 3016)]


def test_of_a_small_healthy_fleet_nothing_is_named() -> None:
    """Its customers press twice and give up like others."""
    run = run_one(Incident((), 3_000, is_short=True))
    assert run.error is None
    assert run.healthy > 50
    assert not [*filter(is_given_a_mode, run.suspected)]
