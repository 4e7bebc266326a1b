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
from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import SCENARIO
from tests.helpers.hand_made_boxes import AnyClient, links_to
from tests.helpers.running_fleet import CAR, running_boxes, running_platform
from tests.helpers.waiting import eventually, eventually_answers


@pytest.mark.broker
@pytest.mark.parametrize("profile", ["native", "ovms"])
async def test_a_car_opens(mosquitto: BrokerProcess, tmp_path: Path, profile: str) -> None:
    """From the request over the platform and the broker to the box, and back to who waits."""
    options = ("--profile", profile)
    async with (
        running_boxes(tmp_path, mosquitto, *options),
        running_platform(tmp_path, mosquitto, *options) as platform,
    ):
        booking_id = await platform.book()
        status, opened = await platform.send(
            "POST", f"/vehicles/{CAR}/unlock", {"booking_id": booking_id}, Prefer="wait=30"
        )
        assert (status, opened["state"]) == (200, "executed")
        status, wrong = await platform.send(
            "POST", "/vehicles/car-00004/unlock", {"booking_id": booking_id}
        )
        assert (status, wrong["type"]) == (403, "/problems/vehicle-not-booked")
        await eventually(lambda: len(platform.of(PlatformStep.ANSWERED)) == 3)
        code, said = await platform.terminate()
    assert code == 0
    assert "3 requests answered, 1 with a problem, 0 of these without a cause" in said
    steps = [event.event for event in platform.events() if event.command_id]
    assert steps == [
        PlatformStep.PUBLISHED,
        PlatformStep.ACCEPTED,
        PlatformStep.ENDED,
        PlatformStep.ANSWERED,
    ]


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


MEMBERS = ("--set", "platform.shared_group=members")


@pytest.mark.broker
async def test_members_of_a_group_do_not_throw_each_other_out(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    """Each opens cars, whoever of them gets the answers."""
    places = [tmp_path / name for name in ("one", "other")]
    for place in places:
        place.mkdir()
    one, other = places
    async with (
        running_boxes(tmp_path, mosquitto),
        running_platform(one, mosquitto, *MEMBERS) as first,
        running_platform(other, mosquitto, *MEMBERS) as second,
    ):
        for platform in (first, second) * 2:
            wanted = {"booking_id": await platform.book()}
            status, _ = await platform.send(
                "POST", f"/vehicles/{CAR}/unlock", wanted, Prefer="wait=30"
            )
            assert status == 200
            await platform.send("POST", f"/bookings/{wanted['booking_id']}/end")
        for platform in (first, second):
            _, said = await platform.terminate()
            assert "another client" not in said
            assert "no connection" not in said


@pytest.mark.broker
async def test_who_takes_the_client_id_is_told_of(mosquitto: BrokerProcess, tmp_path: Path) -> None:
    """With what to do."""
    async with (
        links_to(mosquitto.address) as links,
        running_platform(tmp_path, mosquitto, "--client-id", "fleet-a") as platform,
    ):
        AnyClient(links, "fleet-a")
        line = await asyncio.to_thread(platform.process.stdout.readline)
        assert b"another client has connected with our client id 'fleet-a'" in line


@pytest.mark.broker
async def test_a_broker_that_goes_away_is_said(tmp_path: Path) -> None:
    """The API stays, and says that it cannot reach the cars."""
    with running_mosquitto() as broker:
        async with running_platform(tmp_path, broker) as platform:
            booking_id = await platform.book()
            broker.stop()

            async def is_said() -> bool:
                _, answer = await platform.send(
                    "POST", f"/vehicles/{CAR}/unlock", {"booking_id": booking_id}
                )
                return bool(answer.get("type") == "/problems/broker-unavailable")

            await eventually_answers(is_said)
            assert await is_said()
            assert (await platform.terminate())[0] == 0


GENERIC = """\
platform: {release: "2026.7.0"}
faults:
  - {name: generic_500, window: {start_s: 0}, parameters: {successes: 1}}
  - {name: no_coverage_garage, window: {start_s: 0}}
"""
"""A release that answers 500 to everything, for cars in a garage."""


@pytest.mark.broker
async def test_the_faults_of_the_platform_strike_it(
    mosquitto: BrokerProcess, tmp_path: Path
) -> None:
    """Those of the cars are for the boxes, which do not mind the platform's."""
    scenario = SCENARIO + GENERIC
    async with (
        running_boxes(tmp_path, mosquitto, scenario=scenario),
        running_platform(tmp_path, mosquitto, scenario=scenario) as platform,
    ):
        status, answer = await platform.send("GET", f"/vehicles/{CAR}")
        assert (status, answer["type"]) == (500, "/problems/internal-error")
        code, said = await platform.terminate()
    assert code == 0
    assert "fault generic_500 begins: 30 cars" in said
    assert "no_coverage_garage" not in said
    assert "1 with a problem, 1 of these without a cause" in said
