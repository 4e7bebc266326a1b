"""What is still broken when a run is over, and the draws of each fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fleet_sim.faults import Hit
from fleet_sim.runs.injection import Injector, end_injections
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.faulty import SETTLED_S, Street

HEAD = """\
description: two cars
fleet:
  groups:
    - {name: car, count: 2, id: "car-{}"}
load:
  stages: [{kind: constant, rate_per_s: 1, duration_s: 60}]
  deadline_s: 20
faults:
"""
ONE_CAR = "target: {ids: [car-0]}"


def scenario_with(tmp_path: Path, *entries: str) -> Scenario:
    """Return a scenario of two cars with these faults, each on a line."""
    path = tmp_path / "scenario.yaml"
    path.write_text(HEAD + "".join(f"  - {{{entry}}}\n" for entry in entries), encoding="utf-8")
    return load_scenario(path)


def injected(scenario: Scenario, street: Street, *, load_starts_s: float) -> list[Any]:
    """Put a scenario's faults onto a street, and return the ground truth that will be written."""
    truth: list[Any] = []
    Injector(
        scenario.cars(), street.fleet, load_starts_s=load_starts_s, record=truth.append
    ).inject_all(scenario)
    return truth


def test_what_is_still_broken_at_the_end_lasts_until_then(tmp_path: Path) -> None:
    """Each connection that is not whole is told, once; of the others nothing is."""
    scenario = scenario_with(
        tmp_path, f"name: regional_carrier_outage, {ONE_CAR}, window: {{start_s: 10}}"
    )
    street = Street(count=2)
    truth = injected(scenario, street, load_starts_s=100.0)
    street.let_pass(150.0 - SETTLED_S)
    assert len(truth) == 1
    end_injections(street.fleet)
    street.let_pass(1.0)
    end_injections(street.fleet)
    assert truth[1:] == [
        Hit(
            injection=0,
            fault="regional_carrier_outage",
            vehicle_id="car-0",
            what="coverage",
            at_s=10.0,
            until_s=50.0,
        )
    ]


def lost_answers(tmp_path: Path, *entries: str) -> dict[int, set[str]]:
    """Return the commands whose answer is lost, by the number of the injection that lost it."""
    scenario = scenario_with(tmp_path, *entries)
    street = Street(count=2)
    truth = injected(scenario, street, load_starts_s=street.env.now)
    street.let_pass(1.0)
    for number in range(40):
        street.unlock(f"c{number}", car=number % 2)
        street.let_pass(0.5)
    lost: dict[int, set[str]] = {}
    for hit in truth[len(entries) :]:
        lost.setdefault(hit.injection, set()).add(hit.command_id)
    return lost


def test_each_injection_draws_for_itself_whatever_stands_beside_it(tmp_path: Path) -> None:
    """Two of one fault draw differently; one of another fault before them changes no draw."""
    loses = "name: ack_lost_executed, parameters: {loss: 0.3}, window: {start_s: 0, end_s: 60}"
    other = "name: sms_wake_lost, window: {start_s: 0, end_s: 60}"
    alone = lost_answers(tmp_path, loses)
    both = lost_answers(tmp_path, other, loses, loses)
    assert 3 < len(alone[0]) < 25
    assert both[1] == alone[0]
    assert both[2] - both[1]
