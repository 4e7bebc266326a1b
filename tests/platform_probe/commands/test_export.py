"""`platform-probe export`: an incident of a store as a scenario, which is then run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_sim.cars.spec import STREET
from fleet_sim.scenario.loading import Scenario, load_scenario
from fleet_wire.contract.attempt import Complaint
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from platform_probe.__main__ import main
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.incident_store import COMPLAINT, make_incident_store
from tests.helpers.stores import BEGIN_S, KeptStores, put_lines, put_unlocks, unlock
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


def test_what_ended_otherwise_is_named(tmp_path: Path) -> None:
    """One that needs more than another box is left to an export of its own."""
    ends = [Cause.BOX_SILENT, Cause.BOX_SILENT, Cause.EXECUTION_SILENT]
    unlocks = [unlock(number, cause=cause) for number, cause in enumerate(ends)]
    put_unlocks(tmp_path / "store", unlocks)
    put_lines(
        tmp_path / "store",
        "diagnoses",
        [
            msgspec.json.encode(
                diagnosis_of(RankedMode("no_coverage_garage", 0.9), attempt_id=one.attempt_id)
            )
            for one in unlocks
        ],
    )
    words = ("--attempt", "attempt-0", "--store", tmp_path / "store")
    result = exported(*words, "--out", tmp_path / "one.yaml")
    assert "no_coverage_garage, without what ended otherwise (execution_silent 1);" in result.stderr


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name an --attempt, a --cause or a --mode"),
        (("--attempt", "attempt-5", "--since", "1h"), "are for more than one --attempt"),
        (("--attempt", "atempt-55"), "No unlock 'atempt-55' is in this store. Nearest: attempt-5"),
        (("--attempt", "' OR 1=1"), "No unlock '' OR 1=1' is in this store"),
        (("--attempt", "attempt-1"), "attempt attempt-1 went well: there is nothing to reproduce"),
        (("--attempt", "attempt-10"), "attempt attempt-10 went well"),
        (("--attempt", "attempt-8"), "ended of vehicle_failed, has no diagnosis: name a mode with"),
        (
            ("--attempt", "attempt-9"),
            "is diagnosed as unknown: name a mode with --mode; behind it come half_open_tcp_nat",
        ),
        (("--cause", "vehicle_failed"), "none of these unlocks is diagnosed: name a mode"),
        (("--cause", "box_asleep"), "no unlock of cause box_asleep in that time; there are: box_"),
        (("--mode", "dns_failure"), "no unlock of mode dns_failure in that time; there are: no_co"),
        (("--cause", "box_of"), "--cause box_of: no such cause; did you mean 'box_offline'?"),
        (("--mode", "dns_failures"), "no such failure mode; did you mean 'dns_failure'?"),
    ],
)
def test_mistakes_are_named(store: Path, words: tuple[str, ...], message: str) -> None:
    """With what there is, and exit code 2."""
    result = exported(*words, "--store", store)
    assert result.exit_code == 2, result.output
    assert message in result.output


def test_place_that_cannot_be_written_is_named(store: Path, tmp_path: Path) -> None:
    """And no scenario is half there."""
    place = tmp_path / "missing" / "exported.yaml"
    result = exported("--attempt", "attempt-5", "--store", store, "--out", place)
    assert result.exit_code == 2
    assert f"--out {place}: cannot be written: No such file or directory" in result.output


@pytest.mark.parametrize("words", [("garage-5",), ("--attempt", COMPLAINT)])
def test_diagnose_says_how(store: Path, words: tuple[str, ...]) -> None:
    """The line that it prints can be typed."""
    told = CliRunner().invoke(main, ["diagnose", *words, "--store", str(store)])
    match = re.search("^reproduce: platform-probe (export .*)$", told.stdout, re.MULTILINE)
    assert match is not None, told.stdout
    assert CliRunner().invoke(main, shlex.split(match[1])).exit_code == 0


@pytest.mark.parametrize("car", ["undiagnosed", "riddle", "looked-odd"])
def test_diagnose_offers_nothing_without_a_mode(store: Path, car: str) -> None:
    """What is not understood, or went well, cannot be brought about."""
    told = CliRunner().invoke(main, ["diagnose", car, "--store", str(store)])
    assert told.exit_code == 0
    assert "reproduce:" not in told.stdout


def test_a_call_after_the_last_unlock_is_part_of_it(tmp_path: Path) -> None:
    """Without a time the records end with it."""
    put_unlocks(tmp_path, [unlock(0)])
    complaint = Complaint(complaint_id="c1", at=BEGIN_S + 90, scheduled_s=90, vehicle_id="car-1")
    put_lines(tmp_path, "complaints", [msgspec.json.encode(complaint)])
    called = diagnosis_of(RankedMode("phone_side", 0.9), attempt_id="c1", at=BEGIN_S + 112)
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(called)])
    result = exported("--mode", "phone_side", "--store", tmp_path)
    assert result.exit_code == 0, result.output
