"""The API's unlocks with null boxes on a real broker, and the same requests to a bare handler."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from bench.child_fleet import cpu_s, running_fleet
from bench.fleets.common import FLEET_SECRET
from bench.measure import quantile
from bench.web.load import HttpLoad, HttpResult, post
from fleet_sim.broker.process import start_broker
from fleet_sim.platform.parameters import NULL_PLATFORM
from fleet_sim.platform.tokens import token_of
from fleet_wire.contract.platform_log import PlatformStep, decode_event
from fleet_wire.web.client import HttpClient

BOOKED_S = 86_400.0
_CUSTOMER = "bench"
_URL = re.compile(r"serving (http://127\.0\.0\.1:(\d+))")
_SETTLE_S = 1.0
"""For what is under way when the last answer has come: the boxes take no time."""


@dataclass(frozen=True, slots=True)
class WebPlan:
    """How much is measured."""

    boxes: int = 1_000
    rate_per_s: float = 2_000.0
    seconds: float = 5.0


QUICK_WEB = WebPlan(boxes=200, seconds=2.0)


class WebMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one round came to. CPU is that of the server's process per request answered."""

    rate_per_s: float
    api_cpu_us: float
    bare_cpu_us: float
    p99_ms: float
    """Of the API at that rate."""
    half_p50_ms: float
    half_p99_ms: float
    """Of the API at half that rate."""
    bare_half_p99_ms: float
    refused: int
    """Answers other than 202."""
    lost: int
    """Unlocks that were not executed, or not answered."""


async def measure_web(plan: WebPlan) -> WebMeasurement:
    """Measure the bare handler, then the API: the same requests to both."""
    async with _serving("-m", "bench.web.servers") as (pid, port):
        bookings = [f"{number:032x}" for number in range(plan.boxes)]
        bare = await _loads(plan, pid, port, _unlocks(bookings))
    with (
        tempfile.TemporaryDirectory(prefix="bench-web-") as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        address, log = broker.address, Path(name) / "platform.jsonl"
        async with (
            running_fleet("full", host=address.host, port=broker.port, count=plan.boxes),
            _serving(*_platform(Path(name), plan, str(address), log)) as (pid, port),
        ):
            bookings = await _book(port, plan.boxes)
            api = await _loads(plan, pid, port, _unlocks(bookings))
            await asyncio.sleep(_SETTLE_S)
        executed = _executed(log)
    return _measurement(plan, bare, api, executed)


@dataclass(frozen=True, slots=True)
class _Loaded:
    half: HttpResult
    full: HttpResult
    cpu_us: float
    """At the full rate."""


async def _loads(plan: WebPlan, pid: int, port: int, requests: Iterator[bytes]) -> _Loaded:
    load = HttpLoad(port)
    await load.connect()
    half_per_s = plan.rate_per_s / 2
    half = await load.open_loop(
        requests, rate_per_s=half_per_s, total=round(half_per_s * plan.seconds)
    )
    before_s = cpu_s(pid)
    full = await load.open_loop(
        requests, rate_per_s=plan.rate_per_s, total=round(plan.rate_per_s * plan.seconds)
    )
    cpu_us = (cpu_s(pid) - before_s) * 1e6 / max(full.answered, 1)
    load.close()
    return _Loaded(half, full, cpu_us)


def _measurement(plan: WebPlan, bare: _Loaded, api: _Loaded, executed: int) -> WebMeasurement:
    half, full = sorted(api.half.latencies_s), sorted(api.full.latencies_s)
    sent = api.half.sent + api.full.sent
    accepted = api.half.statuses.get("202", 0) + api.full.statuses.get("202", 0)
    return WebMeasurement(
        rate_per_s=plan.rate_per_s,
        api_cpu_us=api.cpu_us,
        bare_cpu_us=bare.cpu_us,
        p99_ms=quantile(full, 0.99) * 1e3,
        half_p50_ms=quantile(half, 0.5) * 1e3,
        half_p99_ms=quantile(half, 0.99) * 1e3,
        bare_half_p99_ms=quantile(sorted(bare.half.latencies_s), 0.99) * 1e3,
        refused=api.half.answered + api.full.answered - accepted,
        lost=sent - executed,
    )


def _platform(directory: Path, plan: WebPlan, broker: str, log: Path) -> tuple[str, ...]:
    """Return how Python runs the platform, with the cars of the fleet and no limits."""
    scenario = {
        "description": "The cars of the bench.",
        "seed": 1,
        "fleet": {"groups": [{"name": "bench", "count": plan.boxes, "id": "bench-{:05d}"}]},
        "load": {"stages": [{"kind": "constant", "rate_per_s": 1, "duration_s": 1}]},
        "platform": NULL_PLATFORM.model_dump(mode="json"),
    }
    file = directory / "bench.yaml"
    file.write_bytes(msgspec.json.encode(scenario))  # JSON is YAML
    options = ("--broker", broker, "--listen", "127.0.0.1:0", "--log-file", str(log))
    return ("-m", "fleet_sim", "platform", str(file), *options)


@asynccontextmanager
async def _serving(*arguments: str) -> AsyncIterator[tuple[int, int]]:
    """Run a server that says where it serves, and give its process id and port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "FLEET_SIM_FLEET_SECRET": FLEET_SECRET},
    )
    assert process.stdout is not None  # noqa: S101 - we asked for a pipe
    try:
        async for line in process.stdout:
            if match := _URL.search(line.decode()):
                yield process.pid, int(match[2])
                process.send_signal(signal.SIGTERM)
                await process.communicate()
                return
        raise RuntimeError(f"{' '.join(arguments)} has ended before it served")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _book(port: int, boxes: int) -> list[str]:
    """Book every car for the customer of the bench; return the ids of the bookings."""
    client = HttpClient(f"http://127.0.0.1:{port}")
    headers = {
        "Authorization": f"Bearer {token_of(FLEET_SECRET, _CUSTOMER)}",
        "Content-Type": "application/json",
    }
    bookings = []
    for number in range(boxes):
        wanted = {"vehicle_id": f"bench-{number:05d}", "ends_at": time.time() + BOOKED_S}
        answer = await client.request(
            "POST", "/bookings", timeout_s=10, headers=headers, body=msgspec.json.encode(wanted)
        )
        bookings.append(msgspec.json.decode(answer.body)["booking_id"])
    await client.close()
    return bookings


def _unlocks(bookings: list[str]) -> Iterator[bytes]:
    """Yield unlocks of each car in turn, for ever."""
    for number in count():
        car = number % len(bookings)
        yield _unlock(f"bench-{car:05d}", bookings[car], str(number))


def _unlock(vehicle_id: str, booking_id: str, key: str) -> bytes:
    return post(
        f"/vehicles/{vehicle_id}/unlock",
        msgspec.json.encode({"booking_id": booking_id}),
        Authorization=f"Bearer {token_of(FLEET_SECRET, _CUSTOMER)}",
        Idempotency_Key=key,
        Traceparent=f"00-{int(key) + 1:032x}-b7ad6b7169203331-01",
        App_Version="5.12.0",
    )


def _executed(log: Path) -> int:
    """Return how many commands the platform knows to have been executed."""
    events = map(decode_event, log.read_bytes().splitlines())
    return sum(
        event.event is PlatformStep.ENDED and event.outcome == "executed" for event in events
    )
