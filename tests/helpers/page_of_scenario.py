"""docs/scenario-keys.md: every key of a scenario with its type, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fleet_sim.scenario.loading import scenario_schema
from tests.helpers.markdown import code, table, type_of

INTRODUCTION = """\
# Keys of a scenario, complete

Written by `python -m tests.docs --renew` from the JSON Schema of `fleet-sim schema`.

The page [Scenarios](scenarios.md) explains the form.
Parameters of faults are on no page: `fleet-sim faults NAME` prints them.
[E] marks an estimate.
"""
LONGEST_DEFAULT = 60
"""Characters: a longer default is a mapping, whose keys have a section of their own."""


def page_of_scenario() -> str:
    """Return the page."""
    schema = scenario_schema()
    definitions = schema["$defs"]
    parts = [INTRODUCTION]
    for name in reachable(schema["$ref"].rpartition("/")[2], definitions):
        definition = definitions[name]
        parts.append(f"## {code(name)}\n")
        parts.append(table(("Key", "Type", "Default", "Meaning"), _rows(definition)))
    return "\n".join(parts)


def reachable(root: str, definitions: Mapping[str, Any]) -> list[str]:
    """Return the names of mappings below a definition, that of faults' parameters aside."""
    found = [root]
    for name in found:
        below = {**definitions[name], "allOf": ()}
        for reference in references(below):
            if reference not in found and "properties" in definitions[reference]:
                found.append(reference)
    return found


def references(value: Any) -> Iterator[str]:
    """Yield each definition that a part of the schema refers to."""
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def _rows(definition: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    required = definition.get("required", ())
    for name, field in definition["properties"].items():
        meaning = " ".join(str(field.get("description", "")).split())
        yield code(name), type_of(field), _default(name in required, field), meaning


def _default(is_required: bool, field: Mapping[str, Any]) -> str:  # noqa: FBT001 - of one caller
    if is_required:
        return "required"
    if "default" not in field:
        return ""
    text = msgspec.json.encode(field["default"]).decode()
    return code(text) if len(text) <= LONGEST_DEFAULT else "see its section"
