"""Faults that make no sense are refused when the scenario is loaded: file, line, key, reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.faults import FAULTS, Claim
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError

HEAD = """\
description: two groups
platform: {shared_group: members}
customers: {stages: [{kind: constant, rate_per_s: 1, duration_s: 60}]}
fleet:
  groups:
    - {name: street, count: 10}
    - {name: garage, count: 10, site: garage}
load: {stages: [{kind: constant, rate_per_s: 1, duration_s: 60}],
  deadline_s: 20}
faults:
"""


def load_with(tmp_path: Path, *entries: str) -> list[str]:
    """Return what is wrong with a scenario that has these faults, each on a line."""
    path = tmp_path / "scenario.yaml"
    path.write_text(HEAD + "".join(f"  - {{{entry}}}\n" for entry in entries), encoding="utf-8")
    try:
        load_scenario(path)
    except ConfigError as error:
        return [problem.replace(str(path), "scenario.yaml") for problem in error.problems]
    return []


def fault(name: str, start_s: int, end_s: int, target: str = "") -> str:
    """Return an entry of `faults`."""
    return f"name: {name}, target: {{{target}}}, window: {{start_s: {start_s}, end_s: {end_s}}}"


def test_an_overlap_that_makes_no_sense(tmp_path: Path) -> None:
    """The second entry is named, with the first and the reason; most faults may overlap."""
    line = "scenario.yaml:12: faults.1.window: overlaps faults.0, on the same cars: "
    claiming = {name: kind.claims for name, kind in FAULTS.items() if kind.claims}
    assert {claim for claims in claiming.values() for claim in claims} == set(Claim)
    for name, claims in claiming.items():
        problems = load_with(tmp_path, fault(name, 0, 20), fault(name, 19, 30))
        assert problems == [line + claim.value for claim in claims]
        assert not load_with(tmp_path, fault(name, 20, 30), fault(name, 0, 20))
    others = [name for name in FAULTS if name not in claiming]
    twice = [fault(name, start_s, start_s + 20) for name in others for start_s in (0, 19)]
    assert not load_with(tmp_path, *twice)


@pytest.mark.parametrize(
    ("one", "other", "is_refused"),
    [
        ("", "site: garage", True),
        ("site: street", "site: garage", False),
        ("group: garage", "site: garage", True),
        ("share: 0.1", "share: 0.1", True),
        ("ids: [street-00001]", "ids: [street-00002]", False),
        ("ids: [street-00001, street-00002]", "ids: [street-00002]", True),
        ("ids: [street-00001]", "", True),
        ("group: garage", "ids: [street-00001]", False),
        ("ids: [garage-00001]", "group: garage", True),
    ],
)
def test_only_the_same_cars_count(one: str, other: str, is_refused: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A share is drawn: two of them may meet."""
    name = "undervoltage_cutout"
    problems = load_with(tmp_path, fault(name, 0, 20, one), fault(name, 10, 30, other))
    assert bool(problems) is is_refused


def test_a_window_without_an_end_is_open_until_the_run_is_over(tmp_path: Path) -> None:
    """A network that is switched off stays so; two such windows overlap whenever they begin."""
    for_good = "name: deep_sleep_modem_off, window: {start_s: 10}"
    assert not load_with(tmp_path, for_good)
    scenario = load_scenario(tmp_path / "scenario.yaml")
    assert scenario.end_s(scenario.faults[0].window) == 80
    assert load_with(tmp_path, for_good, fault("deep_sleep_modem_off", 70, 75))
    assert not load_with(tmp_path, for_good, fault("deep_sleep_modem_off", 0, 10))
    assert load_with(tmp_path, "name: sms_wake_lost, window: {start_s: 80}") == [
        (
            "scenario.yaml:11: faults.0.window.start_s: 80 s is not before the run's end at 80 s"
            " (load + deadline)"
        )
    ]


def test_a_contact_that_is_neither_good_nor_bad_for_any_time(tmp_path: Path) -> None:
    """It would change again and again at one moment."""
    wiring = "name: loose_wiring, window: {start_s: 0, end_s: 9}, parameters: {good: 0, bad: %d}"
    (problem,) = load_with(tmp_path, wiring % 0)
    assert "good and bad are both 0 s" in problem
    assert not load_with(tmp_path, wiring % 1)
