"""Recorded messages, read from a file and shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.samples import (
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


@pytest.mark.parametrize("name", [*NAMES, f"{Path(__file__).parent / 'wires/msgpack-fields.yaml'}"])
def test_a_profile_is_put_into_words(name: str) -> None:
    """The words say what a fleet can say, what it cannot, and how its cars are unlocked."""
    profile = load_profile(name)
    first, *_ = traits_in_words(profile)
    assert first.startswith(f"{Path(name).stem}: MQTT {profile.traits.mqtt}, command, result")
    assert len(list(unlock_of(profile, "car-00001"))) == 1
