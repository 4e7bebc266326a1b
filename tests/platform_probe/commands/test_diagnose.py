"""`platform-probe diagnose`: one unlock found by whatever is known of it, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.modes.catalogue import MODES
from platform_probe.__main__ import main
from platform_probe.tell.support.believed import TOLD_FROM
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import run_virtually


def told(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["diagnose", *map(str, words)])


def case(*words: str | Path) -> dict[str, Any]:
    """Return what the command says as JSON."""
    result = told(*words, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_a_run_is_diagnosed_right_after_it(tmp_path: Path) -> None:
    """With nothing but its directory: the garage is what those who failed have in common."""
    scenario = load_scenario(ROOT / "scenarios" / "underground_garage.yaml")
    run_virtually(scenario, tmp_path / "run", seed=7)
    found = case("garage-00007", "--run", tmp_path / "run")
    assert found["cause"] in ("box_silent", "box_offline", "box_asleep")
    (cohort,) = found["who_else"]["cohorts"]
    assert cohort["traits"] == {"region": "garage"}
    assert cohort["failures"] > 10
    text = told("garage-00007", "--run", tmp_path / "run").output
    assert "are region garage:" in text
    assert "This car is one of them." in text
    assert found["diagnosis"]["title"] in text.lower()
    (incident,) = found["incidents"]
    assert f"Known problem\n  {incident['title']}" in text
    garage = MODES["no_coverage_garage"]
    assert (incident["state"], garage.title in incident["title"]) == ("open", True)
    assert found["diagnosis"]["probability"] < TOLD_FROM  # by itself: the incident knows of more
    assert found["say"].startswith(garage.customer)


def test_retries_of_the_platform_are_no_attack(tmp_path: Path) -> None:
    """Where a part of it hangs it sends again what the car has done, and the box answers again."""
    scenario = load_scenario(
        ROOT / "scenarios" / "shared_sub_stuck_consumer.yaml",
        ["platform.retry_after_s=8", "fleet.count=120"],
    )
    run_virtually(scenario, tmp_path / "run", seed=7)
    records = (tmp_path / "run" / "attempts.jsonl").read_bytes().splitlines()
    assert any(b'"sent_again"' in line for line in records)
    lines = (tmp_path / "run" / "diagnoses.jsonl").read_bytes().splitlines()
    told = [msgspec.json.decode(line, type=Diagnosis) for line in lines]
    assert "attack_replay" not in {one.modes[0].mode for one in told}
    assert "shared_sub_stuck_consumer" in {one.modes[0].mode for one in told}
