"""The monitor as a phone: through the emulated platform's API, over a real broker, to the cars."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.attempt import Attempt, Source, Stage
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.web.client import HttpClient
from tests.helpers.commands import write_scenario
from tests.helpers.places import ROOT
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

COUNT = ("--seed", "1", "--set", "fleet.count=5")


@asynccontextmanager
async def command(*arguments: object) -> AsyncIterator[list[str]]:
    """Run a command of `fleet-sim` until the block ends, and give what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fleet_sim", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
    )
    said: list[str] = []

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            said.append(line.decode())  # noqa: PERF401 - each as it comes

    reading = asyncio.ensure_future(read())
    try:
        yield said
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


async def said_after(said: list[str], word: str) -> str:
    """Wait for a line with this word, and return the word behind it."""
    await eventually(lambda: any(word in line for line in said), message=f"{word}: {said}")
    line = next(line for line in said if word in line)
    return line.partition(word)[2].split()[0].rstrip(";")


async def book(url: str, token: str, vehicle_id: str) -> str:
    """Book a car, and return the booking's id."""
    client = HttpClient(url)
    answer = await client.request(
        "POST",
        "/bookings",
        timeout_s=10,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        body=msgspec.json.encode({"vehicle_id": vehicle_id, "ends_at": time.time() + 3600}),
    )
    await client.close()
    assert answer.status == 201, answer
    booking: dict[str, str] = msgspec.json.decode(answer.body)
    return booking["booking_id"]


@pytest.mark.parametrize(
    "name", ["emulated-platform", pytest.param("polled-platform", marks=pytest.mark.long)]
)
async def test_a_phone_opens_cars(tmp_path: Path, mosquitto: BrokerProcess, name: str) -> None:
    """Both examples: one attempt for each press, from the request to the door, joined by trace."""
    scenario = write_scenario(tmp_path)
    log = tmp_path / "platform.jsonl"
    broker = ("--broker", mosquitto.address)
    platform = ("platform", scenario, *broker, "--listen", "127.0.0.1:0", "--log-file", log)
    async with (
        command("boxes", scenario, *broker, *COUNT) as boxes,
        command(*platform, "--customer", "probe", *COUNT) as said,
    ):
        token = await said_after(said, "token probe ")
        url = await said_after(said, "serving ")
        await eventually(lambda: any("connected" in line for line in boxes))
        cars = [f"car-0000{number}" for number in (1, 2)]
        bookings = [f"{car} {await book(url, token, car)}\n" for car in cars]
        door = tmp_path / "door.yaml"
        text = (ROOT / "deploy/doors" / f"{name}.yaml").read_text(encoding="utf-8")
        door.write_text(text.replace("http://127.0.0.1:8080", url))
        (tmp_path / "token.txt").write_text(token)
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
