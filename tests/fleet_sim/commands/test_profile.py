"""`fleet-sim profile schema`; `profile.txt` has what the check says."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest
from ruamel.yaml import YAML

from bench.score.incidents import TWO_TOPICS
from fleet_wire.profiles.loading import SHIPPED, shipped_file
from tests.helpers.own_commands import run_here
from tests.helpers.own_wires import OWN_WIRES


def test_the_schema_allows_what_is_allowed() -> None:
    """Editors complete by it: the shipped profiles and those of users are valid, a typo is not."""
    schema = msgspec.json.decode(run_here("fleet_sim", "profile", "schema")[1])
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    yaml = YAML(typ="safe", pure=True)
    texts = [shipped_file(name).read_text("utf-8") for name in SHIPPED]
    for text in (*texts, *OWN_WIRES.values()):
        jsonschema.validate(yaml.load(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.load(TWO_TOPICS.replace("fields", "feilds")), schema)
    number = yaml.load(TWO_TOPICS)
    number["command"]["fields"]["action"] = 7
    with pytest.raises(jsonschema.ValidationError, match="7 is not valid under any"):
        jsonschema.validate(number, schema)
