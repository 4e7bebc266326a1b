"""Random scenarios in virtual time: nothing breaks, nothing gets lost, and twice is the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.runs.conclude import digest_of
from fleet_wire.arrivals import arrival_times
from fleet_wire.randomness import RandomStream
from tests.helpers.commands import lines, summary
from tests.helpers.random_scenarios import RANDOM_RUNS, run_twice, scenarios

MICROSECOND_S = 1e-6
"""Starts are planned to the microsecond."""


@RANDOM_RUNS
@given(values=scenarios, seed=st.integers(0, 2**63 - 1))
def test_any_scenario_runs_to_its_end_and_twice_the_same(values: dict[str, Any], seed: int) -> None:
    """No exception, every planned unlock ends exactly once, and the same bytes again."""
    with run_twice(values, seed) as (scenario, first, second):
        planned = arrival_times(scenario.load.stages, RandomStream.named(seed, "load/arrivals"))
        attempts = lines(first / "attempts.jsonl")
        assert len({attempt["attempt_id"] for attempt in attempts}) == len(attempts)
        started = sorted(attempt["scheduled_s"] for attempt in attempts)
        assert started == pytest.approx(planned, abs=MICROSECOND_S)
        assert summary(first)["probe"]["ended"] == len(planned)
        assert digest_of(first) == digest_of(second)
