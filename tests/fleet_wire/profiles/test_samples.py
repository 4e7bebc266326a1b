"""Recorded messages, read from a file and shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.samples import (
    Reading,
    Sample,
    apply_profile,
    read_samples,
    sample_of,
    traits_in_words,
    unlock_of,
)
from tests.helpers.messages import message_of


@pytest.mark.parametrize("payload", [b"text", b"\xff\x00", b'{"a": 1}', b""])
def test_a_message_survives_its_line(tmp_path: Path, payload: bytes) -> None:
    """What is recorded is read again, be it text or not."""
    message = message_of("a/b", payload, correlation_data=b"c1", retain=True)
    file = tmp_path / "s.jsonl"
    file.write_bytes(msgspec.json.encode(sample_of(message)) + b"\n\n")
    ((place, read),) = read_samples(file)
    assert place == f"{file}:1"
    assert (read.topic, read.payload, read.retain) == ("a/b", payload, True)
    assert read.correlation_data == b"c1"


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"payload": "x"}', '{"topic": "a", "payload_base64": "%%"}', "\x00"]
)
def test_a_line_that_is_no_message_is_named(tmp_path: Path, line: str) -> None:
    """The error says file and line, and what was expected."""
    file = tmp_path / "s.jsonl"
    file.write_text(f'{{"topic": "a"}}\n{line}\n', "utf-8")
    with pytest.raises(ConfigError, match=r"s.jsonl:2: expected"):
        list(read_samples(file))
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_samples(tmp_path / "none.jsonl"))


def test_each_message_is_said_in_the_contracts_terms() -> None:
    """Read, of no concern, unreadable, and nobody's."""
    topic = "$aws/commands/things/car-1/executions/x1/response/json"
    events = "$aws/events/commandExecution/unlock"
    target = {"executionId": "x1", "targetArn": "arn:aws:iot:eu:1:thing/car-1"}
    samples = [
        Sample(topic, {"status": "FAILED", "statusReason": {"reasonCode": "DEVICE_TOO_BUSY"}}),
        Sample(f"{events}/TIMED_OUT", {**target, "status": "TIMED_OUT"}),
        Sample(f"{events}/CREATED", {**target, "status": "CREATED"}),
        Sample(topic, {"status": "HUH"}),
        Sample("elsewhere", ""),
    ]
    said = list(
        apply_profile(load_profile("aws-iot"), [("1", sample.as_message()) for sample in samples])
    )
    assert [one.reading for one in said] == [
        Reading.READ,
        Reading.READ,
        Reading.IGNORED,
        Reading.UNREADABLE,
        Reading.OTHER,
    ]
    texts = [one.text for one in said]
    assert texts[0] == (
        "result of car-1: command_id x1, phase refused, reason busy, detail DEVICE_TOO_BUSY"
    )
    assert texts[1] == "provisional result of car-1: command_id x1, status TIMED_OUT"


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_put_into_words(name: str) -> None:
    """What a fleet can say, what not, and how a car of it is unlocked."""
    profile = load_profile(name)
    first, *_ = traits_in_words(profile)
    assert first.startswith(f"{name}: MQTT {profile.traits.mqtt}, command, result")
    assert len(list(unlock_of(profile, "car-00001"))) == 1
