"""Mapped messages: what is read, what is absent, and what is not as the file says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from fleet_wire.contract.messages import Action, CarEvent, Command, Phase, Reason, Result
from fleet_wire.contract.partial import UNNAMED, PartialState, PartialTelemetry
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.profiles.profile import Profile
from tests.helpers.messages import message_of
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import heard, profile_of, read

WIRE = """
command:
  topic: v1/{vehicle_id}/cmd
  fields: { command_id: /id, action: { at: /op, values: { OPEN: unlock } } }
result:
  topic: v1/{vehicle_id}/ack
  fields:
    command_id: /id
    phase: { at: /status, values: { OK: executed, "ERR*": refused, "1": received } }
    reason: { at: /why/code, values: { "17": busy }, otherwise: failed }
    since_received_s: { at: /ms, scale: 0.001 }
    box_time: { at: /at, unit: iso }
    detail: /why/text
state:
  topic: v1/{vehicle_id}/state
  fields:
    is_locked: /doors/0/locked
    is_open: { at: /doors/0/open, values: { "yes": true, "no": false } }
    voltage_v: { at: /battery/mV, scale: 0.001 }
    site: /parking/lot
telemetry:
  topic: v1/{vehicle_id}/alive
  fields: { signal_dbm: /rsrp, voltage_v: /v }
event:
  topic: v1/{vehicle_id}/log
  fields: { event: /what, boots: /n, firmware: /version }
"""
PROFILE: Profile = profile_of(WIRE)


def said(kind: str, **fields: Any) -> Any:
    """Return what a message says."""
    return heard(PROFILE, f"v1/car-1/{kind}", msgspec.json.encode(fields))


def test_each_field_is_where_the_file_says() -> None:
    """Pointers, words, scales and times come out in the contract's terms."""
    answer = said(
        "ack",
        id="c1",
        status="ERR_BUSY",
        why={"code": 17, "text": "an update"},
        ms=1500,
        at="2026-01-01T00:00:01Z",
    )
    assert answer == Result(
        "c1",
        Phase.REFUSED,
        Reason.BUSY,
        since_received_s=1.5,
        box_time_ms=1_767_225_601_000,
        detail="an update",
    )


def test_what_is_absent_is_not_known() -> None:
    """A field that a message does not have is None, and no error; so is null."""
    assert said("ack", id=17, status="OK") == Result("17", Phase.EXECUTED)
    assert said("ack", id="c", status="OK", why=None, ms=None) == Result("c", Phase.EXECUTED)
    assert said("alive", v=12.5) == PartialTelemetry(voltage_v=12.5)
    assert said("state") == PartialState()
    assert said("state", parking={"lot": "garage-p3"}) == PartialState(site="garage-p3")


def test_an_event_has_a_name() -> None:
    """Else it says nothing."""
    assert said("log", what="boot", n="3", version="2.0") == CarEvent("boot", 3, "2.0")
    assert said("log", what="door") == CarEvent("door")
    with pytest.raises(RemoteProtocolError, match="event"):
        said("log", version="2.0")


def test_a_reason_is_for_refusals_only() -> None:
    """A code that comes with a success is no reason."""
    assert said("ack", id="c", status="OK", why={"code": "0"}).reason is None


def test_numbers_and_truth_are_words_too() -> None:
    """`"1"` in the file is 1 and "1" on the wire."""
    assert said("ack", id="c", status=1).phase is Phase.RECEIVED
    assert said("ack", id="c", status="1").phase is Phase.RECEIVED


def test_a_key_may_have_any_letters() -> None:
    """Quotes, backslashes and control characters among them."""
    text = TWO_TOPICS.replace("at: /op", r'at: "/o\"\\\x1b"')
    message = heard(profile_of(text), "v1/car-1/cmd", rb'{"id":"c1","o\"\\\u001b":"OPEN"}')
    assert isinstance(message, Command)
    assert message.action is Action.UNLOCK


def test_pointers_go_into_lists() -> None:
    """`/doors/0/locked` is the first door's; a list that is too short says nothing."""
    state = said("state", doors=[{"locked": False, "open": "yes"}], battery={"mV": 12_400})
    assert state == PartialState(is_locked=False, is_open=True, voltage_v=12.4)
    assert said("state", doors=[]) == PartialState()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": "c"}, "phase: the message does not say it"),
        ({"id": "c", "status": None}, "phase: the message does not say it"),
        ({"id": "c", "status": "HUH"}, "phase: 'HUH' is not among its values"),
        ({"id": "c", "status": ["OK"]}, "phase: .* is not among its values"),
        ({"id": {"a": 1}, "status": "OK"}, "command_id: .* is no name"),
        ({"id": "x" * 129, "status": "OK"}, "command_id: .* is no name"),
        ({"id": True, "status": "OK"}, "command_id: .* is no name"),
        ({"id": "c", "status": "OK", "ms": "soon"}, "since_received_s: 'soon' is not a number"),
        ({"id": "c", "status": "OK", "at": "soon"}, "box_time: 'soon' is no time"),
    ],
)
def test_what_is_not_as_the_file_says_is_malformed(fields: dict[str, Any], why: str) -> None:
    """The error names the field and shows what came."""
    with pytest.raises(RemoteProtocolError, match=why):
        said("ack", **fields)


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
        heard(PROFILE, "v1/car-1/ack", payload)


def test_a_text_is_cut_and_a_document_may_be_a_list() -> None:
    """A long text of the box is no reason to lose its answer; a list has no fields."""
    long = said("ack", id="c", status="OK", why={"text": "x" * 10_000})
    assert len(long.detail) == 256
    with pytest.raises(RemoteProtocolError):
        heard(PROFILE, "v1/car-1/ack", b"[1]")


@pytest.mark.parametrize("topic", ["v1/car 1/ack", "v1/" + "c" * 65 + "/ack", "v1//ack"])
def test_a_level_that_is_no_car_is_refused(topic: str) -> None:
    """An id of a car has the letters that the contract allows."""
    with pytest.raises(RemoteProtocolError):
        PROFILE.slots_of(message_of(topic, b""))


@given(name=st.sampled_from(sorted(OWN_WIRES)), payload=st.binary(max_size=200), data=st.data())
def test_any_payload_is_read_or_refused(name: str, payload: bytes, data: st.DataObject) -> None:
    """Bytes of any kind, on any topic of any profile, give a message or `RemoteProtocolError`."""
    profile = profile_of(OWN_WIRES[name])
    topic = data.draw(st.sampled_from(profile.filters(profile.traits.kinds)))
    topic = topic.replace("+", "car-1")
    try:
        read(profile, topic, payload)
    except RemoteProtocolError:
        return


def test_a_car_may_stand_in_the_payload() -> None:
    """With one topic for all, the payload says whose message it is."""
    profile = profile_of(OWN_WIRES["one-for-all"])
    answer = read(profile, "fleet/answers", b'{"vin":"car-7","ok":true}', correlation_data=b"c1")
    assert answer == ("car-7", Result("c1", Phase.EXECUTED))
    with pytest.raises(RemoteProtocolError, match="vehicle_id: the message does not say it"):
        read(profile, "fleet/answers", b'{"ok":true}')


def test_a_box_takes_its_own_commands_only() -> None:
    """On a topic for all cars a box hears the commands to others."""
    profile = profile_of(OWN_WIRES["one-for-all"])
    for vehicle_id, is_taken in (("car-7", True), ("car-8", False)):
        topic, payload = "fleet/commands", b'{"car":{"vin":"car-7","do":1}}'
        message = message_of(topic, payload, correlation_data=b"c1")
        assert (profile.read_command(vehicle_id, message) is not None) is is_taken


@pytest.mark.parametrize("payload", [b'{"status":"OK"}', b'{"id":null,"status":"OK"}'])
def test_an_answer_that_lacks_its_id_is_an_error(payload: bytes) -> None:
    """Where ids are in the fields: it would belong to any command that lacks one too."""
    profile = profile_of(WIRE)
    with pytest.raises(RemoteProtocolError, match="command_id"):
        heard(profile, "v1/car-1/ack", payload)
    with pytest.raises(RemoteProtocolError, match="command_id"):
        heard(profile, "v1/car-1/cmd", b'{"op":"OPEN"}')
    named = heard(profile, "v1/car-1/cmd", b'{"op":"OPEN"}', correlation_data=b"c1")
    assert isinstance(named, Command)
    assert named.command_id == "c1"


def test_correlation_data_names_a_command_without_an_id() -> None:
    """What MQTT 5 says besides is used where the fleet's own messages name nothing."""
    profile = profile_of(OWN_WIRES["nameless-311"])
    plain = heard(profile, "doors/car-1/set", b"OPEN")
    named = heard(profile, "doors/car-1/set", b"OPEN", correlation_data=b"c1")
    odd = heard(profile, "doors/car-1/set", b"OPEN", correlation_data=b"\xff")
    assert [one.command_id for one in (plain, named, odd) if isinstance(one, Command)] == [
        UNNAMED,
        "c1",
        UNNAMED,
    ]
