"""Tests of `fleet_sim.scenario.times_file`, through the scenario that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from fleet_wire.randomness import RandomStream

SCENARIO = """\
description: customers of a file
fleet:
  groups: [{name: city, count: 10}]
customers:
  stages:
    - {kind: file, path: times.csv}
"""


def load(directory: Path, csv: str | bytes | None, scenario: str = SCENARIO) -> Scenario:
    """Return the scenario with that file beside it."""
    path = directory / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    if csv is not None:
        data = csv if isinstance(csv, bytes) else csv.encode()
        (directory / "times.csv").write_bytes(data)
    return load_scenario(path)


def times(scenario: Scenario) -> list[float]:
    """Return when customers come."""
    assert scenario.customers is not None
    return scenario.customers.times_s(RandomStream.named(1, "arrivals"))


@pytest.mark.parametrize(
    "csv",
    [
        "0\n2.5\n10\n",
        "start_s,car\n10,a\n\n0,b\n2.5,c\n",
        "\ufeffwhen\r\n2026-03-02T07:00:10\r\n2026-03-02T07:00:00\r\n2026-03-02 07:00:02.5\r\n",
        "2026-03-02T07:00:00+01:00\n2026-03-02T06:00:02.5Z\n2026-03-02T06:00:10Z\n",
    ],
)
def test_times_from_the_first_column(tmp_path: Path, csv: str) -> None:
    """Seconds, or dates that count from the first; in any order, with or without a heading."""
    scenario = load(tmp_path, csv)
    assert times(scenario) == [0, 2.5, 10]
    assert scenario.load_duration_s == 11


def test_the_stage_may_be_shorter(tmp_path: Path) -> None:
    """What comes later is left out."""
    text = SCENARIO.replace("times.csv}", "times.csv, duration_s: 5}")
    assert times(load(tmp_path, "0\n4\n6\n", text)) == [0, 4]


def test_the_resolved_scenario_holds_the_times_themselves(tmp_path: Path) -> None:
    """So a run can be done again without the file."""
    (stage,) = load(tmp_path, "0\n4\n").resolved()["customers"]["stages"]
    assert stage == {"kind": "times", "at_s": [0.0, 4.0], "duration_s": 5.0}


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        (None, "times.csv: No such file"),
        ("", "no times"),
        ("start\n", "no times"),
        ("1\nsoon\n", "times.csv:2: 'soon': expected seconds, or a date"),
        ("1\n2026-03-02\n", "some are seconds and some are dates"),
        ("-1\n2\n", "expected 0 or more"),
        ("0\n1e300\n", "expected 0 or more"),
        ("0\nnan\n", "'nan': expected seconds"),
        (b"\xff\xfe\x00", "no CSV file"),
    ],
)
def test_a_file_of_something_else(tmp_path: Path, csv: str | bytes | None, expected: str) -> None:
    """File, line and what was expected, below the line of the scenario that names it."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, csv)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path}/scenario.yaml:6: customers.stages.0.path: ")
    assert expected in problem
