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
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError, RemoteProtocolError
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import contents_of
from fleet_wire.profiles.protobuf import ProtobufType
from tests.helpers.messages import message_of
from tests.helpers.own_wires import DESCRIPTORS, OWN_WIRES
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
        f"{file}:6: command.payload: cbor needs the package cbor2: pip install 'unlockpath[cbor]'"
    )


PROTOBUF = OWN_WIRES["protobuf"]
UP = "p/car-1/up"


def typed(name: str) -> ProtobufType:
    """Return a type of the made-up fleet."""
    return ProtobufType(DESCRIPTORS, f"acme.{name}")


def test_a_protobuf_message_is_read_by_the_names_of_its_fields() -> None:
    """Words of enumerations, maps, lists and floats; a false that is not sent is false."""
    report = typed("Up").encode(
        {
            "report": {
                "locks": [{"locked": False}],
                "volts": 12.4,
                "dbm": -80,
                "build": {"firmware": "2.4.1"},
                "moved_by": bytes.fromhex(ID),
            }
        }
    )
    contents = contents_of(profile_of(PROTOBUF), message_of(UP, report))
    assert [said for _, said in contents] == [
        PartialState(is_locked=False, voltage_v=12.4, firmware="2.4.1", last_command_id=ID),
        PartialTelemetry(signal_dbm=-80.0, voltage_v=12.4),
    ]


@pytest.mark.parametrize("said", [True, "true", "True", 1, "1"])
def test_a_protobuf_flag_is_what_the_profile_s_word_means(said: object) -> None:
    """Words of a profile are texts, numbers or flags in YAML; any other is false."""
    report = typed("Up").encode({"report": {"locks": [{"locked": said}, {"locked": f"no {said}"}]}})
    assert typed("Up").decode(report)["report"]["locks"] == [{"locked": True}, {"locked": False}]


def test_a_protobuf_answer_is_told_by_its_alternative() -> None:
    """The name of the group of alternatives says which one a message has."""
    answer = typed("Up").encode({"answer": {"id": bytes.fromhex(ID), "status": "DONE"}})
    assert typed("Up").decode(answer)["body"] == "answer"
    assert heard(profile_of(PROTOBUF), UP, answer) == Result(ID, Phase.EXECUTED)


def test_a_protobuf_number_that_has_no_name_stays_one() -> None:
    """A newer firmware may have words that the file of descriptors does not know."""
    answer = typed("Up").encode({"answer": {"id": b"x", "status": 17}})
    assert typed("Up").decode(answer)["answer"]["status"] == 17
    with pytest.raises(RemoteProtocolError, match="phase: '17' is not among its values"):
        heard(profile_of(PROTOBUF), UP, answer)


def test_an_empty_protobuf_payload_says_nothing() -> None:
    """It would be a message of defaults: an open door."""
    with pytest.raises(RemoteProtocolError, match="an empty payload says nothing"):
        heard(profile_of(PROTOBUF), UP, b"")


def test_a_file_of_descriptors_lies_beside_its_profile(tmp_path: Path) -> None:
    """A path that is not absolute begins at the profile."""
    (tmp_path / "fleet.binpb").write_bytes(DESCRIPTORS.read_bytes())
    file = tmp_path / "my.yaml"
    file.write_text(PROTOBUF.replace(str(DESCRIPTORS), "fleet.binpb"), "utf-8")
    assert load_profile(str(file)).traits.reports_lock


def test_the_package_of_protobuf_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for CBOR."""
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    with pytest.raises(ConfigError, match=r"pip install 'unlockpath\[protobuf\]'"):
        profile_of(PROTOBUF)
