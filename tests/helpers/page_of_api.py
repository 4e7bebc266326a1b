"""docs/api-reference.md: every operation of the platform's API, its bodies and its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fleet_sim.api.openapi import document_json
from fleet_wire.contract.problems import PROBLEMS
from tests.helpers.markdown import code, table, type_of

INTRODUCTION = """\
# Reference of the API

Written by `python -m tests.docs --renew` from the OpenAPI document of `fleet-sim openapi`.

The page [The platform and its API](api.md) shows how to use it.
Times are Unix seconds.
"""


def page_of_api() -> str:
    """Return the page."""
    document = msgspec.json.decode(document_json())
    parts = [INTRODUCTION]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += [*_operation(f"{method.upper()} {path}", operation)]
    parts.append("## Bodies\n")
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema:
            parts += [f"### {code(name)}\n", table(("Field", "Type", "Meaning"), _fields(schema))]
    problems = [
        (code(slug), str(problem.status), problem.title) for slug, problem in PROBLEMS.items()
    ]
    return "\n".join([*parts, "## Problems\n", table(("Type", "Status", "Title"), problems)])


def _operation(title: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {code(title)}\n"
    yield f"{operation['summary'].rstrip('.')}.\n"
    parameters = [
        (code(one["name"]), one["in"], one.get("description", ""))
        for one in operation.get("parameters", ())
    ]
    if parameters:
        yield table(("Parameter", "In", "Meaning"), parameters)
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        yield f"Body: {type_of(next(iter(content.values()))['schema'])}.\n"
    answers = [
        (code(status), " ".join(one["description"].replace("\n- ", "; ").lstrip("- ").split()))
        for status, one in operation["responses"].items()
    ]
    yield table(("Status", "Answer"), answers)


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        kind = type_of(field) + ("" if name in required else ", optional")
        yield code(name), kind, " ".join(str(field.get("description", "")).split())
