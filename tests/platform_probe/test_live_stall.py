"""A probe that is stopped for a while, as a starved machine does it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.attempt import Attempt, Flag
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.topics import TopicKind, topic_of
from tests.helpers.hand_made_boxes import AnyClient, boxes, links_to
from tests.helpers.live_fleet import CARS
from tests.helpers.running_probe import RunningProbe, running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

STOPPED_S = 2.0


def of(probe: RunningProbe, car: str) -> Attempt | None:
    """Return the record of a car's unlock, when there is one."""
    return next((one for one in probe.attempts() if one.vehicle_id == car), None)


async def test_unlocks_of_a_stopped_monitor_are_marked(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """It reads commands and answers of customers all at once, and reports no speed for them."""
    async with (
        links_to(mosquitto.address) as links,
        running_probe(tmp_path, mosquitto.address) as probe,
    ):
        fleet = boxes(links, CARS)
        customer = AnyClient(links, "customer")
        await probe.ready()
        await eventually(
            lambda: customer.link.is_connected and all(b.link.is_connected for b in fleet)
        )
        probe.process.send_signal(signal.SIGSTOP)
        for number, car in enumerate(CARS):
            command = Command(f"k{number}", Action.UNLOCK, 0, 30_000, number, "signature")
            customer.send(topic_of(TopicKind.COMMAND, car), encode(command))
        await eventually(lambda: all(box.commands for box in fleet))
        await asyncio.sleep(STOPPED_S)
        probe.process.send_signal(signal.SIGCONT)
        await eventually(lambda: all(of(probe, car) for car in CARS))
        flags = await probe.series("attempt_flags_total")
        assert flags[("observed_late",)] == len(CARS)
        assert sum((await probe.series("unlocks_total")).values()) == 0
        assert sum((await probe.series("unlock_duration_seconds_count")).values()) == 0
        probe.process.send_signal(signal.SIGTERM)
        assert await probe.exit_code() == 0
    for attempt in probe.attempts():
        assert (attempt.outcome, attempt.flags) == (Outcome.OK, (Flag.OBSERVED_LATE,))
        assert attempt.evidence["monitor_stood_still_s"] >= STOPPED_S
    assert "monitor_stood_still" in {line["event"] for line in probe.log()}
