"""`platform-probe diagnose`: one unlock found by whatever is known of it, and told."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.modes.catalogue import MODES
from platform_probe.__main__ import main
from platform_probe.tell.support.believed import TOLD_FROM
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import run_virtually


def test_a_run_is_diagnosed_right_after_it(tmp_path: Path) -> None:
    """With nothing but its directory: the garage is what those who failed have in common."""
    scenario = load_scenario(ROOT / "scenarios" / "underground_garage.yaml")
    run_virtually(scenario, tmp_path / "run", seed=7)
    command = ["diagnose", "garage-00007", "--run", str(tmp_path / "run")]
    found = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    assert found["cause"] in ("box_silent", "box_offline", "box_asleep")
    (cohort,) = found["who_else"]["cohorts"]
    assert cohort["traits"] == {"region": "garage"}
    assert cohort["failures"] > 10
    text = CliRunner().invoke(main, command).output
    assert "are region garage:" in text
    assert "This car is one of them." in text
    assert found["diagnosis"]["title"] in text.lower()
    (incident,) = found["incidents"]
    assert f"Known problem\n  {incident['title']}" in text
    garage = MODES["no_coverage_garage"]
    assert (incident["state"], garage.title in incident["title"]) == ("open", True)
    assert found["diagnosis"]["probability"] < TOLD_FROM  # by itself: the incident knows of more
    assert found["say"].startswith(garage.customer)
