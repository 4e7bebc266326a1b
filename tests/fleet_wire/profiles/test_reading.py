"""Payloads of any kind: each is read or refused."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from fleet_wire.contract.messages import Result
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import vehicle_of_topic
from tests.helpers.messages import message_of
from tests.helpers.own_wires import ONE_FOR_ALL
from tests.helpers.profile_files import heard, profile_of
from tests.helpers.profile_player import FOLDER

WIRE = (FOLDER / "reading.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 5_000,
        b'{"id": "c"' + b" " * MAX_PAYLOAD_BYTES,
        b'{"id":1%s,"status":"OK"}' % (b"0" * 5_000),
        b'{"id":"c","status":"OK","ms":1%s}' % (b"0" * 400),
        b'{"id":"c","status":"OK","ms":"1e999"}',
        b'{"id":"c","status":"OK","at":1%s}' % (b"0" * 400),
        b'{"id":"c","status":1%s}' % (b"0" * 5_000),
    ],
)
def test_what_is_no_json_is_malformed(payload: bytes) -> None:
    """Nor a number that is more than any machine counts; nothing that comes raises another."""
    with pytest.raises(RemoteProtocolError):
        heard(profile_of(WIRE), "v1/car-1/ack", payload)


def test_a_long_text_is_cut() -> None:
    """It is no reason to lose the answer of a box."""
    said = msgspec.json.encode({"id": "c", "status": "OK", "why": {"text": "x" * 10_000}})
    answer = heard(profile_of(WIRE), "v1/car-1/ack", said)
    assert isinstance(answer, Result)
    assert answer.detail == 256 * "x"


def test_the_id_of_a_car_is_bounded() -> None:
    """It has the letters and the length that the contract allows."""
    with pytest.raises(RemoteProtocolError):
        profile_of(WIRE).slots_of(message_of(f"v1/{'c' * 65}/ack", b""))


def test_the_car_of_a_topic_is_known_without_its_payload() -> None:
    """None is named by a topic that all cars share; a topic of nobody's is an error."""
    assert vehicle_of_topic(load_profile("native"), "cars/car-7/state") == "car-7"
    assert vehicle_of_topic(profile_of(ONE_FOR_ALL), "fleet/answers") == ""
    with pytest.raises(RemoteProtocolError):
        vehicle_of_topic(load_profile("native"), "elsewhere")
