"""Boxes and the emulated platform of a scenario on a real broker, each in a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.broker.process import BrokerProcess
from fleet_sim.platform.tokens import token_of
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.web.client import HttpClient
from tests.helpers.commands import SCENARIO, write_scenario
from tests.helpers.forked import forked
from tests.helpers.waiting import PATIENCE_S

SERVING = re.compile(rb"serving (http://127\.0\.0\.1:\d+);")
TOKEN = token_of(DEMO_SECRET, "anna")


class RunningPlatform:
    """The platform in a process of its own, and customer anna."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Send a request as anna; return status and body of the answer."""
        client = HttpClient(self.url)
        headers["Authorization"] = f"Bearer {TOKEN}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await client.request(method, path, timeout_s=60, headers=headers, body=content)
        finally:
            await client.close()
        return answer.status, msgspec.json.decode(answer.body)

    async def book(self, vehicle_id: str) -> str:
        """Book a car for an hour; return the booking's id."""
        wanted = {"vehicle_id": vehicle_id, "ends_at": time.time() + 3_600}
        status, booking = await self.send("POST", "/bookings", wanted)
        assert status == 201
        return str(booking["booking_id"])


@asynccontextmanager
async def running_platform(
    directory: Path, broker: BrokerProcess
) -> AsyncIterator[RunningPlatform]:
    """Run the platform of a scenario until the block ends; its log lies in the directory."""
    words = (
        *("platform", str(write_scenario(directory)), "--broker", str(broker.address)),
        *("--listen", "127.0.0.1:0", "--log-file", str(directory / "platform.jsonl")),
    )
    with forked("fleet_sim", *words, stderr=directory / "platform.stderr") as process:
        url = None
        while url is None and (line := await asyncio.to_thread(process.stdout.readline)):
            url = SERVING.match(line)
        assert url is not None
        yield RunningPlatform(url[1].decode())


@asynccontextmanager
async def running_boxes(
    directory: Path, broker: BrokerProcess, *arguments: str, scenario: str = SCENARIO
) -> AsyncIterator[None]:
    """Run the boxes of the same scenario until the block ends."""
    words = ("boxes", str(write_scenario(directory, scenario)), "--broker", str(broker.address))
    with forked("fleet_sim", *words, *arguments, stderr=directory / "boxes.stderr") as process:
        while line := await asyncio.to_thread(process.stdout.readline):
            if line.startswith(b"serving"):
                break
        yield
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.stdout.read)
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
