"""Scenarios: the form, its errors, and the cars that come of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.faults import FAULTS
from fleet_sim.scenario.form import Group, Scenario, Selector, select
from fleet_sim.scenario.loading import load_scenario, scenario_schema
from fleet_wire.config.file import load_document
from fleet_wire.contract.topics import VEHICLE_ID
from fleet_wire.errors import ConfigError
from fleet_wire.quantities import LONGEST_S
from tests.helpers.places import ROOT
from tests.helpers.two_groups import TWO_GROUPS, write_two_groups

SHIPPED = sorted((ROOT / "scenarios").rglob("*.yaml"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the file of a scenario."""
    return write_two_groups(tmp_path)


def scenario_of(path: Path, *overrides: str) -> Scenario:
    """Load a scenario with overrides."""
    return load_scenario(path, overrides)


def problems_of(path: Path, *overrides: str) -> str:
    """Return what loading complains about."""
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, overrides)
    return str(caught.value)


def group(**changes: Any) -> Group:
    """Return a group with changes."""
    return Group.model_validate({"name": "g", "count": 10, **changes})


def test_box_overrides_keep_the_other_defaults(path: Path) -> None:
    """What a group does not say about its boxes is as in `parameters.py`, at any depth."""
    scenario = scenario_of(path, "fleet.groups.city.box={radio: {idle_rtt: 3}, keepalive_s: 30}")
    box, default = scenario.fleet.groups[0].box, BoxParameters()
    assert box.keepalive_s == 30
    assert box.radio.idle_rtt.model_dump() == {"base_s": 3.0, "spread_s": 0.0}
    assert box.radio.connected_rtt == default.radio.connected_rtt
    assert box.reconnect == default.reconnect
    assert scenario.fleet.groups[1].box == default


def test_resolved_is_complete_json_and_loads_again(path: Path, tmp_path: Path) -> None:
    """The manifest's scenario has every default, and is itself a scenario."""
    resolved = scenario_of(path).resolved()
    again = tmp_path / "again.json"
    again.write_bytes(msgspec.json.encode(resolved))
    assert load_scenario(again).resolved() == resolved
    assert resolved["fleet"]["groups"][0]["box"]["radio"]["idle_after_s"] == 10.5
    assert set(resolved["faults"][0]["parameters"]) == set(
        FAULTS["no_coverage_garage"].model_fields
    )
    assert resolved["expect"] == {"attempts.ok_share": {"min": 0.9}}


HINT = "; did you mean 'attempts.ok_share'?"


def test_problems_name_file_and_line(path: Path) -> None:
    """What the file itself says is named by its line."""
    path.write_text(
        TWO_GROUPS.replace("site: garage, share", "site: garag, share")
        .replace("end_s: 40", "end_s: 400")
        .replace("probability: 0.5", "probability: 5")
        .replace("attempts.ok_share", "attempts.okshare")
    )
    assert problems_of(path).splitlines() == [
        f"{path}:21: faults.0.target.site: no cars with site 'garag'; did you mean 'garage'?",
        f"{path}:22: faults.0.window.end_s: 400 s is after the run's end at 80 s (load + deadline)",
        f"{path}:25: expect.attempts.okshare: no such key in summary.json{HINT}",
        f"{path}:23: faults.0.parameters.probability: should be less than or equal to 1, not 5",
    ]


def test_fleet_count_sets_every_group(path: Path) -> None:
    """`--set fleet.count` is short for the count of each group."""
    scenario = scenario_of(path, "fleet.count=3", "fleet.groups.1.count=4")
    assert [it.count for it in scenario.fleet.groups] == [3, 4]
    assert "--set fleet.count=0: fleet.groups.1.count" in problems_of(path, "fleet.count=0")


def test_groups_that_share_an_id_share_its_numbers(path: Path) -> None:
    """Whatever their counts; a number that is given is taken, and the next group goes on there."""
    groups = "[{name: a, count: 1}, {name: b, count: 1}, {name: c, count: 1}, {name: d, count: 1}]"
    of_one_id = [
        f"fleet.groups={groups}", "fleet.groups.*.id=car-{}", "fleet.groups.c.id=bus-{}",
        "fleet.count=2", "fleet.groups.b.count=3", "faults=[]",
    ]  # fmt: skip
    first = [group.first_index for group in scenario_of(path, *of_one_id).fleet.groups]
    assert first == [0, 2, 0, 5]
    scenario = scenario_of(path, *of_one_id, "fleet.groups.b.first_index=10")
    assert [group.first_index for group in scenario.fleet.groups] == [0, 10, 0, 13]
    assert len({car.vehicle_id for car in scenario.cars()}) == 9


def test_an_expectation_may_be_about_one_part_of_the_fleet(path: Path) -> None:
    """By its label, dots and all; a part that the fleet has not is a slip, and is named."""
    key = "expect.by.firmware.1.0.0.ok_share.min=0.9"
    scenario = scenario_of(path, key, "expect.by.group.outskirts.by_cause.box_silent.max=3")
    assert {"by.firmware.1.0.0.ok_share", "by.group.outskirts.by_cause.box_silent"} < set(
        scenario.expect
    )
    schema = scenario_schema()
    jsonschema.validate(msgspec.json.decode(msgspec.json.encode(scenario.resolved())), schema)
    message = problems_of(path, "expect.by.region.centr.ok_share.min=0.9")
    assert "did you mean 'by.region.centre.ok_share'?" in message


PATTERNS = st.builds(
    "{}{}{}".format,
    st.text("ab0-", max_size=3),
    st.sampled_from(["{}", "{:d}", "{:1}", "{:02d}", "{:03d}"]),
    st.text("ab0-", max_size=2),
)


@given(PATTERNS, st.integers(0, 120), st.integers(1, 30), st.text("ab0123-", max_size=8))
def test_a_group_knows_its_cars(pattern: str, first: int, count: int, other: str) -> None:
    """`has` agrees with the list of ids, and no two cars of a group have one id."""
    one = group(id=pattern, first_index=first, count=count)
    ids = list(one.vehicle_ids())
    assert len(set(ids)) == count
    assert all(one.has(vehicle_id) for vehicle_id in ids)
    assert one.has(other) == (other in ids)
    assert all(VEHICLE_ID.fullmatch(vehicle_id) for vehicle_id in ids)


@given(PATTERNS, PATTERNS, st.integers(0, 12), st.integers(1, 15))
def test_shared_ids_are_found(
    tmp_path_factory: pytest.TempPathFactory, one: str, other: str, first: int, count: int
) -> None:
    """Loading refuses two groups exactly when they make a common id."""
    groups = [
        group(name="a", id=one, count=12),
        group(name="b", id=other, first_index=first, count=count),
    ]
    shared = set(groups[0].vehicle_ids()) & set(groups[1].vehicle_ids())
    path = tmp_path_factory.getbasetemp() / "groups.json"
    values = {
        "description": "x",
        "fleet": {"groups": [it.model_dump(mode="json") for it in groups]},
        "load": {"stages": [{"kind": "burst", "count": 1, "duration_s": 1}]},
    }
    path.write_bytes(msgspec.json.encode(values))
    if shared:
        assert "is also in group 'a'" in problems_of(path)
    else:
        assert load_scenario(path).fleet.count == 12 + count


@given(st.integers(0, 2**63 - 1), st.floats(0.01, 0.99))
def test_adding_cars_changes_no_other_draw(seed: int, share: float) -> None:
    """The cars that were chosen before are chosen again when the fleet has grown."""
    values = {
        "description": "x",
        "fleet": {"groups": [{"name": "a", "count": 20}]},
        "load": {"stages": [{"kind": "burst", "count": 1, "duration_s": 1}]},
    }
    small = Scenario.model_validate(values)
    values["fleet"] = {"groups": [{"name": "b", "count": 3}, {"name": "a", "count": 25}]}
    large = Scenario.model_validate(values)
    selector = Selector(share=share)
    before = {it.vehicle_id for it in select(small.cars(), selector, seed, "f")}
    after = {it.vehicle_id for it in select(large.cars(), selector, seed, "f")}
    ids = {it.vehicle_id for it in small.cars()}
    assert before == after & ids


def test_shipped_scenarios() -> None:
    """Each loads, has a seed and expectations, ends within 80 s, and fits the schema.

    Those for virtual time alone may take hours, and the long ones minutes.
    """
    validator = jsonschema.Draft202012Validator(scenario_schema())
    for shipped in SHIPPED:
        scenario = load_scenario(shipped)
        assert scenario.seed is not None, shipped
        assert scenario.expect, shipped
        longest_s = {"virtual": math.inf, "long": 400}.get(shipped.parent.name, 80)
        assert scenario.run_duration_s <= longest_s, shipped
        validator.validate(load_document(shipped).values)
        validator.validate(scenario.resolved())


def test_every_key_of_the_schema_is_described() -> None:
    """An editor shows what a key means."""
    schema = scenario_schema()
    for name in ("Group", "Load", "Selector", "Window", "FaultEntry", "Condition"):
        for key, value in schema["$defs"][name]["properties"].items():
            assert value.get("description"), f"{name}.{key}"


@pytest.mark.parametrize("load", ["", "load: {deadline_s: 5}\n"])
def test_whoever_only_serves_needs_no_load(tmp_path: Path, load: str) -> None:
    """Its faults may begin whenever, and go on without end; a run still needs one."""
    path = tmp_path / "no_load.yaml"
    before, _, rest = TWO_GROUPS.partition("load:\n")
    faults = rest[rest.index("faults:") : rest.index("expect:")].replace(", end_s: 40", "")
    path.write_text(before + load + faults, encoding="utf-8")
    assert "load.stages: needed: when cars are unlocked" in problems_of(path)
    scenario = load_scenario(path, needs_load=False)
    (fault,) = scenario.faults
    assert scenario.end_s(fault.window) >= LONGEST_S
