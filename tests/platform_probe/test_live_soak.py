"""A monitor with half a core, a large fleet and an outage of a third of it: measuring goes on.

`SOAK="cars=15000 rate=300 minutes=17"` gives the size. These assertions about time belong here
alone: a starved machine is what the test is about.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.running_fleet import running_boxes
from tests.helpers.running_probe import RunningProbe, running_probe
from tests.helpers.waiting import eventually, whole_lines

pytestmark = [pytest.mark.broker, pytest.mark.long]

SIZE: Final = {"cars": 15_000.0, "rate": 300.0, "minutes": 17.0} | {
    name: float(value)
    for name, _, value in (each.partition("=") for each in os.environ.get("SOAK", "").split())
}
CGROUPS: Final = Path("/sys/fs/cgroup/cpu")
PERIOD_US: Final = 100_000
CORES: Final = 0.5
POLL_S: Final = 0.5
MOST_STALL_S: Final = 1.0
MOST_HEALTHZ_S: Final = 0.5
LEAST_WRITTEN: Final = 0.9
"""Share of the planned unlocks that have a record: a schedule that lags would hide stalls."""
CAUGHT_UP_WITHIN_S: Final = 120.0
LEAST_LAG_S: Final = 10.0
"""A lag below it is none: a judge commits and reports every few seconds."""


@contextmanager
def half_a_core() -> Iterator[Path]:
    """Make a cgroup with that much CPU (version 1), and remove it when it is empty."""
    group = CGROUPS / f"unlockpath-soak-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup with a CPU quota can be made here: {error}")
    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(int(PERIOD_US * CORES)))
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (CGROUPS / "cgroup.procs").write_text(pid)
        group.rmdir()


def confine(group: Path, pid: int) -> None:
    """Put a process and all below it into a cgroup; what they start later is in it too."""
    (group / "cgroup.procs").write_text(str(pid))
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                confine(group, int(path.parent.name))


def scenario() -> str:
    """Return a fleet a third of which loses its network after a third of the time, for as long."""
    cars, load_s = int(SIZE["cars"]), SIZE["minutes"] * 60
    return f"""\
description: a third of the fleet loses its network
fleet:
  groups:
    - {{name: north, count: {cars // 3}, id: "north-{{:05d}}", region: north}}
    - {{name: south, count: {cars - cars // 3}, id: "south-{{:05d}}", region: south}}
faults:
  - name: regional_carrier_outage
    target: {{region: north}}
    window: {{start_s: {load_s / 3:.0f}, end_s: {load_s * 2 / 3:.0f}}}
"""


def vehicles() -> list[str]:
    """Return the ids of all cars."""
    cars = int(SIZE["cars"])
    north = [f"north-{number:05d}" for number in range(cars // 3)]
    return north + [f"south-{number:05d}" for number in range(cars - cars // 3)]


async def polled(url: str, until_s: float) -> list[float]:
    """Return how long a page took each time, until a moment of the monotonic clock."""
    took_s: list[float] = []
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while (began_s := time.monotonic()) < until_s:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url) as answer:
                    await answer.read()
            took_s.append(time.monotonic() - began_s)
            await asyncio.sleep(POLL_S)
    return took_s


def console_of(probe: RunningProbe) -> str:
    """Return the address of the console; empty while it starts."""
    return next((line["url"] for line in probe.log() if line["event"] == "console"), "")


def unlocks_written(records: Path) -> int:
    """Return how many unlocks have a record, in the files that were put aside too."""
    files = records.parent.glob(f"{records.name}*")
    lines = (line for file in files for line in whole_lines(file))
    return len({msgspec.json.decode(line)["attempt_id"] for line in lines})


async def lag_s(probe: RunningProbe) -> float:
    """Return how far the judge is behind."""
    return (await probe.series("judge_lag_seconds"))[()]


async def test_half_a_core_is_enough_to_measure(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """Stalls are short, pages answer, and the judge catches up."""
    load_s = SIZE["minutes"] * 60
    stage = {"kind": "constant", "rate_per_s": SIZE["rate"], "duration_s": load_s}
    settings: dict[str, Any] = {
        "store": {"directory": str(tmp_path / "store")},
        "console": {"listen": "127.0.0.1:0"},
        "load": {"stages": [stage], "vehicles": vehicles(), "relock": False},
    }
    async with running_boxes(tmp_path, mosquitto, "--seed", "1", scenario=scenario()):
        with half_a_core() as group:
            probing = running_probe(tmp_path, mosquitto.address, **settings)
            async with probing as probe:
                confine(group, probe.process.pid)
                await probe.ready()
                ready = probe.of_kind("ready")[0]
                healthz = ready["metrics_url"].replace("/metrics", "/healthz")
                await eventually(lambda: console_of(probe))
                ends_s = time.monotonic() + load_s
                took_s, _ = await asyncio.gather(
                    polled(healthz, ends_s), polled(console_of(probe), ends_s)
                )
                await asyncio.sleep(CAUGHT_UP_WITHIN_S)
                assert await lag_s(probe) < LEAST_LAG_S
                written = unlocks_written(probe.records)
                log = probe.log()
        await eventually(lambda: probe.process.returncode is not None)
    stalls_s = [line["seconds"] for line in log if line["event"] == "monitor_stood_still"]
    assert max(stalls_s, default=0.0) <= MOST_STALL_S
    assert sorted(took_s)[int(len(took_s) * 0.99)] < MOST_HEALTHZ_S
    assert written >= LEAST_WRITTEN * SIZE["rate"] * load_s
