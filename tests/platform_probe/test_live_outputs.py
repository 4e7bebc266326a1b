"""What becomes of a running probe when its outputs go wrong: nobody reads, or the disk is full."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.links.link import LinkFactory
from tests.helpers.hand_made_boxes import HandMadeBox, boxes, links_to
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

CARS = [f"centre-{number}" for number in range(6)]
LINES_IN_A_PIPE = 112
"""A pipe holds 64 KiB, and a line of the log 600 bytes or more."""


@pytest.fixture
async def links(mosquitto: BrokerProcess) -> AsyncIterator[LinkFactory]:
    """Return a factory of links to the test's own broker, which are closed after the test."""
    async with links_to(mosquitto.address) as factory:
        yield factory


@pytest.fixture
def unread_pipe() -> Iterator[int]:
    """Return where to write to a pipe that nobody reads."""
    reading, writing = os.pipe()
    yield writing
    os.close(reading)
    os.close(writing)


async def fleet_of(links: LinkFactory) -> list[HandMadeBox]:
    """Return connected boxes that open."""
    fleet = boxes(links, CARS)
    await eventually(lambda: all(box.link.is_connected for box in fleet))
    return fleet


def load_of(rate_per_s: float = 200, duration_s: float = 60) -> dict[str, Any]:
    """Return the settings of a load on all cars."""
    stage = {"kind": "poisson", "rate_per_s": rate_per_s, "duration_s": duration_s}
    load = {"stages": [stage], "vehicles": CARS, "start_delay_s": 0.1, "deadline_s": 1.0}
    return load | {"relock": False}


async def test_a_stderr_that_nobody_reads_stops_nothing(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory, unread_pipe: int
) -> None:
    """The log goes there, the pipe is full: unlocks, metrics and SIGTERM work as ever."""
    await fleet_of(links)
    settings = {"log_file": None, "load": load_of(), "stderr": unread_pipe}
    async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
        await eventually(lambda: probe.latest.get("ok", 0) > 4 * LINES_IN_A_PIPE)
        assert (await probe.get("/metrics"))[0] == 200
        probe.process.send_signal(signal.SIGTERM)
        assert await probe.exit_code() == 0
    assert probe.latest["event"] == "done"


async def test_hangup_does_not_end_it_and_files_may_be_renamed(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """As logrotate does it: rename, then SIGHUP. Every record is in one of the two files."""
    await fleet_of(links)
    async with running_probe(tmp_path, mosquitto.address, load=load_of()) as probe:
        await eventually(lambda: probe.latest.get("ok", 0) > 20)
        before = {path: path.with_suffix(".before") for path in (probe.records, probe.log_file)}
        for path, aside in before.items():
            path.rename(aside)
        probe.process.send_signal(signal.SIGHUP)
        await eventually(lambda: all(path.exists() for path in before))
        probe.process.send_signal(signal.SIGTERM)
        assert await probe.exit_code() == 0
    earlier = before[probe.records].read_bytes().splitlines()
    assert len(earlier) + len(probe.attempts()) == probe.latest["ended"]
    assert "stopping" in {line["event"] for line in probe.log()}
    for path in (*before, *before.values()):
        assert path.stat().st_mode & 0o007 == 0, path
