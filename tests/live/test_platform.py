"""`fleet-sim platform` on a real broker, asked over HTTP as a phone asks.

`test_rentals.py` starts it as a user does.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.topics import TopicKind, topic_of
from tests.helpers.hand_made_boxes import AnyClient, links_to
from tests.helpers.running_fleet import CAR, running_platform
from tests.helpers.waiting import eventually


@pytest.mark.broker
async def test_who_hangs_up_in_mid_wait_leaves_a_whole_record(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    """The command goes on to its end, in the log and in its status."""
    short = ("--set", "platform={command_ttl_s: 1, answer_grace_s: 0.1}")
    async with (
        links_to(mosquitto.address) as links,
        running_platform(tmp_path, mosquitto, *short) as platform,
    ):
        silent = AnyClient(links, "silent", topic_of(TopicKind.COMMAND, "+"))
        await eventually(lambda: silent.link.is_connected)
        booking_id = await platform.book()
        asking = asyncio.ensure_future(
            platform.send(
                "POST", f"/vehicles/{CAR}/unlock", {"booking_id": booking_id}, Prefer="wait=50"
            )
        )
        await eventually(lambda: silent.messages)
        asking.cancel()
        await eventually(lambda: platform.of(PlatformStep.ENDED))
        (ended,) = platform.of(PlatformStep.ENDED)
        assert (ended.outcome, ended.vehicle_id) == ("expired", CAR)
        assert ended.booking_id == booking_id
        status, command = await platform.send("GET", f"/commands/{ended.command_id}")
        assert (status, command["state"], command["is_final"]) == (200, "expired", True)
        await eventually(lambda: len(platform.of(PlatformStep.ANSWERED)) > 1)
        answered = [event.operation for event in platform.of(PlatformStep.ANSWERED)]
        assert answered == ["book", "command_status"]  # nobody was there for that of the unlock
        (gone,) = platform.of(PlatformStep.HUNG_UP)
        assert (gone.operation, gone.command_id) == ("unlock", ended.command_id)
        (unheard,) = platform.of(PlatformStep.UNHEARD)
        assert (unheard.request_id, unheard.status) == (gone.request_id, 504)
