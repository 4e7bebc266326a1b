"""Topics that hold messages of several kinds: told apart by a field, or refused with the file."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Reason,
    Result,
    Telemetry,
    VehicleState,
    WireMessage,
)
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError, RemoteProtocolError
from fleet_wire.profiles.asyncapi import asyncapi
from fleet_wire.profiles.form import MessageForm
from fleet_wire.profiles.profile import contents_of
from fleet_wire.profiles.samples import Reading, Sample, apply_profile
from fleet_wire.profiles.telling import are_exclusive, fits
from platform_probe.learn.drafting import draft_of
from tests.helpers.messages import message_of
from tests.helpers.other_bench import OtherBench
from tests.helpers.own_wires import ONE_TOPIC, OWN_WIRES
from tests.helpers.profile_files import heard, profile_of

PROFILE = profile_of(ONE_TOPIC)
UP = "v2/car-1/up"


def test_a_field_says_what_a_message_is() -> None:
    """Four kinds of message on one topic, each read as its own form has it."""
    ack = heard(PROFILE, UP, b'{"type":"ack","id":"k1"}')
    assert ack == Result("k1", Phase.EXECUTED)
    nack = heard(PROFILE, UP, b'{"type":"nack","id":"k1","why":"moving"}')
    assert nack == Result("k1", Phase.REFUSED, Reason.FAILED)
    locked = heard(PROFILE, UP, b'{"type":"report","about":{"part":"lock","locked":true}}')
    assert isinstance(locked, PartialState)
    assert locked.is_locked is True
    assert heard(PROFILE, UP, b'{"type":"alive","radio":{"dbm":-80}}') == PartialTelemetry(-80)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"report","about":{"part":"tank"}}',
        b'{"type":"diagnostics"}',
        b'{"type":["ack"]}',
        b"{}",
        b"[1]",
        b"7",
    ],
)
def test_what_is_of_no_kind_is_of_no_concern(payload: bytes) -> None:
    """A fleet says much besides: that is no error, and tells of no lock."""
    assert heard(PROFILE, UP, payload) is None
    (said,) = apply_profile(PROFILE, [("x:1", message_of(UP, payload))])
    assert (said.reading, said.text) == (Reading.IGNORED, f"of car-1, on {UP}: of no concern")


def test_what_is_no_json_is_an_error() -> None:
    """It is counted as what comes first on this topic."""
    with pytest.raises(RemoteProtocolError):
        heard(PROFILE, UP, b"huh")
    assert PROFILE.slots_of(message_of(UP, b""))[0][0] is TopicKind.RESULT


def test_what_is_sent_says_what_it_is() -> None:
    """The first value; where a field stands in its place, what that says."""
    messages: dict[TopicKind, WireMessage] = {
        TopicKind.COMMAND: Command("k1", Action.UNLOCK, 0, 1, 0, ""),
        TopicKind.RESULT: Result("k1", Phase.REFUSED, Reason.BUSY),
        TopicKind.STATE: VehicleState(True, False, 12.5, "1", "tcu", "op", "city"),  # noqa: FBT003
        TopicKind.TELEMETRY: Telemetry(-80.0, 12.5, 1.0),
    }
    written = {
        kind: [packet[1] for packet in PROFILE.write(kind, "car-1", message)]
        for kind, message in messages.items()
    }
    assert written == {
        TopicKind.COMMAND: [b'{"type":"command","id":"k1","op":"OPEN"}'],
        TopicKind.RESULT: [b'{"type":"nack","id":"k1","why":"busy"}'],
        TopicKind.STATE: [b'{"type":"report","about":{"part":"lock","locked":true}}'],
        TopicKind.TELEMETRY: [b'{"type":"alive","radio":{"dbm":-80.0}}'],
    }


def test_a_box_subscribes_to_a_topic_once() -> None:
    """Also where several forms of a kind share it."""
    text = ONE_TOPIC.replace(
        "state:\n",
        "  - topic: v2/{vehicle_id}/up\n    when: { /type: late }\n    fields:"
        " { command_id: /id, phase: { at: /type, value: refused } }\nstate:\n",
    ).replace("{ at: /type, value: refused }", "{ value: refused }")
    profile = profile_of(text)
    assert profile.car_filters(TopicKind.RESULT, "car-1") == (UP,)
    assert profile.filters((TopicKind.RESULT, TopicKind.STATE)) == ("v2/+/up",)
    assert heard(profile, UP, b'{"type":"late","id":"k1"}') == Result("k1", Phase.REFUSED)


def result_with(when: str, more: str = "") -> str:
    """Return a profile whose command and result share a topic."""
    return f"""command:
  topic: v1/{{vehicle_id}}/bus
  when: {{ /kind: order }}
  fields: {{ command_id: /id, action: {{ at: /op, values: {{ OPEN: unlock }} }} }}
result:
  topic: v1/{{vehicle_id}}/bus
  {when}
  fields: {{ command_id: /id, phase: {{ at: /status, values: {{ OK: executed }} }} }}
  {more}
"""


@pytest.mark.parametrize(
    ("when", "more", "problem"),
    [
        ("qos: 1", "", "my.yaml:6: result.topic: 'v1/{vehicle_id}/bus' is a topic of command too"),
        ("when: { /kind: order }", "", "my.yaml:7: result.when: 'v1/{vehicle_id}/bus' is a topic"),
        ("when: { /kind: [x, order] }", "", "my.yaml:7: result.when: 'v1/{vehicle_id}/bus' is a"),
        ("when: { /other: x }", "", "and a message could be both: say in `when` of each what"),
        ("when: { kind: x }", "", "my.yaml:7: result.when.kind: 'kind' is no JSON Pointer"),
        ("when: { /kind: [] }", "", "my.yaml:7: result.when./kind: expected at least one value"),
        ("when: { /kind: { a: b } }", "", "my.yaml:7: result.when./kind: expected"),
        (
            "when: { /kind: x, /id/a: y }",
            "",
            "my.yaml:7: result.when./id/a: '/id/a' leads through '/id', of command_id",
        ),
        (
            "when: { /status/x: y, /kind: x }",
            "",
            "result.when./status/x: '/status/x' leads through '/status', of phase",
        ),
        (
            "when: { /kind: [x, y] }",
            "send: { kind: z, id: '{command_id}' }",
            "my.yaml:9: result.send: what is sent does not say /kind: x or y",
        ),
        (
            "when: { /kind: x }",
            "send: { id: '{command_id}' }",
            "my.yaml:9: result.send: what is sent does not say /kind: x",
        ),
    ],
)
def test_what_could_be_two_is_refused(when: str, more: str, problem: str) -> None:
    """With file, line and key, when the file is loaded."""
    with pytest.raises(ConfigError) as error:
        profile_of(result_with(when, more))
    assert any(problem in one for one in error.value.problems), error.value.problems


def test_text_has_no_pointers() -> None:
    """A payload of text cannot be asked for a field."""
    with pytest.raises(ConfigError, match="points into JSON, but the payload is text"):
        profile_of(
            "correlation: only_open\n"
            + result_with("when: { /kind: x }")
            .replace("command_id: /id, phase: { at: /status", "phase: { at: text")
            .replace("  when: { /kind: x }", "  when: { /kind: x }\n  payload: text")
        )


@pytest.mark.parametrize(
    ("value", "values", "does"),
    [
        ("1", ("1",), True),
        (1, ("1",), False),
        (1, (1,), True),
        (1.0, (1,), True),
        (True, (1,), False),
        (1, (True,), False),
        (None, (None,), True),
        ({}, ("x",), False),
        ([1], (1,), False),
        ("b", ("a", "b"), True),
    ],
)
def test_a_value_is_what_it_is_in_json(
    value: object, values: tuple[str | int | float | bool | None, ...], *, does: bool
) -> None:
    """Text is no number, true is not 1, and what is not there is null."""
    assert fits(value, values) is does


words = st.sampled_from(["a", "b", 1, True, None])
whens = st.dictionaries(
    st.sampled_from(["/x", "/y"]), st.lists(words, min_size=1).map(tuple) | words, max_size=2
)


@given(one=whens, other=whens, message=st.dictionaries(st.sampled_from("xy"), words))
def test_no_message_is_of_two_forms_that_are_apart(
    one: dict[str, object], other: dict[str, object], message: dict[str, object]
) -> None:
    """Whatever a message says: what is allowed to share a topic never fits both."""
    forms = [MessageForm.model_validate({"topic": "t", "when": when}) for when in (one, other)]
    assert are_exclusive(*forms) is are_exclusive(*reversed(forms))
    if are_exclusive(*forms):
        taken = [
            all(
                fits(message.get(pointer[1:]), values if isinstance(values, tuple) else (values,))
                for pointer, values in form.when.items()
            )
            for form in forms
        ]
        assert not all(taken)


def test_the_document_has_one_channel_for_a_topic() -> None:
    """With all its messages, each told apart by what it must say."""
    document = asyncapi(PROFILE, version="1.0")
    addresses = [channel["address"] for channel in document["channels"].values()]
    assert sorted(addresses) == ["v2/{vehicle_id}/down", "v2/{vehicle_id}/up"]
    assert set(document["channels"]["result"]["messages"]) == {"result", "state", "telemetry"}
    state = document["operations"]["state"]
    assert state["channel"] == {"$ref": "#/channels/result"}
    schemas = {name: one["payload"] for name, one in document["components"]["messages"].items()}
    sent = msgspec.json.decode(b'{"type":"report","about":{"part":"lock","locked":true}}')
    jsonschema.validate(sent, schemas["state"])
    for wrong in ("telemetry", "result"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(sent, schemas[wrong])


def test_a_draft_parts_a_topic_by_what_its_messages_say_that_they_are() -> None:
    """The kinds that are recognised are read again; the rest stands at the end."""
    said = [
        {"type": "ack", "id": "k1", "status": "OK"},
        {"type": "status", "locked": True},
        {"type": "diagnostics", "load": 3},
        {"type": "heartbeat", "voltage": 12.4},
        {"type": "ack", "id": "k2", "status": "failed"},
    ]
    up = [Sample(f"v2/car-{number:05}/up", one) for number in (1, 2) for one in said]
    down = [
        Sample(f"v2/car-{number:05}/cmd", {"id": f"k{number}", "type": word})
        for number in (1, 2)
        for word in ("unlock", "lock")
    ]
    text = draft_of([*up, *down], mqtt="5")
    draft = profile_of(text)
    topic = "v2/car-00009/up"
    assert heard(draft, topic, b'{"type":"ack","id":"k9","status":"OK"}') == Result(
        "k9", Phase.EXECUTED
    )
    state = heard(draft, topic, b'{"type":"status","locked":false}')
    assert isinstance(state, PartialState)
    assert state.is_locked is False
    assert isinstance(heard(draft, topic, b'{"type":"heartbeat","voltage":12}'), PartialTelemetry)
    assert heard(draft, topic, b'{"type":"diagnostics","load":3}') is None
    assert '"v2/{vehicle_id}/up"' in text.partition("# Not understood:")[2]
    command = heard(draft, "v2/car-00009/cmd", b'{"id":"k9","type":"unlock"}')
    assert isinstance(command, Command)
    assert command.action is Action.UNLOCK


def test_a_draft_reads_what_a_fleet_of_one_topic_says() -> None:
    """Where an answer's word is also what says that it is one."""
    said = [
        {"event": "ack done", "id": "k1"},
        {"event": "ack failed", "id": "k1"},
        {"event": "door", "locked": True},
    ]
    samples = [Sample(f"v2/car-{number:05}/up", one) for number in (1, 2) for one in said]
    samples += [Sample("v2/car-00001/cmd", {"id": "k1", "op": "unlock"})]
    text = draft_of(samples, mqtt="5")
    assert 'when: { "/event": ["ack done", "ack failed"] }' in text
    assert 'when: { "/event": ["door"] }' in text
    phases = 'values: { "ack done": executed, "ack failed": refused }, otherwise: refused'
    assert f'phase: {{ at: "/event", {phases} }}' in text


def test_one_message_is_of_several_kinds() -> None:
    """A car that reports all in one message has a state and a heartbeat by it, and no answer."""
    profile = profile_of(OWN_WIRES["all-in-one"])
    report = message_of("a/car-1/from", b'{"locked":false,"battery":12.5,"dbm":-80,"up":60}')
    assert [said for _, said in contents_of(profile, report)] == [
        PartialState(is_locked=False, voltage_v=12.5),
        PartialTelemetry(signal_dbm=-80.0, voltage_v=12.5, uptime_s=60.0),
    ]
    answer = message_of("a/car-1/from", b'{"answer":{"id":"k1","ok":true},"locked":false}')
    assert [said for _, said in contents_of(profile, answer)] == [Result("k1", Phase.EXECUTED)]


def test_what_is_not_decoded_is_counted_once() -> None:
    """Of however many kinds its topic has messages."""
    bench = OtherBench(profile_of(OWN_WIRES["all-in-one"]))
    bench.take("a/car-1/from", b"huh")
    assert bench.inbox.malformed == 1


def test_a_kind_that_must_say_something_says_when() -> None:
    """Else each heartbeat would count as an answer that says nothing."""
    text = OWN_WIRES["all-in-one"].replace("""  when: { /answer: "*" }\n""", "")
    with pytest.raises(ConfigError, match="say in `when` of each what tells them apart"):
        profile_of(text)
