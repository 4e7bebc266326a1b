"""A platform's log that goes on and on: what a monitor keeps of it, beside the unlocks it times."""

from __future__ import annotations

import asyncio
import tempfile
import time
from functools import reduce
from io import FileIO
from pathlib import Path
from typing import Any, Final

from bench.child_fleet import cpu_s, running_fleet
from bench.measure import quantile
from bench.probe_process import settings_with_load, start_probe
from bench.results import aligned
from fleet_sim.broker.process import start_broker
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_event
from platform_probe.store.layout import all_segments
from platform_probe.store.reading import Source

BOXES: Final = 200
RATE_PER_S: Final = 20.0
CARS: Final = 10_000
BLOCK: Final = 2_000
LOOKS: Final = 4
_STARTED_S: Final = 6.0
_CAUGHT_UP_WITHIN_S: Final = 120.0
MB: Final = 1e6


def sustain(mb_per_s: float, minutes: float) -> str:
    """Write such a log for so long while a monitor follows it, and return what came of it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-store-") as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        return asyncio.run(_measured(Path(name), broker, mb_per_s, 60 * minutes))


async def _measured(directory: Path, broker: Any, mb_per_s: float, duration_s: float) -> str:
    log = directory / "platform.jsonl"
    log.touch()
    store = directory / "store"
    rows = [["after s", "written MB", "store MB", "lines unpacked, MB", "a car's lines, ms"]]
    async with running_fleet("full", host=broker.address.host, port=broker.port, count=BOXES):
        settings = _settings(directory, str(broker.address), log, duration_s)
        process = await start_probe(directory, settings)
        try:
            await asyncio.sleep(_STARTED_S)
            before_s, began_s, lines = cpu_s(process.pid), time.monotonic(), 0
            with log.open("ab", buffering=0) as file:
                for look in range(1, LOOKS + 1):
                    until_s = began_s + duration_s * look / LOOKS
                    lines = await _written(file, mb_per_s, began_s, until_s, lines)
                    rows.append(await asyncio.to_thread(_looked, store, log, look, duration_s))
            took_s = cpu_s(process.pid) - before_s
            kept, behind_s = await asyncio.to_thread(_kept, store, lines)
        finally:
            process.terminate()
            await process.communicate()
    times_s = _times_s(store)
    rate = log.stat().st_size / MB / duration_s
    p50_ms, p99_ms = (quantile(times_s, share) * 1e3 for share in (0.5, 0.99))
    told = (
        f"{lines:,} lines at {rate:.1f} MB/s, {lines - kept:,} lost (goal: 0); the last was kept"
        f" {behind_s:.0f} s after the end; the monitor took {100 * took_s / duration_s:.0f} % of a"
        f" core; unlocks took {p50_ms:.1f} ms in the median, {p99_ms:.1f} at the 99th percentile"
    )
    return "\n".join([aligned(rows), told])


async def _written(
    file: FileIO, mb_per_s: float, began_s: float, until_s: float, lines: int
) -> int:
    """Append lines at that rate; return how many there are by then."""
    while (now_s := time.monotonic()) < until_s:
        if file.tell() < mb_per_s * MB * (now_s - began_s):
            file.write(_block(lines))
            lines += BLOCK
        else:
            await asyncio.sleep(0.005)
    return lines


_LINE: Final = (
    encode_event(
        PlatformEvent(
            PlatformStep.ANSWERED,
            1.5,
            "REQUEST",
            "list_cars",
            vehicle_id="CAR",
            account_id="CUSTOMER",
            trace_id="TRACE",
            endpoint="/vehicles/{vehicle_id}",
            method="GET",
            status=200,
            app_version="7.3.0",
            api_release="1.0.0",
        )
    ).rstrip(b"\n")
    + b"\n"
)
_PLACES: Final = (
    (b"1.5", b"%(at).6f"),
    (b"REQUEST", b"%(number)032x"),
    (b"CAR", b"car-%(car)05d"),
    (b"CUSTOMER", b"customer-%(customer)d"),
    (b"TRACE", b"%(trace)032x"),
)
_TEMPLATE: Final = reduce(lambda line, place: line.replace(*place), _PLACES, _LINE)
"""To encode each line anew would take a core of the two that the monitor and its keeper need."""


def _block(first: int) -> bytes:
    at = time.time()
    return b"".join(
        _TEMPLATE
        % {
            b"at": at,
            b"number": number,
            b"car": number % CARS,
            b"customer": number % 50_000,
            b"trace": number * 7_919,
        }
        for number in range(first, first + BLOCK)
    )


def _looked(store: Path, log: Path, look: int, duration_s: float) -> list[str]:
    """Return the sizes by now, and how long the lines of a car take to be found."""
    began_s = time.monotonic()
    question = "SELECT * FROM platform_events WHERE vehicle_id = 'car-00042'"
    Source(store).read(lambda duck: duck.run(question))
    took_s = time.monotonic() - began_s
    packed = sum(path.stat().st_size for path in store.rglob("*.parquet"))
    segments = all_segments(store, "platform_events")
    unpacked = sum(_size(segment.path) for segment in segments)
    return [
        f"{duration_s * look / LOOKS:.0f}", f"{log.stat().st_size / MB:.0f}",
        f"{packed / MB:.0f}", f"{unpacked / MB:.0f}", f"{took_s * 1e3:.0f}",
    ]  # fmt: skip


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _kept(store: Path, lines: int) -> tuple[int, float]:
    """Return how many lines are kept, and how long that took from now on."""
    began_s = time.monotonic()
    while True:
        ((kept,),) = Source(store).read(
            lambda duck: duck.run("SELECT count(*) FROM platform_events")
        )
        waited_s = time.monotonic() - began_s
        if kept >= lines or waited_s > _CAUGHT_UP_WITHIN_S:
            return int(kept), waited_s
        time.sleep(0.5)


def _times_s(store: Path) -> list[float]:
    question = "SELECT total_s FROM attempts WHERE cause IS NULL ORDER BY total_s"
    return [row[0] for row in Source(store).read(lambda duck: duck.run(question))]


def _settings(directory: Path, broker: str, log: Path, duration_s: float) -> dict[str, Any]:
    longest_s = duration_s + _STARTED_S + _CAUGHT_UP_WITHIN_S
    load = settings_with_load(
        directory, broker, boxes=BOXES, rate_per_s=RATE_PER_S, duration_s=longest_s
    )
    return {
        **load,
        "platform": {"log_file": str(log)},
        "store": {"directory": str(directory / "store")},
    }
