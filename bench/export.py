"""What the export over OTLP costs: `python -m bench.export [--rate N] [--seconds N] [--rounds N]`.

The same load on the real probe three times in each round: without export, with a backend that takes
everything, and with one that never answers. CPU is measured while the load runs: of the monitor's
own process, and of the exporter beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from bench.child_fleet import cpu_s, running_fleet
from bench.machine import machine_facts
from bench.measure import quantile
from bench.probe_process import child_of, settings_in, start_probe, vehicles_file_in
from bench.results import aligned
from fleet_sim.broker.process import start_broker
from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.causes import Outcome
from platform_probe.outputs.otlp.sink import MODULE as EXPORTER

BOXES: Final = 1_000
BACKENDS: Final = {
    "no export": None,
    "backend takes everything": [],
    "backend never answers": ["--hang"],
}
"""What is measured, and the arguments of the backend, where there is one."""
_TIMEOUT_S: Final = 120.0
_BEFORE_S: Final = 3.0
"""From being ready to the load: the exporter has to load its packages, once."""


class ExportMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """One load. CPU is microseconds an unlock."""

    monitor_us: float
    exporter_us: float
    p50_ms: float
    """Of the round trip, from the intended start to `executed`."""
    p99_ms: float
    not_ok: int
    exported: int
    """Unlocks that the backend had when the load was over."""
    dropped: int
    """Unlocks that it will never have."""


async def measure_export(
    backend: list[str] | None, *, rate_per_s: float, seconds: float
) -> ExportMeasurement:
    """Run the probe against full boxes without delays, with this backend."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        fleet = running_fleet("full", host=broker.address.host, port=broker.port, count=BOXES)
        async with fleet, _running_backend(backend) as url:
            load = {"kind": "constant", "rate_per_s": rate_per_s, "duration_s": seconds}
            settings = _settings(Path(name), str(broker.address), load, url)
            return await _measure(Path(name), settings, round(rate_per_s * seconds))


def _settings(
    directory: Path, broker: str, stage: dict[str, Any], url: str | None
) -> dict[str, Any]:
    load = {
        "stages": [stage],
        "vehicles_file": vehicles_file_in(directory, BOXES),
        "relock": False,
        "start_delay_s": _BEFORE_S,
    }
    return {
        **settings_in(directory, broker),
        "watch": False,
        "load": load,
        "otlp": None if url is None else {"endpoint": url},
    }


async def _measure(directory: Path, settings: dict[str, Any], total: int) -> ExportMeasurement:
    process = await start_probe(directory, settings)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            ready = await _said(process, "ready", 0)
            await asyncio.sleep(_BEFORE_S - 0.5)
            exporter = child_of(process.pid, EXPORTER)
            pids = [process.pid, *([exporter] if exporter else [])]
            before_s = [cpu_s(pid) for pid in pids]
            await _said(process, "progress", total)
            used_us = [(cpu_s(pid) - b) * 1e6 for pid, b in zip(pids, before_s, strict=True)]
            counts = await asyncio.to_thread(_traces_at, ready["metrics_url"])
            process.send_signal(signal.SIGTERM)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = (directory / "attempts.jsonl").read_bytes().splitlines()
    attempts = [msgspec.json.decode(line, type=Attempt) for line in lines]
    ok = [one for one in attempts if one.outcome is Outcome.OK]
    trips_s = sorted(one.stages[Stage.RESULT_RECEIVED] for one in ok)
    return ExportMeasurement(
        monitor_us=used_us[0] / total,
        exporter_us=sum(used_us[1:]) / total,
        p50_ms=quantile(trips_s, 0.5) * 1e3,
        p99_ms=quantile(trips_s, 0.99) * 1e3,
        not_ok=len(attempts) - len(ok),
        exported=counts["exported"],
        dropped=counts["dropped"],
    )


async def _said(process: asyncio.subprocess.Process, event: str, ended: int) -> dict[str, Any]:
    """Return the first line of this kind that says that so many unlocks have ended."""
    assert process.stdout is not None  # noqa: S101 - we asked for a pipe
    async for line in process.stdout:
        said: dict[str, Any] = msgspec.json.decode(line)
        if said["event"] == event and said.get("ended", 0) >= ended:
            return said
    raise RuntimeError(f"the probe ended with exit code {await process.wait()}")


def _traces_at(metrics_url: str) -> dict[str, int]:
    with urllib.request.urlopen(metrics_url, timeout=10) as answer:  # noqa: S310 - the probe's
        page = answer.read().decode()
    counts = {"exported": 0, "dropped": 0}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            kind = sample.name.removeprefix("unlockpath_otlp_").removesuffix("_total")
            if kind in counts and sample.labels.get("signal") == "traces":
                counts[kind] += round(sample.value)
    return counts


@asynccontextmanager
async def _running_backend(arguments: list[str] | None) -> AsyncIterator[str | None]:
    """Run a backend, where there is to be one, and give its URL."""
    if arguments is None:
        yield None
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.otlp_backend", *arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None  # noqa: S101 - we asked for a pipe
        port = (await process.stdout.readline()).decode().strip()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


def render(rounds: dict[str, list[ExportMeasurement]]) -> str:
    """Return the medians as a table."""
    head = ["", "monitor µs", "exporter µs", "p50 ms", "p99 ms", "not ok", "exported", "dropped"]
    names = ExportMeasurement.__struct_fields__
    rows = [
        [
            title,
            *(f"{median(getattr(one, name) for one in measured):,.4g}" for name in names),
        ]
        for title, measured in rounds.items()
    ]
    return aligned([head, *rows])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0, help="unlocks a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rounds: dict[str, list[ExportMeasurement]] = {title: [] for title in BACKENDS}
    for _ in range(arguments.rounds):
        for title, backend in BACKENDS.items():
            work = measure_export(backend, rate_per_s=arguments.rate, seconds=arguments.seconds)
            rounds[title].append(uvloop.run(work))
    print(", ".join(f"{name} {value}" for name, value in machine_facts().items()))
    print(f"{arguments.rate:g} unlocks/s for {arguments.seconds:g} s; medians of a round each")
    print(render(rounds))


if __name__ == "__main__":
    main()
