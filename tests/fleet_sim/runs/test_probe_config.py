"""What the probe is told for a run."""

from __future__ import annotations

from fleet_sim.runs.probe_config import probe_config
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.signing import DEMO_SECRET
from tests.helpers.virtual_runs import SCENARIOS


def test_a_command_that_lives_for_long_is_known_again_when_it_is_carried_out() -> None:
    """Also by the next one of the car, which waits for it: it is no other unlock then."""
    told = [
        probe_config(
            load_scenario(SCENARIOS["morning_customers"], [f"platform.command_ttl_s={life_s}"]),
            seed=7,
            fleet_secret=DEMO_SECRET,
            floor_rate_per_s=1.0,
        )["load"]["late_window_s"]
        for life_s in (30, 1800)
    ]
    assert told == [600.0, 3600.0]
