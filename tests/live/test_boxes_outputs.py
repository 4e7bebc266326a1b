"""`fleet-sim boxes` goes on, whatever becomes of what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.topics import TopicKind, topic_of
from tests.helpers.hand_made_boxes import AnyClient, links_to
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

BOXES = 5
SCENARIO = Path(__file__).parents[2] / "scenarios" / "quiet_city.yaml"


def full_device() -> int:
    """Return a descriptor that takes nothing: a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


def closed_pipe() -> int:
    """Return a pipe whose reader is gone: `| head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def unread_pipe() -> int:
    """Return a pipe that is full, and whose reader (never closed) sleeps."""
    _, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4_096))
    os.set_blocking(writing, True)
    return writing


@pytest.mark.parametrize("output", [full_device, closed_pipe, unread_pipe])
async def test_boxes_serve_whoever_reads(
    mosquitto: BrokerProcess, output: Callable[[], int]
) -> None:
    """All boxes connect and serve, and SIGTERM ends them in good order."""
    descriptor = output()
    async with links_to(mosquitto.address) as links:
        listener = AnyClient(links, "listener", topic_of(TopicKind.PRESENCE, "+"))
        await eventually(lambda: listener.link.is_connected)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fleet_sim", "boxes", str(SCENARIO), "--seed", "1"),
            *("--broker", str(mosquitto.address), "--set", f"fleet.count={BOXES}"),
            stdout=descriptor,
            stderr=descriptor,
        )
        os.close(descriptor)
        try:
            heard = listener.messages
            await eventually(
                lambda: len({message.topic for message in heard}) > BOXES,  # and the null box
                message=f"not all boxes came: exit code {process.returncode}",
            )
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
