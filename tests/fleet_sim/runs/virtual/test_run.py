"""What a run in virtual time has of a real broker."""

from __future__ import annotations

from pathlib import Path

from fleet_sim.runs.virtual.run import CONNECT_COST_S
from fleet_sim.scenario.form import Scenario
from fleet_wire.contract.attempt import Stage
from tests.helpers.agreement import attempts_of
from tests.helpers.virtual_runs import run_virtually

CARS = 2_000
STORM = {
    "description": "All boxes come back in the same moment, while customers open cars.",
    "fleet": {"groups": [{"name": "car", "count": CARS, "box": {"connect_round_trips": 0}}]},
    "load": {
        "stages": [{"kind": "constant", "rate_per_s": 100, "duration_s": 4}],
        "deadline_s": 5,
    },
    "faults": [
        {
            "name": "reconnect_storm",
            "window": {"start_s": 1, "end_s": 4},
            "parameters": {"retry_s": 2},
        }
    ],
}


def test_a_storm_of_connects_delays_commands(tmp_path: Path) -> None:
    """The broker works through the connects, and takes what came behind them afterwards."""
    scenario = Scenario.model_validate(STORM)
    run_virtually(scenario, tmp_path / "storm", seed=7)
    waits_s = [
        (attempt.scheduled_s, attempt.hops_s[Stage.BROKER_ACCEPTED])
        for attempt in attempts_of(tmp_path / "storm")
        if Stage.BROKER_ACCEPTED in attempt.hops_s
    ]
    storm_s = CARS * CONNECT_COST_S
    longest_s = max(wait_s for _, wait_s in waits_s)
    assert storm_s / 2 < longest_s < storm_s * 1.1
    assert sum(wait_s > storm_s / 10 for _, wait_s in waits_s) < len(waits_s) / 10
