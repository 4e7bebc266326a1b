"""`fleet-sim shrink`: the least that still fails in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario.loading import load_scenario
from tests.helpers.commands import run
from tests.helpers.own_commands import run_here
from tests.helpers.sweeps import SCENARIO, write_scenario

pytestmark = pytest.mark.long


def test_a_few_cars_in_a_garage_are_left_of_a_fleet(tmp_path: Path) -> None:
    """And the result is a scenario that expects the cause itself, and holds."""
    scenario = write_scenario(tmp_path)
    small = tmp_path / "small.yaml"
    code, stdout, stderr = run("fleet_sim", "shrink", scenario, "--seed", "3", "--out", small)
    assert code == 0, stderr
    assert "keeps injected.touched.by_cause.box_says_expired" in stdout
    assert stdout.splitlines()[-1].startswith("8 cars, 1 fault, 5 s -> 3 cars, 1 fault, ")
    found = load_scenario(small)
    assert (found.fleet.count, found.seed) == (3, 3)
    assert list(found.expect) == ["injected.touched.by_cause.box_says_expired"]
    code, stdout, stderr = run_here(
        "fleet_sim", "run", small, "--mode", "virtual", "--out", tmp_path / "run"
    )
    assert code == 0, stdout + stderr
    code, _, _ = run_here(
        "fleet_sim", "run", small, "--mode", "virtual", "--out", tmp_path / "without",
        "--set", "faults=[]",
    )  # fmt: skip
    assert code == 1


def test_what_a_scenario_expects_is_kept_where_all_looks_well(tmp_path: Path) -> None:
    """There is no cause to keep, so what it says of itself is what it shows."""
    expect = "expect:\n  attempts.by_outcome.ok: { min: 1 }\n  attempts.ok_share: { max: 1 }\n"
    healthy = write_scenario(tmp_path, SCENARIO.partition("faults:")[0] + expect)
    code, stdout, stderr = run_here(
        "fleet_sim", "shrink", healthy, "--seed", "1", "--max-runs", "2"
    )
    assert code == 0, stderr
    assert "keeps attempts.by_outcome.ok\n" in stdout


def test_where_a_fault_shows_in_no_cause_what_needs_it_is_kept(tmp_path: Path) -> None:
    """Of a count one more than there would be without it, and nothing that would be so anyway."""
    expect = "expect:\n  injected.touched.ok: { min: 2 }\n  attempts.by_outcome.ok: { min: 1 }\n"
    plain, _, faults = SCENARIO.partition("expect:")[0].partition("faults:")
    faults = faults.replace("no_coverage_garage", "client_id_takeover")
    scenario = write_scenario(tmp_path, f"{plain}faults:{faults}{expect}")
    small = tmp_path / "small.yaml"
    code, stdout, stderr = run_here(
        "fleet_sim", "shrink", scenario, "--seed", "1", "--max-runs", "6", "--out", small
    )
    assert code == 0, stderr
    assert "keeps injected.touched.ok\n" in stdout
    found = load_scenario(small)
    assert [fault.name for fault in found.faults] == ["client_id_takeover"]
    assert found.expect["injected.touched.ok"].min == 1


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """A cause that is not there, and a fleet where all went well."""
    (tmp_path / "healthy").mkdir()
    healthy = write_scenario(tmp_path / "healthy", SCENARIO.partition("faults:")[0])
    scenario = write_scenario(tmp_path)
    for words, said in (
        (
            (scenario, "--seed", "1", "--keep", "attempts.by_cause.box_busy"),
            "--keep attempts.by_cause.box_busy: is 0 in the whole scenario",
        ),
        ((healthy, "--seed", "1"), "name what is to be kept with --keep KEY"),
    ):
        code, _, stderr = run_here("fleet_sim", "shrink", *words)
        assert code == 2
        assert said in stderr
