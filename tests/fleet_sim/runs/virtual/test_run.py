"""What a run in virtual time has of a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("technology", ["lte", "umts"])
def test_in_a_fleet_in_which_nothing_is_broken_every_car_opens(
    tmp_path: Path, technology: str
) -> None:
    """Cars that fall asleep about when their next customers come, however slow their goodbye is."""
    box = {
        "asleep_share": 1.0,
        "sms_loss": 0.0,
        "sms_wake": {"base_s": 1.0, "spread_s": 1.0},
        "modem_resume": 1.0,
        "awake_after_wake_s": 25.0,
        "radio": {"technology": technology},
    }
    scenario = Scenario.model_validate(
        {
            "description": "Boxes sleep 25 s after an SMS, and customers come every 20 to 40 s.",
            "fleet": {"groups": [{"name": "car", "count": 50, "box": box}]},
            "load": {"stages": [{"kind": "poisson", "rate_per_s": 1.5, "duration_s": 300}]},
        }
    )
    summary = run_virtually(scenario, tmp_path / "sleepers", seed=2)
    assert summary["attempts"]["by_outcome"]["ok"] == summary["attempts"]["total"] > 400
    assert set(summary["stray"].values()) == {0}
