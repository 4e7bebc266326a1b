"""Topics that hold messages of several kinds, told apart by a field."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.messages import Action, Command, Phase, Result
from fleet_wire.contract.partial import PartialState, PartialTelemetry
from fleet_wire.profiles.asyncapi import asyncapi
from fleet_wire.profiles.form import MessageForm
from fleet_wire.profiles.samples import Sample
from fleet_wire.profiles.telling import are_exclusive, fits
from platform_probe.learn.drafting import draft_of
from tests.helpers.other_bench import OtherBench
from tests.helpers.own_wires import ONE_TOPIC, OWN_WIRES
from tests.helpers.profile_files import heard, profile_of


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
    document = asyncapi(profile_of(ONE_TOPIC), version="1.0")
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


def test_what_is_not_decoded_is_counted_once() -> None:
    """Of however many kinds its topic has messages."""
    bench = OtherBench(profile_of(OWN_WIRES["all-in-one"]))
    bench.take("a/car-1/from", b"huh")
    assert bench.inbox.malformed == 1
