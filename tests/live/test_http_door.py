"""The monitor as a phone: through the emulated platform's API, over a real broker, to the cars."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.attempt import Attempt, Source, Stage
from fleet_wire.contract.causes import Cause, Outcome
from tests.helpers.places import ROOT
from tests.helpers.running_fleet import TOKEN, running_boxes, running_platform
from tests.helpers.running_probe import running_probe

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(
    "name", ["emulated-platform", pytest.param("polled-platform", marks=pytest.mark.long)]
)
async def test_a_phone_opens_cars(tmp_path: Path, mosquitto: BrokerProcess, name: str) -> None:
    """Both examples: one attempt for each press, from the request to the door, joined by trace."""
    log = tmp_path / "platform.jsonl"
    async with (
        running_boxes(tmp_path, mosquitto),
        running_platform(tmp_path, mosquitto) as platform,
    ):
        cars = [f"car-0000{number}" for number in (1, 2)]
        bookings = [f"{car} {await platform.book(car)}\n" for car in cars]
        door = tmp_path / "door.yaml"
        text = (ROOT / "deploy/doors" / f"{name}.yaml").read_text(encoding="utf-8")
        door.write_text(text.replace("http://127.0.0.1:8080", platform.url))
        (tmp_path / "token.txt").write_text(TOKEN)
        (tmp_path / "bookings.txt").write_text("".join(bookings))
        load = {
            "stages": [{"kind": "constant", "rate_per_s": 1, "duration_s": 3}],
            "vehicles": [*cars, "not-booked"],
            "door_file": str(door),
            "deadline_s": 10,
        }
        async with running_probe(
            tmp_path,
            mosquitto.address,
            load=load,
            platform={"log_file": str(log), "late_s": 1, "wait_s": 2},
            exit_when_done=True,
        ) as probe:
            assert await probe.exit_code() == 0, probe.stderr()
        check(probe.attempts(), cars)
        assert [line for line in probe.log() if line["event"] == "not_locked_again"] == []


def check(attempts: list[Attempt], cars: list[str]) -> None:
    """Check that each press has one record, whole."""
    assert len(attempts) == 3
    for attempt in attempts:
        assert attempt.source is Source.PROBE
        assert attempt.sources_missing == ()
        assert attempt.platform
        if attempt.vehicle_id in cars:
            assert attempt.outcome is Outcome.OK, attempt
            assert {Stage.API_ANSWERED, Stage.PUBLISHED, Stage.STATE_CHANGED} <= {
                Stage(stage) for stage in attempt.stages
            }
        else:
            assert attempt.cause is Cause.API_REFUSED, attempt
