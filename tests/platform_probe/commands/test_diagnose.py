"""`platform-probe diagnose`: one unlock found by whatever is known of it, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from fleet_sim.scenario.loading import load_scenario
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
