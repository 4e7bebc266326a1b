"""The same scenario and seed give the same bytes; what is added changes nothing else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.runs.conclude import digest_of
from fleet_sim.scenario.form import Scenario
from tests.helpers.commands import lines
from tests.helpers.virtual_runs import run_virtually

SEED = 7
FLEET: dict[str, Any] = {
    "description": "Two groups that share a broker; the load asks for the first.",
    "fleet": {
        "groups": [
            {
                "name": "target",
                "count": 25,
                "box": {"heartbeat_s": 3, "asleep_share": 0.2, "radio": {"loss": 0.05}},
            },
            {"name": "other", "count": 15, "site": "garage", "box": {"heartbeat_s": 3}},
        ]
    },
    "load": {
        "targets": {"group": "target"},
        "stages": [
            {"kind": "constant", "rate_per_s": 4, "duration_s": 15},
            {"kind": "times", "at_s": [1.0, 2.5], "duration_s": 10},
        ],
        "deadline_s": 10,
        "double_taps": 0.1,
    },
    "faults": [
        {
            "name": "ack_lost_executed",
            "target": {"group": "target", "share": 0.5},
            "window": {"start_s": 2, "end_s": 20},
            "parameters": {"loss": 0.3},
        }
    ],
}


def changed(**changes: Any) -> Scenario:
    """Return the scenario with other groups, faults or stages."""
    values = copy.deepcopy(FLEET)
    values["fleet"]["groups"] = changes.get("groups", values["fleet"]["groups"])
    values["load"]["stages"] = changes.get("stages", values["load"]["stages"])
    values["faults"] = changes.get("faults", values["faults"])
    return Scenario.model_validate(values)


def attempts_of(scenario: Scenario, directory: Path) -> list[dict[str, Any]]:
    """Run a scenario and return its attempts."""
    run_virtually(scenario, directory, seed=SEED)
    return lines(directory / "attempts.jsonl")


@pytest.fixture
def before(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the attempts of the scenario as it is: some of every kind."""
    attempts = attempts_of(changed(), tmp_path / "before")
    causes = {attempt["cause"] for attempt in attempts}
    assert {None, "result_lost", "box_busy"} <= causes
    assert len(attempts) == 62
    return attempts


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    """Otherwise the equality of two runs would say nothing."""
    for seed in (SEED, SEED + 1):
        run_virtually(changed(), tmp_path / f"{seed}", seed=seed)
    assert digest_of(tmp_path / f"{SEED}") != digest_of(tmp_path / f"{SEED + 1}")


def test_another_car_changes_nothing_for_the_others(
    before: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Cars in a new group before, and more in one behind."""
    groups = copy.deepcopy(FLEET["fleet"]["groups"])
    groups[1]["count"] += 4
    groups.insert(0, {"name": "new", "count": 7, "box": {"heartbeat_s": 3}})
    assert attempts_of(changed(groups=groups), tmp_path / "after") == before


def test_another_fault_changes_nothing_for_untouched_cars(
    before: list[dict[str, Any]], tmp_path: Path
) -> None:
    """On other cars, in front of the fault that was there, one of them of the same name."""
    window = {"start_s": 1, "end_s": 20}
    faults = [
        {"name": "client_id_takeover", "target": {"group": "other"}, "window": window},
        *FLEET["faults"],
        {"name": "ack_lost_executed", "target": {"group": "other"}, "window": window},
    ]
    assert attempts_of(changed(faults=faults), tmp_path / "after") == before


def test_a_fault_on_some_cars_leaves_the_rest(before: list[dict[str, Any]], tmp_path: Path) -> None:
    """Among the cars that are asked for: only those struck differ."""
    struck = [f"target-{number:05d}" for number in range(8)]
    entry = {
        "name": "no_coverage_garage",
        "target": {"ids": struck},
        "window": {"start_s": 1, "end_s": 30},
    }
    after = attempts_of(changed(faults=[*FLEET["faults"], entry]), tmp_path / "after")
    assert spared(after, struck) == spared(before, struck)
    assert after != before


def spared(attempts: list[dict[str, Any]], struck: list[str]) -> dict[str, dict[str, Any]]:
    """Return the attempts of all other cars by id: the order in which they end may differ."""
    return {
        attempt["attempt_id"]: attempt
        for attempt in attempts
        if attempt["vehicle_id"] not in struck
    }


def test_another_unlock_changes_no_earlier_one(
    before: list[dict[str, Any]], tmp_path: Path
) -> None:
    """One more at the end of the load."""
    stages = copy.deepcopy(FLEET["load"]["stages"])
    stages[1]["at_s"].append(9.9)
    after = attempts_of(changed(stages=stages), tmp_path / "after")
    assert len(after) == len(before) + 1
    known = {attempt["attempt_id"] for attempt in before}
    assert [attempt for attempt in after if attempt["attempt_id"] in known] == before
