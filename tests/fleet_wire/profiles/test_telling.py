"""Topics that hold messages of several kinds, told apart by a field."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.profiles.asyncapi import asyncapi
from fleet_wire.profiles.form import MessageForm
from fleet_wire.profiles.telling import are_exclusive, fits
from tests.helpers.other_bench import OtherBench
from tests.helpers.own_wires import ONE_TOPIC, OWN_WIRES
from tests.helpers.profile_files import profile_of


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


def test_what_is_not_decoded_is_counted_once() -> None:
    """Of however many kinds its topic has messages."""
    bench = OtherBench(profile_of(OWN_WIRES["all-in-one"]))
    bench.take("a/car-1/from", b"huh")
    assert bench.inbox.malformed == 1
