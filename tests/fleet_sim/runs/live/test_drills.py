"""Drills on running boxes: begun at once, checked as a scenario's faults are, and written down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.world import World
from fleet_sim.runs.injection import Injector
from fleet_sim.runs.live.boxes import LACKS
from fleet_sim.runs.live.drills import NOT_YET, DrillReply, DrillRequest, Drills
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.fake_link import FakeLink

SCENARIO = """\
description: two streets
fleet:
  groups:
    - {name: north, count: 4, region: north, id: "north-{}"}
    - {name: south, count: 4, region: south, id: "south-{}"}
load:
  stages: [{kind: constant, rate_per_s: 1, duration_s: 60}]
faults:
  - name: deep_sleep_modem_off
    target: {region: south}
    window: {start_s: 0, end_s: 60}
expect:
  attempts.ok_share: {min: 0.5}
"""


class Staging:
    """Boxes without a broker; the shard has every second car."""

    def __init__(self, directory: Path) -> None:
        path = directory / "scenario.yaml"
        path.write_text(SCENARIO)
        scenario = load_scenario(path)
        self.driver = LiveDriver(asyncio.get_running_loop())
        self.truth: list[Any] = []
        self.said: list[str] = []

        specs = scenario.cars()
        world = World(self.driver, 1, "s", 0.0, FakeLink)
        self.fleet = Fleet(world, specs[::2], sms_centre="sms")
        with self.driver.present():
            self.fleet.start()
            injector = Injector(
                specs,
                self.fleet,
                load_starts_s=self.driver.now,
                record=self.truth.append,
                say=self.said.append,
            ).inject_all(scenario)
        self.drills = Drills(scenario, self.driver, lacks=LACKS, boxes=4)
        self.drills.injector = injector

    def inject(self, fault: str, *target: str, for_s: float = 60.0, **more: Any) -> DrillReply:
        """Ask for a drill, and let it begin."""
        request = DrillRequest(fault=fault, for_s=for_s, target=target, **more)
        reply = self.drills.answer(request)
        self.driver.advance_to(self.driver.now_s())
        return reply

    def without_coverage(self) -> set[str]:
        """Return the cars that have none."""
        boxes = self.fleet.boxes.items()
        return {vehicle_id for vehicle_id, box in boxes if not box.modem.connection.has_coverage}


@pytest.fixture
async def staging(tmp_path: Path) -> Staging:
    """Return boxes that run."""
    return Staging(tmp_path)


async def test_a_drill_begins_at_once_and_ends_by_itself(staging: Staging) -> None:
    """On the cars of this process that fit; it is said, and written down as any fault is."""
    injector, staging.drills.injector = staging.drills.injector, None
    assert staging.inject("no_coverage_garage") == NOT_YET, "while boxes connect there is none"
    staging.drills.injector = injector
    reply = staging.inject("no_coverage_garage", "region=north", for_s=60)
    assert reply == DrillReply(injection=1, struck=2, boxes=4)
    line = staging.truth[1]
    assert (line["type"], line["injection"]) == ("injection", 1)
    assert line["vehicles"] == ["north-0", "north-2"]
    assert line["end_s"] - line["start_s"] == pytest.approx(60)
    assert line["start_s"] >= 0
    assert staging.without_coverage() == {"north-0", "north-2"}
    assert staging.said[-1] == "fault no_coverage_garage begins: 2 cars, 60 s (injection 1)"
    staging.driver.advance_to(staging.driver.now_s() + 61)
    assert staging.without_coverage() == set()
    assert "fault no_coverage_garage ends (injection 1)" in staging.said
    staging.driver.stop()


@pytest.mark.parametrize(
    ("drill", "problem"),
    {
        "no_coverage_garag": "unknown fault 'no_coverage_garag'; did you mean 'no_cov",
        "no_coverage_garage --target region=nort": (
            "--target region=nort: target.region: no cars with region 'nort'; did you mean 'north'"
        ),
        "no_coverage_garage --target regoin=north": (
            "--target regoin=north: target.regoin: unknown key; did you mean 'region'?"
        ),
        "no_coverage_garage --target north": "--target north: expected KEY=VALUE",
        "ack_lost_executed --set loss=2": (
            "--set loss=2: parameters.loss: should be less than or equal to 1, not 2"
        ),
        "ack_lost_executed --set los=1": "--set los=1: parameters.los: unknown key; did you",
        "ack_lost_executed --set loss=[": "--set loss=[: not valid YAML",
        "queue_full_drop": (
            "'queue_full_drop' needs a broker whose settings we choose: the broker of these boxes"
        ),
        "deep_sleep_modem_off --target ids=[south-0]": (
            "overlaps injection 0, deep_sleep_modem_off, on the same cars: a box"
        ),
    }.items(),
)
async def test_what_a_scenario_may_not_say_a_drill_may_not(
    staging: Staging, drill: str, problem: str
) -> None:
    """By the same code, in the words of the command line; and nothing has begun."""
    fault, *options = drill.split(" --")
    targets = [each[7:] for each in options if each.startswith("target ")]
    changes = tuple(each[4:] for each in options if each.startswith("set "))
    reply = staging.inject(fault, *targets, parameters=changes)
    assert problem in reply.problems[0]
    assert reply.injection is None
    assert len(staging.truth) == 1
    assert not staging.driver.defects.count
    staging.driver.stop()


@pytest.mark.parametrize("for_s", [0.0, -1.0, 1e9, float("nan"), float("inf")])
async def test_a_drill_has_an_end(staging: Staging, for_s: float) -> None:
    """Of at most a week."""
    reply = staging.inject("no_coverage_garage", for_s=for_s)
    assert reply.problems == ("--for: expected more than 0 s and at most 604800 s",)
    staging.driver.stop()
