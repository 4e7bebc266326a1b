"""Tests of the files that ship: found by name from any directory, listed, and copied as a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario import shipped
from fleet_sim.scenario.shipped import described_scenarios, scenario_names, shipped_place
from tests.helpers.own_commands import run_here
from tests.helpers.places import ROOT

SCENARIOS = ROOT / "scenarios"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand where no scenario is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("first_rentals", "first_rentals.yaml"),
        ("first_rentals.yaml", "first_rentals.yaml"),
        ("scenarios/first_rentals.yaml", "first_rentals.yaml"),
        ("long/many_cars", "long/many_cars.yaml"),
        ("scenarios/", ""),
        ("scenarios/virtual", "virtual"),
    ],
)
def test_a_name_is_a_shipped_file_or_folder(text: str, place: str) -> None:
    """As README, help and the scenarios themselves write it."""
    assert shipped_place(text) == SCENARIOS / place


@pytest.mark.parametrize("text", ["nothing", "../README", "scenarios/../pyproject", "/etc/passwd"])
def test_what_does_not_ship_is_none(text: str) -> None:
    """Nor does a name lead out of the folder."""
    assert shipped_place(text) is None


def test_an_installed_package_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie within the package there; what lies beside it belongs to others."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "fleet_sim" / "shipped" / "scenarios").mkdir(parents=True)
    monkeypatch.setattr(shipped, "files", lambda name: tmp_path / name)
    assert shipped.shipped("scenarios") == tmp_path / "fleet_sim" / "shipped" / "scenarios"


def test_a_file_here_comes_first(empty_directory: Path) -> None:
    """Somebody's own scenario is not exchanged for ours of the same name."""
    own = empty_directory / "first_rentals"
    own.write_text("fleet: 1")
    code, _, stderr = run_here("fleet_sim", "check", "first_rentals")
    assert code == 2
    assert "first_rentals" in stderr
    assert "scenarios" not in stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("frist_rentals", "did you mean 'first_rentals'?"),
        ("nothing.yaml", "nothing.yaml: cannot be read"),
    ],
)
def test_a_mistyped_name_gets_the_right_one(text: str, problem: str) -> None:
    """Instead of "no such file", which is for what looks like a path."""
    code, _, stderr = run_here("fleet_sim", "check", text)
    assert code == 2
    assert problem in stderr


def test_each_scenario_is_listed_with_its_description() -> None:
    """In one line each; whatever is listed can be run."""
    code, stdout, _ = run_here("fleet_sim", "scenarios")
    assert code == 0
    lines = stdout.splitlines()
    assert [line.split()[0] for line in lines] == scenario_names()
    assert len(lines) == len([*SCENARIOS.rglob("*.yaml")])
    assert [name for name, text in described_scenarios() if not text] == []


def test_init_copies_a_start(empty_directory: Path) -> None:
    """The scenario is fine as it is, and what deploys a monitor is there, without its tests."""
    code, stdout, _ = run_here("fleet_sim", "init", "mine", "--scenario", "quiet_city")
    assert code == 0
    assert f"fleet-sim run {Path('mine') / 'quiet_city.yaml'}" in stdout
    mine = empty_directory / "mine"
    assert run_here("fleet_sim", "check", mine / "quiet_city.yaml")[0] == 0
    for name in (
        "systemd/platform-probe.yaml",
        "prometheus/rules/alerts.yml",
        "grafana/dashboards/oncall.json",
        "systemd/platform-probe.service",
    ):
        assert (mine / "deploy" / name).read_bytes() == (ROOT / "deploy" / name).read_bytes()
    assert not (mine / "deploy" / "prometheus" / "rules" / "tests").exists()


def test_init_overwrites_nothing(empty_directory: Path) -> None:
    """A directory with something in it is refused, and left as it was."""
    note = empty_directory / "mine" / "note"
    note.parent.mkdir()
    note.write_text("keep")
    code, _, stderr = run_here("fleet_sim", "init", "mine")
    assert code == 2
    assert "mine: is there already" in stderr
    assert [*note.parent.iterdir()] == [note]
