"""Values on a fleet's wire, one by one: each kind of field, as it is read and as it is written."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.messages import Action, Command, Phase, Reason, Result
from fleet_wire.contract.partial import PartialState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError, RemoteProtocolError
from fleet_wire.profiles.pointers import at, tokens_of
from fleet_wire.profiles.profile import Profile
from fleet_wire.profiles.samples import Sample
from platform_probe.learn.drafting import draft_of
from tests.helpers.own_wires import ONE_FOR_ALL
from tests.helpers.profile_files import heard, profile_of

VALUES = """
expires: true
command:
  topic: v1/{vehicle_id}/cmd
  fields:
    command_id: /id
    action: { at: /op, values: { OPEN: unlock } }
    issued_at: { at: /sent, unit: s }
    expires_at: { at: /until, unit: iso }
    booking_id: { at: /booking, after: "booking/" }
result:
  topic: v1/{vehicle_id}/ack
  fields:
    command_id: /a~1b~0c
    phase: { at: /status, values: { OK: executed, "NO *": refused } }
state:
  topic: v1/{vehicle_id}/state
  fields: { is_locked: /locked, voltage_v: /volts, firmware: /fw }
"""
STATE = "v1/car-1/state"


def fleet() -> Profile:
    """Return the profile, compiled anew: `make mutants` changes what compiles it."""
    return profile_of(VALUES)


def sent(profile: Profile, kind: TopicKind, message: Command | Result) -> object:
    """Return what is sent, decoded."""
    ((_, payload, _, _),) = profile.write(kind, "car-1", message)
    return msgspec.json.decode(payload)


def test_times_and_names_are_written_as_they_are_read() -> None:
    """Seconds, ISO 8601, and what stands behind a text."""
    command = Command("c1", Action.UNLOCK, 1_700_000_000_000, 1_700_000_010_000, 0, "", "b7")
    payload = {
        "id": "c1",
        "op": "OPEN",
        "sent": 1_700_000_000,
        "until": "2023-11-14T22:13:30.000+00:00",
        "booking": "booking/b7",
    }
    assert sent(fleet(), TopicKind.COMMAND, command) == payload
    assert heard(fleet(), "v1/car-1/cmd", msgspec.json.encode(payload)) == command


@pytest.mark.parametrize(
    ("payload", "is_locked"),
    [(b'{"locked":true}', True), (b'{"locked":"true"}', True), (b'{"locked":"false"}', False)],
)
def test_a_flag_may_be_text(payload: bytes, *, is_locked: bool) -> None:
    """Without `values` JSON's own words, also in quotes."""
    state = heard(fleet(), STATE, payload)
    assert isinstance(state, PartialState)
    assert state.is_locked is is_locked


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b'{"volts":[12]}', "voltage_v: '[12]' is not a number"),
        (b'{"volts":true}', "voltage_v: 'True' is not a number"),
        (b'{"fw":true}', "firmware: 'True' is no name"),
        (b'{"locked":2}', "is_locked: '2' is not among its values"),
    ],
)
def test_a_value_of_another_kind_is_refused(payload: bytes, problem: str) -> None:
    """With the field, and what stood there."""
    with pytest.raises(RemoteProtocolError, match=problem.replace("[", r"\[")):
        heard(fleet(), STATE, payload)


def test_a_name_may_be_a_number() -> None:
    """As JSON has it."""
    state = heard(fleet(), STATE, b'{"fw":25}')
    assert isinstance(state, PartialState)
    assert state.firmware == "25"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Result("c1", Phase.REFUSED, Reason.BUSY), "NO busy"),
        (Result("c1", Phase.REFUSED, Reason.FAILED, detail="E17"), "NO E17"),
        (Result("c1", Phase.REFUSED), "NO "),
        (Result("c1", Phase.EXECUTED), "OK"),
    ],
)
def test_what_is_said_besides(result: Result, status: str) -> None:
    """The box's words, else the contract's reason, else nothing; keys may hold / and ~."""
    said = {"a/b~c": "c1", "status": status}
    assert sent(fleet(), TopicKind.RESULT, result) == said
    assert heard(fleet(), "v1/car-1/ack", msgspec.json.encode(said)) == Result("c1", result.phase)


def test_a_pointer_into_a_list_stays_in_it() -> None:
    """RFC 6901: by index; what is not there is nothing."""
    assert tokens_of("/a~1b/~01") == ("a/b", "~1")
    assert [at([1, 2], (index,)) for index in ("0", "1", "2", "x", "9999999")] == [
        1, 2, None, None, None,
    ]  # fmt: skip


def test_a_command_asks_for_its_answer() -> None:
    """By MQTT 5's properties, where the file has the answer belong by Correlation Data."""
    profile = profile_of(ONE_FOR_ALL)
    command = Command("c1", Action.UNLOCK, 0, 1, 0, "")
    properties = profile.properties("car-1", command, life_s=7, user_properties=())
    assert properties.response_topic == "fleet/answers"
    assert (properties.correlation_data, properties.expiry_s) == (b"c1", 7)
    properties = fleet().properties("car-1", command, life_s=7, user_properties=())
    assert (properties.response_topic, properties.correlation_data) == (None, None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("expires: true", "mqtt: '3.1.1'\nexpires: false", ": command: expires_at is mapped"),
        (
            "v1/{vehicle_id}/cmd", "v1/{vehicle_id}/{client_id}/cmd",
            "my.yaml:4: command.topic: {client_id} needs {command_id} beside it",
        ),
        (
            "v1/{vehicle_id}/state", "'{vehicle_id}'",
            "my.yaml:17: state.topic: needs a level that is always the same",
        ),
        (
            "expires: true", "correlation: only_open\nexpires: true",
            "my.yaml:2: correlation: results carry a command_id: expected field",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_with_its_place(old: str, new: str, problem: str) -> None:
    """File, line and key."""
    with pytest.raises(ConfigError) as error:
        profile_of(VALUES.replace(old, new, 1))
    assert any(problem in one for one in error.value.problems), error.value.problems


def test_a_draft_notes_times_and_what_is_retained() -> None:
    """ISO 8601 by its form; one retained message is enough."""
    cars = ("alpha", "beta")
    samples = [
        Sample(f"v1/{car}/cmd", {"id": f"k{number}", "op": "unlock", "expires": "2026-01-01T00:00"})
        for number, car in enumerate(cars)
    ]
    samples += [Sample(f"v1/{car}/ack", {"id": "k1", "status": "OK"}) for car in cars]
    samples += [Sample("v1/alpha/door", {"locked": True}, retain=True)]
    samples += [Sample("v1/beta/door", {"locked": True})]
    text = draft_of(samples, mqtt="5", vehicles=cars)
    assert 'expires_at: { at: "/expires", unit: iso }' in text
    assert text.count("retain: true") == 1
    assert profile_of(text).filters((TopicKind.COMMAND,)) == ("v1/+/cmd",)
