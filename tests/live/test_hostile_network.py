"""A hostile client on the same broker: whatever it sends is counted, and cars go on opening."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Disconnected, LinkLimits, Message, Session
from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import SCENARIO, finish, lines, start, summary, write_scenario
from tests.helpers.waiting import eventually, wait_for

pytestmark = pytest.mark.broker

CARS = [f"car-{number:05d}" for number in range(30)]
KINDS = ["command", "result", "state", "presence", "telemetry", "nonsense"]
BIG = bytes(10_000_000)


class Attacker:
    """A client that publishes what it likes."""

    def __init__(self, broker: BrokerAddress) -> None:
        limits = LinkLimits(max_queued=100_000)
        self.link = LeanLinkFactory(broker, limits=limits)(self)
        self.acknowledged = 0

    def session(self) -> Session:
        """Be nobody in particular."""
        return Session(client_id="attacker")

    def on_connected(self, *, session_present: bool) -> None:
        """Have nothing to say yet."""

    def on_message(self, message: Message) -> None:
        """Expect nothing."""

    def on_disconnected(self, reason: Disconnected) -> None:
        """Come back."""
        del reason
        self.link.connect()

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and count the answer."""
        self.link.publish(topic, payload, retain=retain, on_ack=self._count)

    def _count(self, _code: int) -> None:
        self.acknowledged += 1


async def attack(broker: BrokerAddress, seed: int) -> None:
    """Send random bytes, JSON of the wrong shape and 10 MB payloads on every topic."""
    random_bytes = random.Random(seed)  # noqa: S311 - a test's noise
    attacker = Attacker(broker)
    attacker.link.connect()
    await eventually(lambda: attacker.link.is_connected)
    sent = 0
    for car in CARS:
        for kind in KINDS:
            for payload in (
                random_bytes.randbytes(random_bytes.randrange(200)),
                b'{"command_id": "x", "phase": "executed"}',
                b'{"command_id": 5}',
                b"[" * 5_000,
            ):
                attacker.send(f"cars/{car}/{kind}", payload)
                sent += 1
    for topic in ("wake/car-00001", "cars/car-00001/command", "cars/car-00001/result", "cars//x"):
        attacker.send(topic, BIG)
        attacker.send(topic, b"\xff\xfe")
        sent += 2
    await eventually(lambda: attacker.acknowledged >= sent)
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
