"""Counting what is named of fleets in which nothing happens."""

from __future__ import annotations

from bench.score.cases import run_one
from bench.score.figures import is_given_a_mode
from bench.score.incidents import Incident


def test_of_a_small_healthy_fleet_nothing_is_named() -> None:
    """Its customers press twice and give up like others."""
    run = run_one(Incident((), 3_000, is_short=True))
    assert run.error is None
    assert run.healthy > 50
    assert not [*filter(is_given_a_mode, run.suspected)]
