"""Payloads that are not JSON: written as the fleet has them; `encodings.txt` has what is read."""

from __future__ import annotations

import sys
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
from fleet_wire.profiles.profile import Profile
from fleet_wire.profiles.protobuf import ProtobufType, is_well_formed
from tests.helpers.own_wires import DESCRIPTORS, OWN_WIRES
from tests.helpers.profile_files import heard, profile_of
from tests.helpers.profile_player import FOLDER

ID = "0123456789abcdef0123456789abcdef"


def profile_with(payload: str) -> Profile:
    """Return the profile of a fleet whose payloads are in an encoding."""
    return profile_of((FOLDER / f"{payload}-fields.yaml").read_text("utf-8"))


@pytest.mark.parametrize("payload", ["cbor", "msgpack"])
def test_what_is_written_has_numbers_and_bytes(payload: str) -> None:
    """A key of digits is a number there, and an id its bytes."""
    profile = profile_with(payload)
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
    profile = profile_with("cbor")
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
    profile = profile_with("cbor")
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


@pytest.mark.parametrize("said", [True, "true", "True", 1, "1"])
def test_a_protobuf_flag_is_what_the_profile_s_word_means(said: object) -> None:
    """Words of a profile are texts, numbers or flags in YAML; any other is false."""
    kind = ProtobufType(DESCRIPTORS, "acme.Up")
    report = kind.encode({"report": {"locks": [{"locked": said}, {"locked": f"no {said}"}]}})
    assert kind.decode(report)["report"]["locks"] == [{"locked": True}, {"locked": False}]


def test_a_protobuf_number_is_rounded_only_where_it_has_to_be() -> None:
    """A whole one keeps all its digits, also as a text."""
    kind = ProtobufType(DESCRIPTORS, "acme.Request")
    for said, read in ((2**60 + 1, 2**60 + 1), (f"{2**60 + 1}", 2**60 + 1), (1.6, 2)):
        assert kind.decode(kind.encode({"expires_at": said}))["expires_at"] == read


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
    assert not is_well_formed(b"\x08\x01")
