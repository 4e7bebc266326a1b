"""A hostile client on the same broker: whatever it sends is counted, and cars go on opening."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Disconnected, LinkLimits, Session
from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import SCENARIO, finish, lines, start, summary, write_scenario
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually, wait_for

pytestmark = pytest.mark.broker

CARS = [f"car-{number:05d}" for number in range(30)]
KINDS = ["command", "result", "state", "presence", "telemetry", "nonsense"]
BIG = bytes(10_000_000)


class Attacker(Recorder):
    """A client that publishes what it likes, and comes back."""

    def on_disconnected(self, reason: Disconnected) -> None:
        """Come back."""
        super().on_disconnected(reason)
        self.link.connect()


async def attack(broker: BrokerAddress, seed: int) -> None:
    """Send random bytes, JSON of the wrong shape and 10 MB payloads on every topic."""
    random_bytes = random.Random(seed)  # noqa: S311 - a test's noise
    links = LeanLinkFactory(broker, limits=LinkLimits(max_queued=100_000))
    attacker = Attacker(links, Session("attacker"))
    attacker.link.connect()
    await eventually(lambda: attacker.link.is_connected)
    noise = [
        (f"cars/{car}/{kind}", payload)
        for car in CARS
        for kind in KINDS
        for payload in (
            random_bytes.randbytes(random_bytes.randrange(200)),
            b'{"command_id": "x", "phase": "executed"}',
            b'{"command_id": 5}',
            b"[" * 5_000,
        )
    ]
    topics = ("wake/car-00001", "cars/car-00001/command", "cars/car-00001/result", "cars//x")
    noise += [(topic, payload) for topic in topics for payload in (BIG, b"\xff\xfe")]
    for topic, payload in noise:
        attacker.link.publish(topic, payload, on_ack=attacker.acks.append)
    await eventually(lambda: len(attacker.acks) >= len(noise))
    attacker.link.disconnect()


def test_noise_on_every_topic_stops_neither_boxes_nor_probe(tmp_path: Path) -> None:
    """All unlocks are followed to their end, most of them ok; the noise is counted."""
    out = tmp_path / "run"
    scenario = write_scenario(tmp_path, SCENARIO.replace("duration_s: 4", "duration_s: 10"))
    with running_mosquitto() as broker:
        process = start("fleet_sim", "run", scenario, "--out", out, "--broker", str(broker.address))
        wait_for(lambda: len(lines(out / "attempts.jsonl")) > 10)
        asyncio.run(attack(broker.address, seed=1))
        code, stdout, stderr = finish(process)
    result = summary(out)
    assert code == 0, stdout + stderr
    assert result["attempts"]["total"] == 200
    assert result["attempts"]["by_outcome"]["ok"] > 150
    assert result["probe"]["malformed"] > 300
    assert result["stray"]["orphan"] >= 30
