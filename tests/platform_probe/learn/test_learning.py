"""`platform-probe learn`: a broker is listened to, and a first draft comes of it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError, ConfigError, LimitError
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Session
from fleet_wire.profiles.profile import MqttVersion
from fleet_wire.profiles.samples import Sample, read_samples
from platform_probe.__main__ import main
from platform_probe.learn.learning import LearnOptions, listen, write_draft
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.commands import start
from tests.helpers.profile_files import profile_of
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

SAID = (
    ("v1/WVWZZZ1JZXW000001/cmd", b'{"id": "c0ffee01", "op": "OPEN"}'),
    ("v1/WVWZZZ1JZXW000001/ack", b'{"id": "c0ffee01", "status": "OK"}'),
    ("v1/WVWZZZ1JZXW000002/cmd", b'{"id": "c0ffee02", "op": "CLOSE"}'),
    ("v1/WVWZZZ1JZXW000002/ack", b'{"id": "c0ffee02", "status": "ERROR"}'),
)


async def speak(address: BrokerAddress, *, retain: bool) -> None:
    """Say what a fleet says; retained, whoever comes later hears it too."""
    fleet = Recorder(LeanLinkFactory(address), Session("fleet"))
    fleet.link.connect()
    await eventually(lambda: fleet.link.is_connected)
    for topic, payload in SAID:
        fleet.link.publish(topic, payload, retain=retain, on_ack=fleet.acks.append)
    await eventually(lambda: len(fleet.acks) == len(SAID))
    fleet.link.disconnect()


@pytest.mark.broker
@pytest.mark.parametrize(("protocol", "told"), [("5", signal.SIGINT), ("3.1.1", signal.SIGTERM)])
def test_a_fleet_is_heard_and_its_draft_opens_cars(
    tmp_path: Path, protocol: MqttVersion, told: signal.Signals
) -> None:
    """The command writes a draft that can be loaded, and what was heard beside it.

    Who would have listened for an hour and stops has not listened in vain; it says how long it was.
    """
    draft, sample = tmp_path / "fleet.yaml", tmp_path / "heard.jsonl"
    with (
        running_mosquitto("log_type all\n") as broker,
        start(
            "platform_probe",
            *("learn", f"--broker={broker.address}", "--for=3600", f"--protocol={protocol}"),
            *(f"--out={draft}", f"--sample={sample}"),
        ) as learning,
    ):
        asyncio.run(
            eventually(lambda: "Sending SUBACK to platform-probe-learn" in broker.log_text())
        )
        asyncio.run(speak(broker.address, retain=False))
        heard = "Received PUBACK from platform-probe-learn"
        asyncio.run(eventually(lambda: broker.log_text().count(heard) == len(SAID)))
        learning.send_signal(told)
        _, said = learning.communicate(timeout=300)
    assert learning.returncode == 0, said
    assert f" s of 3600 s: {told.name}" in said
    assert len(list(read_samples(sample))) == len(SAID)
    profile = profile_of(draft.read_text("utf-8"))
    assert profile.traits.mqtt == protocol
    assert profile.filters((TopicKind.COMMAND, TopicKind.RESULT)) == ("v1/+/cmd", "v1/+/ack")


@pytest.mark.broker
def test_what_a_broker_has_kept_is_no_command(tmp_path: Path) -> None:
    """Whoever listens to retained messages alone is told what is missing, and why."""
    draft, sample = tmp_path / "fleet.yaml", tmp_path / "heard.jsonl"
    with running_mosquitto() as broker:
        asyncio.run(speak(broker.address, retain=True))
        words = [f"--broker={broker.address}", "--for=0.5", f"--out={draft}", f"--sample={sample}"]
        result = CliRunner().invoke(main, ["learn", *words])
    assert result.exit_code == 0, result.output
    assert len(list(read_samples(sample))) == len(SAID)
    text = draft.read_text("utf-8")
    assert '"v1/{vehicle_id}/cmd"' in text.partition("# Not understood:")[2]
    assert text.endswith(": retained, and a command never is\n")
    with pytest.raises(ConfigError, match=r"command\.0\.topic: to be filled in"):
        profile_of(text)


@pytest.mark.broker
def test_a_broker_without_a_word_is_said_so() -> None:
    """Silence is no draft: the error says how long, and what to do."""
    with running_mosquitto() as broker:
        arguments = ["learn", f"--broker={broker.address}", "--for=0.1", "--topic=v1/#"]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "nothing came on v1/# in 0.1 s; listen longer" in result.output


@pytest.mark.broker
async def test_a_broker_that_refuses_us_says_why(tmp_path: Path) -> None:
    """Wrong credentials end it at once, with the broker's code."""
    config = write_passwords(tmp_path / "passwords", {"fleet": "secret"})
    with running_mosquitto(config) as broker:
        options = LearnOptions(broker=broker.address, duration_s=1.0)
        with pytest.raises(BrokerRefusedError, match="MQTT reason code"):
            await listen(options)


async def test_a_broker_that_is_not_there_is_named() -> None:
    """Nobody listens at the port."""
    options = LearnOptions(broker=BrokerAddress.parse("mqtt://127.0.0.1:1"), duration_s=1.0)
    with pytest.raises(BrokerUnreachableError, match=r"127\.0\.0\.1:1"):
        await listen(options)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Nothing heard, and a directory that is not there."""
    options = LearnOptions(broker=BrokerAddress.parse("mqtt://b"), duration_s=1.0)
    with pytest.raises(ConfigError, match="nothing came"):
        write_draft([], options, seconds=1.0, sample_file=None)
    none = tmp_path / "none" / "s.jsonl"
    with pytest.raises(LimitError, match="No such file"):
        write_draft([Sample("a/b")], options, seconds=1.0, sample_file=none)
