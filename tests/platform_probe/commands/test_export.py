"""`platform-probe export`: an incident of a store as a scenario, which is then run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fleet_sim.cars.spec import STREET
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from platform_probe.__main__ import main
from tests.helpers.incident_store import COMPLAINT, make_incident_store
from tests.helpers.stores import KeptStores
from tests.helpers.virtual_runs import broken_expectations, run_virtually


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, kept_stores: KeptStores) -> Path:
    """Return a store with an incident in it."""
    return kept_stores.keep(make_incident_store(tmp_path_factory.mktemp("incident") / "store"))


def exported(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["export", *map(str, words)])


def scenario_from(tmp_path: Path, *words: str | Path) -> Scenario:
    """Return the scenario that the command writes, as the simulator reads it."""
    file = tmp_path / "exported.yaml"
    result = exported(*words, "--out", file)
    assert result.exit_code == 0, result.output
    return load_scenario(file)


def test_incident_is_a_slice_of_the_fleet(store: Path, tmp_path: Path) -> None:
    """Those diagnosed alike are struck, those that went well meanwhile stand beside them."""
    words = ("--attempt", "attempt-5", "--store", store, "--keep-names")
    scenario = scenario_from(tmp_path, *words)
    struck, silent, beside = scenario.fleet.groups
    assert (struck.region, struck.operator, struck.firmware) == ("harbour", "operator-a", "2.4.1")
    assert beside.region == "centre"
    # Nothing that a monitor hears says which of them the fault is for.
    assert {group.site for group in scenario.fleet.groups} == {STREET}
    assert (struck.count, silent.count) == (28, 14)
    (fault,) = scenario.faults
    assert (fault.name, fault.target.group) == ("no_coverage_garage", (struck.name, silent.name))
    assert [*scenario.expect] == [
        "injected.touched.by_cause.box_offline", "injected.touched.by_cause.box_silent"
    ]  # fmt: skip
    assert (struck.box.keepalive_s, silent.box.keepalive_s) == (6, 240)


def test_names_are_replaced(store: Path, tmp_path: Path) -> None:
    """What had one name has one, the commonest the first; apps too."""
    scenario = scenario_from(tmp_path, "--attempt", COMPLAINT, "--store", store)
    text = exported("--attempt", COMPLAINT, "--store", store).stdout
    for word in ("harbour", "centre", "operator-a", "2.4.1", "tcu-3", "7.2.0", "7.3.0"):
        assert word not in text, word
    assert {group.region for group in scenario.fleet.groups} == {"region-1"}
    assert scenario.customers is not None
    assert {app.version for app in scenario.customers.phone.app_versions} == {"app-1", "app-2"}


def test_times_are_those_of_the_incident(store: Path, tmp_path: Path) -> None:
    """From its first unlock on, so many times over as the cars."""
    times_s = scenario_from(tmp_path, "--attempt", "attempt-5", "--store", store).load.stages[0]
    at_s = times_s.model_dump()["at_s"]
    assert at_s[0] == 6.0
    assert {7.0, 8.0} <= {*at_s}
    assert len(at_s) == 14 * 8  # three that failed, and of ten that went well one in two
    assert at_s[-1] < 46.0


def test_nothing_personal_is_told(store: Path) -> None:
    """No id of a car, booking, account, trace or attempt, and no day."""
    text = exported("--attempt", "attempt-5", "--store", store).stdout
    for word in ("garage-5", "car-0", "booking", "customer", "attempt-", "2026", "17672"):
        assert word not in text, word
    assert exported("--attempt", "attempt-5", "--store", store).stdout == text


def test_incident_of_a_time(store: Path, tmp_path: Path) -> None:
    """All of one mode or cause, whoever had it; the commonest end is the one to be seen again."""
    words = ("--mode", "no_coverage_garage", "--since", "00:00:00", "--until", "00:00:19")
    by_mode = scenario_from(tmp_path, *words, "--store", store)
    assert [group.count for group in by_mode.fleet.groups[:2]] == [28, 14]
    assert next(iter(by_mode.expect)) == "injected.touched.by_cause.box_offline"
    by_cause = scenario_from(tmp_path, "--cause", "box_silent", "--store", store)
    assert by_cause.faults[0].name == "no_coverage_garage"
    assert [*by_cause.expect] == ["injected.touched.by_cause.box_silent"]
    assert {group.region for group in by_cause.fleet.groups[:2]} == {"region-1", "region-2"}


def test_complaint_brings_customers(store: Path, tmp_path: Path) -> None:
    """Nothing ever came of them: they are seen by their calls, and have the app that they had."""
    scenario = scenario_from(tmp_path, "--attempt", COMPLAINT, "--store", store, "--keep-names")
    assert scenario.customers is not None
    assert [*scenario.expect] == ["complaints.without_unlock"]
    assert "7.2.0" in {app.version for app in scenario.customers.phone.app_versions}


def test_chosen_mode_overrules_the_diagnosis(store: Path, tmp_path: Path) -> None:
    """Of an unlock that was not understood, or that seemed well, whoever knows better says so."""
    for attempt in ("attempt-8", "attempt-9", "attempt-10", "attempt-1"):
        words = ("--attempt", attempt, "--mode", "one_way_downlink", "--store", store)
        assert scenario_from(tmp_path, *words).faults[0].name == "one_way_downlink"


def test_it_is_seen_again(store: Path, tmp_path: Path) -> None:
    """The run of what was exported is the proof."""
    scenario = scenario_from(tmp_path, "--attempt", "attempt-5", "--store", store)
    assert scenario.seed is not None
    summary = run_virtually(scenario, tmp_path / "again", seed=scenario.seed)
    assert broken_expectations(summary) == []
    assert summary["injected"]["untouched"]["not_ok"] == 0


@pytest.mark.parametrize("words", [("garage-5",), ("--attempt", COMPLAINT)])
def test_diagnose_says_how(store: Path, words: tuple[str, ...]) -> None:
    """The line that it prints can be typed."""
    told = CliRunner().invoke(main, ["diagnose", *words, "--store", str(store)])
    match = re.search("^reproduce: platform-probe (export .*)$", told.stdout, re.MULTILINE)
    assert match is not None, told.stdout
    assert CliRunner().invoke(main, shlex.split(match[1])).exit_code == 0
