"""A fleet on a real broker: who is missing is named."""

from __future__ import annotations

import asyncio
from io import StringIO
from pathlib import Path

import pytest

from fleet_sim.runs.live import fleet as live_fleet
from fleet_sim.runs.live import run_fleet
from fleet_sim.runs.live.credentials import BoxCredentials, CredentialOptions
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.run_fleet import RunFleet
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.progress import LineProgress
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.brokers import Brokers
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.commands import write_scenario
from tests.helpers.waiting import eventually


@pytest.mark.broker
@pytest.mark.parametrize(("says_goodbye", "left"), [(True, 0), (False, 3)])
async def test_boxes_take_leave_of_a_broker_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, says_goodbye: bool, left: int
) -> None:
    """A few at a time, and who watches sees how many; one that ends as well is not told."""
    monkeypatch.setattr(live_fleet, "GOODBYES_AT_ONCE", 2)
    monkeypatch.setattr(run_fleet, "SHOWN_AFTER_S", 0.0)
    cars = load_scenario(write_scenario(tmp_path), ["fleet.count=3"]).cars()
    said = StringIO()
    with running_mosquitto() as broker:
        brokers = Brokers.parse(str(broker.address))
        progress = LineProgress(said)
        options = FleetOptions(brokers=brokers, seed=1, says_goodbye=says_goodbye)
        fleet = RunFleet(cars, options, Workers(), progress)
        await fleet.connect(asyncio.Event())
        progress.phase("the end")
        await fleet.close()
    assert fleet.counts.reachable == left
    assert ("left 2 of 3 boxes" in said.getvalue()) is says_goodbye


@pytest.mark.broker
async def test_a_box_with_a_wrong_password_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the others go on without it, and for as long as it is away."""
    monkeypatch.setattr(run_fleet, "SETTLE_S", 0.5)
    monkeypatch.setattr(run_fleet, "SHOWN_AFTER_S", 0.0)
    cars = load_scenario(write_scenario(tmp_path), ["fleet.count=3"]).cars()
    passwords = {spec.vehicle_id: "right" for spec in cars}
    table = tmp_path / "boxes.csv"
    rows = [f"{one},{one},{'wrong' if one == 'car-00001' else 'right'}\n" for one in passwords]
    table.write_text("".join(rows))
    config = write_passwords(tmp_path / "passwords", {**passwords, "fleet": "right"})
    said = StringIO()
    with running_mosquitto(config) as broker:
        brokers = Brokers.parse(f"mqtt://fleet:right@127.0.0.1:{broker.port}")
        options = CredentialOptions(box_table=table)
        progress = LineProgress(said)
        fleet = RunFleet(
            cars,
            FleetOptions(
                brokers=brokers,
                seed=1,
                identity_of=BoxCredentials(options, [*passwords], ca_file=None).identity_of,
            ),
            Workers(),
            progress,
        )
        await fleet.connect(asyncio.Event())
        await eventually(lambda: fleet.counts.reachable == 2)
        away = fleet.away()
        progress.phase("the end")
        await fleet.close()
    assert "left 2 of 2 boxes" in said.getvalue(), "one that never came does not leave"
    refused = "last failure, of car-00001: refused (MQTT reason code 135)"
    assert f"going on without 1 box that is not there yet, car-00001; {refused}" in said.getvalue()
    assert away.startswith(f"1 away, car-00001; {refused}")
    assert "is not connected" not in said.getvalue()
