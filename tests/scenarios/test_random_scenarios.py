"""Random scenarios in virtual time: nothing breaks, nothing gets lost, and twice is the same."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fleet_sim.runs.conclude import digest_of
from fleet_wire.arrivals import arrival_times
from fleet_wire.randomness import RandomStream
from tests.helpers.commands import lines, summary
from tests.helpers.random_scenarios import LoggedErrors, load_or_reject, scenarios
from tests.helpers.virtual_runs import run_virtually

MICROSECOND_S = 1e-6
"""Starts are planned to the microsecond."""


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=scenarios, seed=st.integers(0, 2**63 - 1))
def test_any_scenario_runs_to_its_end_and_twice_the_same(values: dict[str, Any], seed: int) -> None:
    """No exception, every planned unlock ends exactly once, and the same bytes again."""
    errors = LoggedErrors()
    logging.getLogger().addHandler(errors)
    try:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            scenario = load_or_reject(values, directory)
            for run in ("first", "second"):
                run_virtually(scenario, directory / run, seed=seed)
            planned = arrival_times(scenario.load.stages, RandomStream.named(seed, "load/arrivals"))
            attempts = lines(directory / "first" / "attempts.jsonl")
            assert len({attempt["attempt_id"] for attempt in attempts}) == len(attempts)
            started = sorted(attempt["scheduled_s"] for attempt in attempts)
            assert started == pytest.approx(planned, abs=MICROSECOND_S)
            assert summary(directory / "first")["probe"]["ended"] == len(planned)
            assert digest_of(directory / "first") == digest_of(directory / "second")
    finally:
        logging.getLogger().removeHandler(errors)
    assert not errors.records
