"""What becomes of a running probe when its outputs go wrong: nobody reads, or the disk is full."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.links.link import LinkFactory
from tests.helpers.live_fleet import CARS, fleet_of, load_of
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

LINES_IN_A_PIPE = 112
"""A pipe holds 64 KiB, and a line of the log 600 bytes or more."""


@pytest.fixture
def unread_pipe() -> Iterator[int]:
    """Return where to write to a pipe that nobody reads."""
    reading, writing = os.pipe()
    yield writing
    os.close(reading)
    os.close(writing)


async def test_a_stderr_that_nobody_reads_stops_nothing(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory, unread_pipe: int
) -> None:
    """The log goes there, the pipe is full: unlocks, metrics and SIGTERM work as ever."""
    await fleet_of(links)
    settings = {"log_file": None, "load": load_of(200, 60, vehicles=CARS), "stderr": unread_pipe}
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
    async with running_probe(
        tmp_path, mosquitto.address, load=load_of(200, 60, vehicles=CARS)
    ) as probe:
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
