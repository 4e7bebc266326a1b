"""What pydantic says about a document, told to the person who wrote the document.

Each problem names its place (file and line, or the `--set` that brought it), the key, what was
expected, and the nearest thing that would have been right. What is right at a place is read from
the model's JSON Schema, so that no second description of the model is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from fleet_wire.config.file import Document, Loc, suggestion
from fleet_wire.errors import ConfigError

_SHOWN_LETTERS = 60
_SHOWN_MAPPINGS = 3
_TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
}


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One pydantic error: its real keys apart from what pydantic put between them.

    `branches` holds (number of real keys before it, the segment) of each segment that is no key:
    the tag of a discriminated union, the class of a plain one, the name of a validator.
    """

    loc: Loc
    branches: tuple[tuple[int, str | int], ...]
    error: Mapping[str, Any]

    @property
    def is_misfit(self) -> bool:
        """Whether a key is missing or too many: most likely the wrong member of a union."""
        return self.error["type"] in ("missing", "extra_forbidden")


def document_errors(
    document: Document, error: ValidationError, model: type[BaseModel], *, at: Loc = ()
) -> ConfigError:
    """Return the `ConfigError` with a line for each problem that `model` has with `document`.

    `at` is where in the document the model's own keys begin. Of a union only the member that fits
    best is reported. Lines come in the order of the file.
    """
    value: Any = document.values
    for part in at:
        value = value[part]
    found = [_complaint(value, one) for one in error.errors(include_url=False)]
    schema = _Schema(model)
    problems: dict[str, int] = {}
    for complaint in _best(found, 0):
        key, message = _explained(complaint, schema, value)
        loc = (*at, *key)
        problems.setdefault(document.problem(loc, message), document.line_of(loc) or 0)
    return ConfigError(sorted(problems, key=lambda problem: problems[problem]))


def _complaint(value: Any, error: Mapping[str, Any]) -> _Complaint:
    raw: Loc = error["loc"]
    loc: list[str | int] = []
    branches: list[tuple[int, str | int]] = []
    for position, part in enumerate(raw, start=1):
        is_missing_key = position == len(raw) and error["type"] == "missing"
        if isinstance(value, dict) and (part in value or is_missing_key):
            value = value.get(part)
            loc.append(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            loc.append(part)
        else:
            branches.append((len(loc), part))
    return _Complaint(tuple(loc), tuple(branches), error)


def _best(complaints: Sequence[_Complaint], depth: int) -> list[_Complaint]:
    """Return the complaints without those about members of a union that fit worse."""
    kept = [complaint for complaint in complaints if len(complaint.branches) <= depth]
    unions: dict[Loc, dict[str | int, list[_Complaint]]] = {}
    for complaint in complaints:
        if len(complaint.branches) > depth:
            keys, member = complaint.branches[depth]
            members = unions.setdefault(complaint.loc[:keys], {})
            members.setdefault(member, []).append(complaint)
    for members in unions.values():
        nearest = min(members.values(), key=_misfit)
        kept += _best(nearest, depth + 1)
    return kept


def _misfit(complaints: Sequence[_Complaint]) -> tuple[int, int, int]:
    """Return how badly a member of a union fits: keys first, then how far in the trouble begins."""
    misfits = sum(complaint.is_misfit for complaint in complaints)
    return misfits, -max(len(complaint.loc) for complaint in complaints), len(complaints)


def _explained(complaint: _Complaint, schema: _Schema, value: Any) -> tuple[Loc, str]:
    """Return the place of a complaint and what to say there."""
    loc, error = complaint.loc, complaint.error
    kind, context = error["type"], error.get("ctx", {})
    here = schema.at(loc, value)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_explained(loc, context, schema.tags(loc, value))
    message = error["msg"].replace("Input should", "should").replace("String should", "should")
    given = error["input"]
    shown = "what was given (a secret)" if _is_secret(here) else _shown(given)
    message = f"{message}, not {shown}"
    if kind == "missing":
        message = f"missing, expected {_described(here)}"
    elif kind == "extra_forbidden":
        message = f"unknown key{suggestion(loc[-1], _keys(schema.at(loc[:-1], value)))}"
    elif kind in ("literal_error", "enum"):
        message = f"unknown value {_shown(given)}{suggestion(given, _choices(here))}"
    elif kind.endswith(("_type", "_parsing", "_from_float")):
        message = f"expected {_described(here)}, not {shown}"
    elif kind == "value_error":
        message = str(context["error"])
    return loc, message


def _tag_explained(loc: Loc, context: Mapping[str, Any], tags: list[str]) -> tuple[Loc, str]:
    key = str(context["discriminator"]).strip("'")
    if "tag" not in context:
        return loc, f"'{key}' is missing; expected one of: {', '.join(tags)}"
    return (*loc, key), f"unknown {key} '{context['tag']}'{suggestion(context['tag'], tags)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = f"'{value}'" if isinstance(value, str) else str(value).replace("True", "true")
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."


def _is_secret(schemas: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a value there may be read by nobody: pydantic's `SecretStr` says so."""
    return any(schema.get("writeOnly") for schema in schemas)


def _keys(schemas: Iterable[Mapping[str, Any]]) -> list[str]:
    return [key for schema in schemas for key in schema.get("properties", {})]


def _choices(schemas: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        str(choice)
        for schema in schemas
        for choice in schema.get("enum", [schema["const"]] if "const" in schema else [])
    ]


def _described(schemas: Sequence[Mapping[str, Any]]) -> str:
    """Return what the schemas allow, in words: "a number or a mapping with median_s, sigma"."""
    choices = _choices(schemas)
    words = [f"one of {', '.join(choices)}"] if choices else []
    mappings = {
        tuple(schema.get("properties", ())) for schema in schemas if schema.get("type") == "object"
    }
    for schema in schemas:
        kind = schema.get("type")
        if kind == "object":
            keys = schema.get("properties", ()) if len(mappings) <= _SHOWN_MAPPINGS else ()
            words.append(f"a mapping with {', '.join(keys)}" if keys else "a mapping")
        elif "enum" not in schema and "const" not in schema and kind in _TYPE_NAMES:
            words.append(_TYPE_NAMES[kind])
    return " or ".join(dict.fromkeys(words)) or "a value"


class _Schema:
    """The JSON Schema of a model, asked for what it allows at a place of a document."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._root = model.model_json_schema()

    def at(self, loc: Loc, value: Any) -> list[dict[str, Any]]:
        """Return the schemas for `loc`; `value` is the document, which settles tagged unions."""
        schemas = self._flat(self._root, value)
        for part in loc:
            value = _value_at(value, part)
            schemas = [
                flat
                for schema in schemas
                for child in _children(schema, part)
                for flat in self._flat(child, value)
            ]
        return schemas

    def tags(self, loc: Loc, value: Any) -> list[str]:
        """Return the tags of the union at `loc`."""
        parents = self.at(loc[:-1], value)
        for child in (child for parent in parents for child in _children(parent, loc[-1])):
            tags = self._resolved(child).get("discriminator", {}).get("mapping", {})
            if tags:
                return list(tags)
        return []

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._root["$defs"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _flat(self, schema: dict[str, Any], value: Any) -> list[dict[str, Any]]:
        schema = self._resolved(schema)
        union = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
        if not union:
            return [schema]
        discriminator = schema.get("discriminator", {})
        if isinstance(value, dict) and discriminator:
            tag = value.get(discriminator["propertyName"])
            member = discriminator["mapping"].get(tag) if isinstance(tag, str) else None
            if member:
                return self._flat({"$ref": member}, value)
        return [flat for member in union for flat in self._flat(member, value)]


def _value_at(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _children(schema: Mapping[str, Any], part: str | int) -> list[dict[str, Any]]:
    if isinstance(part, int):
        return [schema["items"]] if "items" in schema else schema.get("prefixItems", [])[part:][:1]
    if part in schema.get("properties", {}):
        return [schema["properties"][part]]
    extra = schema.get("additionalProperties")
    return [extra] if isinstance(extra, dict) else []
