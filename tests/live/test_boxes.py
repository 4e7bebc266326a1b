"""`fleet-sim boxes` on a real broker, as a user starts it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Presence
from fleet_wire.contract.topics import TopicKind, topic_of
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.commands import write_scenario
from tests.helpers.hand_made_boxes import AnyClient, links_to
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

BOXES = 5
ALL = BOXES + 1
"""With the null box."""


@asynccontextmanager
async def running_boxes(
    scenario: Path, *arguments: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run five boxes of a scenario until the block ends, with their output in pipes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fleet_sim", "boxes", str(scenario), "--seed", "1"),
        *("--set", f"fleet.count={BOXES}", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def presences(client: AnyClient) -> dict[str, tuple[str, str | None]]:
    """Return the latest status and reason on each topic."""
    latest: dict[str, tuple[str, str | None]] = {}
    for message in client.messages:
        presence = codec.decode(TopicKind.PRESENCE, message.payload)
        assert isinstance(presence, Presence)
        latest[message.topic] = (presence.status, presence.reason)
    return latest


async def test_sigterm_leaves_no_box_online(mosquitto: BrokerProcess, tmp_path: Path) -> None:
    """Each says `shutdown`, and that is what is retained: no monitor takes them for there."""
    presence = topic_of(TopicKind.PRESENCE, "+")
    async with links_to(mosquitto.address) as links:
        listener = AnyClient(links, "listener", presence)
        async with running_boxes(
            write_scenario(tmp_path), "--broker", mosquitto.address
        ) as process:
            await eventually(lambda: [*presences(listener).values()] == [("online", None)] * ALL)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
        late = AnyClient(links, "late", presence)
        await eventually(lambda: len(late.messages) == ALL)
        assert [*presences(late).values()] == [("offline", "shutdown")] * ALL
        assert all(message.retain for message in late.messages)


async def test_a_wrong_password_is_named_at_once(tmp_path: Path) -> None:
    """Nobody waits a minute for one sentence that could mean anything."""
    passwords = write_passwords(tmp_path / "passwords", {"fleet": "right"})
    with running_mosquitto(passwords) as broker:
        url = f"mqtt://fleet:wrong@127.0.0.1:{broker.port}"
        async with running_boxes(write_scenario(tmp_path), "--broker", url) as process:
            _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert b"lets no box in: not authorized; do user and password fit" in stderr
    assert b"wrong" not in stderr
