"""AsyncAPI documents, held to the JSON Schema of AsyncAPI 3.0.0.

The schema is `schemas/3.0.0.json` of the npm package @asyncapi/specs 6.11.1 (Apache-2.0).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from fleet_wire.contract.codec import TYPES
from fleet_wire.contract.messages import Phase, Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.asyncapi import asyncapi
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.native import NATIVE
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.profile_files import profile_of

SCHEMA = Path(__file__).parent / "asyncapi-3.0.0.schema.json.gz"
PROFILES = {name: load_profile(name) for name in NAMES} | {
    name: profile_of(text) for name, text in OWN_WIRES.items()
}


@pytest.fixture(scope="module")
def validator() -> Any:
    """Give AsyncAPI's own schema, compiled once."""
    return jsonschema.Draft7Validator(msgspec.json.decode(gzip.decompress(SCHEMA.read_bytes())))


@pytest.mark.parametrize("name", PROFILES)
def test_documents_are_asyncapi(name: str, validator: Any) -> None:
    """Each profile's document is what AsyncAPI 3 allows, and nothing in it refers to nowhere."""
    document = asyncapi(PROFILES[name], version="1.0")
    plain = msgspec.json.decode(msgspec.json.encode(document))
    assert [error.message for error in validator.iter_errors(plain)] == []
    for reference in _references(plain):
        place: Any = plain
        for token in reference.removeprefix("#/").split("/"):
            place = place[token]
        assert place


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [one for inner in value.values() for one in _references(inner)]
    return [one for inner in value for one in _references(inner)] if isinstance(value, list) else []


def test_the_schema_refuses_what_is_no_asyncapi(validator: Any) -> None:
    """The schema that the documents are held to is not one that allows everything."""
    document = asyncapi(NATIVE, version="1.0")
    del document["info"]
    document["channels"]["command"]["adress"] = "x"
    assert len(list(validator.iter_errors(document))) >= 2


def test_the_contract_is_there_with_all_its_messages() -> None:
    """A channel and an operation for each message; boxes receive commands and send the rest."""
    document = asyncapi(NATIVE, version="1.0")
    assert set(document["channels"]) == {kind.value for kind in TYPES}
    received = [name for name, one in document["operations"].items() if one["action"] == "receive"]
    assert received == ["command"]
    state = document["operations"]["state"]["bindings"]["mqtt"]
    assert (state["qos"], state["retain"]) == (1, True)


@pytest.mark.parametrize("name", ["native", "two-topics"])
def test_payloads_fit_their_schemas(name: str) -> None:
    """What is sent is valid by the schema that is published, and what is no object is not."""
    profile = PROFILES[name]
    document = asyncapi(profile, version="1.0")
    payload = document["components"]["messages"]["result"]["payload"]
    schema = {**payload, "components": document["components"]}
    ((_, sent, _, _),) = profile.write(TopicKind.RESULT, "car-1", Result("c1", Phase.EXECUTED))
    plain = msgspec.json.decode(sent)
    jsonschema.validate(plain, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate("no object", schema)
