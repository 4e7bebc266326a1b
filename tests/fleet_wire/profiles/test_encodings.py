"""Payloads that are not JSON: read into the same messages, and written as the fleet has them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import cbor2
import msgspec
import pytest

from fleet_wire.contract.messages import Action, Command, Phase, Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError, RemoteProtocolError
from fleet_wire.profiles.loading import load_profile
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import heard, profile_of

ID = "0123456789abcdef0123456789abcdef"
ENCODERS: dict[str, Any] = {"cbor": cbor2.dumps, "msgpack": msgspec.msgpack.encode}
WIRE = """
command:
  topic: v1/{vehicle_id}/cmd
  payload: PAYLOAD
  fields: { command_id: { at: /1, bytes: true }, action: /op, issued_at: { at: /at, unit: s } }
result:
  topic: v1/{vehicle_id}/ack
  payload: PAYLOAD
  fields:
    command_id: { at: /1, bytes: true }
    phase: { at: /steps/0/code, values: { "1": executed } }
    box_time: { at: /at, unit: iso }
    detail: /note
"""


@pytest.fixture(params=ENCODERS)
def payload(request: pytest.FixtureRequest) -> str:
    """Give each encoding."""
    name: str = request.param
    return name


def test_fields_are_found_as_in_json(payload: str) -> None:
    """Keys may be numbers, ids bytes, and a time the encoding's own."""
    profile = profile_of(WIRE.replace("PAYLOAD", payload))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    document = {1: bytes.fromhex(ID), "steps": [{"code": 1}], "at": moment, "note": None}
    answer = heard(profile, "v1/car-1/ack", ENCODERS[payload](document))
    assert answer == Result(ID, Phase.EXECUTED, box_time_ms=1_767_225_600_000)


def test_what_is_written_has_numbers_and_bytes(payload: str) -> None:
    """A key of digits is a number there, and an id its bytes."""
    profile = profile_of(WIRE.replace("PAYLOAD", payload))
    command = Command(ID, Action.UNLOCK, 1_767_225_600_000, 0, 0, "")
    ((topic, written, _, _),) = profile.write(TopicKind.COMMAND, "car-1", command)
    decode: Any = cbor2.loads if payload == "cbor" else msgspec.msgpack.decode
    assert decode(written) == {1: bytes.fromhex(ID), "op": "unlock", "at": 1_767_225_600}
    read = heard(profile, topic, written)
    assert isinstance(read, Command)
    assert (read.command_id, read.action) == (ID, Action.UNLOCK)


@pytest.mark.parametrize(
    "value",
    [UUID(ID), bytes.fromhex(ID), cbor2.CBORTag(999, ID), ID],
    ids=["uuid", "bytes", "tag", "text"],
)
def test_a_tag_of_cbor_changes_nothing(value: Any) -> None:
    """The value behind it counts: an id may be a UUID."""
    profile = profile_of(WIRE.replace("PAYLOAD", "cbor"))
    document = cbor2.dumps({1: value, "steps": [{"code": 1}]})
    assert heard(profile, "v1/car-1/ack", document) == Result(ID, Phase.EXECUTED)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x81" * 10_000,  # lists in lists
        bytes.fromhex("d81c81d81d00"),  # a list that holds itself
        b"\x9b\x00\x00\xff\xff\xff\xff\xff\xff",  # a list of 2^48
        cbor2.dumps({1: ID, "steps": [{"code": 1}]}) + b"\x00",
        b"",
    ],
    ids=["deep", "endless", "huge", "more behind it", "empty"],
)
def test_hostile_cbor_is_refused(payload: bytes) -> None:
    """With an error that the monitor counts."""
    profile = profile_of(WIRE.replace("PAYLOAD", "cbor"))
    with pytest.raises(RemoteProtocolError):
        heard(profile, "v1/car-1/ack", payload)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it is needed, and how to get it."""
    monkeypatch.setitem(sys.modules, "cbor2", None)
    file = tmp_path / "my.yaml"
    file.write_text(OWN_WIRES["cbor"], "utf-8")
    with pytest.raises(ConfigError) as error:
        load_profile(str(file))
    assert error.value.problems[0] == (
        f"{file}:7: command.payload: cbor needs the package cbor2: pip install 'unlockpath[cbor]'"
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "command_id: { at: /1, bytes: true }, action",
            "command_id: /1, action: { at: /op, bytes: true }, booking_id",
            "only command_id, last_command_id, signature can be bytes",
        ),
        ("payload: cbor", "payload: json", "where the payload is not json or text"),
    ],
)
def test_bytes_are_for_ids_in_encodings_that_have_them(old: str, new: str, problem: str) -> None:
    """JSON has no bytes, and a word is none."""
    text = WIRE.replace("PAYLOAD", "cbor")
    assert old in text
    with pytest.raises(ConfigError, match=problem):
        profile_of(text.replace(old, new))


def test_one_topic_has_one_encoding() -> None:
    """What says which kind a message is must be decoded first."""
    text = OWN_WIRES["message-pack"].replace(
        "payload: msgpack\n  when: { /kind: 4 }", "payload: cbor\n  when: { /kind: 4 }"
    )
    with pytest.raises(ConfigError, match="is msgpack for result: expected one encoding"):
        profile_of(text)
