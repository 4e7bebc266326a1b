"""The plug-in form of faults, and what each fault does to a box."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.world import ModelEnvironment, World
from fleet_sim.faults import FAULTS, Fault
from fleet_sim.faults.registry import register
from fleet_sim.runs.injection import Injector
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.link import LinkHandler
from tests.helpers.fake_link import SECRET, FakeLink


def test_only_a_delay_is_no_failure_mode() -> None:
    """All other faults have a mode of their name, which says what everybody knows of them."""
    assert [name for name, fault in FAULTS.items() if fault.mode is None] == ["slow_database"]


def test_a_fault_without_a_mode_is_refused() -> None:
    """The error says what to declare."""

    class Unknown(Fault):
        name: ClassVar[str] = "not_declared"

    with pytest.raises(ValueError, match="'not_declared': declare one"):
        register(Unknown)


def test_a_name_is_given_once() -> None:
    """A second fault of the same name is a defect that shows at import."""

    class Twin(Fault):
        name: ClassVar[str] = "no_coverage_garage"
        summary: ClassVar[str] = "the same name again"

    with pytest.raises(ValueError, match="no_coverage_garage"):
        register(Twin)


SCENARIO = """\
description: two groups, one of them underground
fleet:
  groups:
    - {name: street, count: 10}
    - {name: garage, count: 10, site: garage}
load:
  stages: [{kind: constant, rate_per_s: 1, duration_s: 60}]
faults:
  - name: no_coverage_garage
    target: {site: garage, share: 0.5}
    window: {start_s: 10, end_s: 40}
"""


def test_a_scenarios_faults_reach_their_targets_in_their_window(tmp_path: Path) -> None:
    """Windows count from the start of the load; ground truth names exactly the cars touched."""
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    scenario = load_scenario(path, [])
    specs = scenario.cars()
    env = ModelEnvironment()
    links: list[FakeLink] = []

    def factory(handler: LinkHandler) -> FakeLink:
        links.append(FakeLink(handler))
        return links[-1]

    fleet = Fleet(World(env, 5, SECRET, 0.0, factory), specs, sms_centre="sms")
    fleet.start()
    truth: list[Any] = []
    Injector(specs, fleet, load_starts_s=100.0, record=truth.append).inject_all(scenario)
    env.run(until=109)
    assert all(box.modem.connection.has_coverage for box in fleet.boxes.values())
    env.run(until=111)
    dark = {
        vehicle_id
        for vehicle_id, box in fleet.boxes.items()
        if not box.modem.connection.has_coverage
    }
    assert dark == set(truth[0]["vehicles"])
    assert dark
    assert all(vehicle_id.startswith("garage") for vehicle_id in dark)
    env.run(until=141)
    assert all(box.modem.connection.has_coverage for box in fleet.boxes.values())
    assert (truth[0]["start_s"], truth[0]["end_s"]) == (10, 40)
