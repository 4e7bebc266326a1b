"""Checks a document against its model, and tells the person who wrote it what is wrong.

Each problem names its location (file and line, or the `--set` option), the key, the expected value,
and the nearest valid one. What is right at a place is read from the model's JSON Schema, so that no
second description of the model is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fleet_wire.config.file import Document, Loc
from fleet_wire.error_text import shortened, suggestion, text_problem
from fleet_wire.errors import ConfigError

_SHOWN_MAPPINGS = 3
_TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
}


class KeysClashError(ValueError):
    """Keys of one mapping do not go together; a validator of the model raises it."""

    def __init__(self, message: str, *keys: str) -> None:
        super().__init__(message)
        self.keys = keys


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One pydantic error: its real keys apart from what pydantic put between them.

    `branches` lists each segment that is no key, with the number of real keys before it. Such a
    segment is a union's tag or class, or a validator's name.
    """

    loc: Loc
    branches: tuple[tuple[int, str | int], ...]
    error: Mapping[str, Any]

    @property
    def is_misfit(self) -> bool:
        """Whether a key is missing or too many: most likely the wrong member of a union."""
        return self.error["type"] in ("missing", "extra_forbidden")


ModelT = TypeVar("ModelT", bound=BaseModel)


def validated_model(document: Document, model: type[ModelT], *, at: Loc = ()) -> ModelT:
    """Return what a document says, as `model`.

    `at` is where in the document the model's own keys begin. Raises `ConfigError` with a line for
    each problem, in the order of the file; of a union only the member that fits best is reported.
    """
    value: Any = document.values
    for part in at:
        value = value[part]
    schema = _Schema(model)
    found: list[tuple[Loc, str, tuple[Loc, ...]]] = []
    found += [(loc, message, (loc,)) for loc, message in _unfit(value, schema)]
    made = None
    try:
        made = model.model_validate(value)
    except ValidationError as error:
        found += _explanations(error, schema, value)
    except UnicodeEncodeError:  # a message has such text in it
        assert found, "text that nothing can hold is named"  # noqa: S101
    if made is None or found:
        problems: dict[str, int] = {}
        for key, message, places in found:
            there = [(*at, *place) for place in places]
            problem = document.problem((*at, *key), message, there)
            problems.setdefault(problem, document.line_of(there[0]) or 0)
        raise ConfigError(sorted(problems, key=lambda problem: problems[problem]))
    return made


def _unfit(value: Any, schema: _Schema) -> Iterator[tuple[Loc, str]]:
    """Yield errors that pydantic misses: true as a number, and text that nothing can hold."""
    for loc, leaf in _leaves(value, ()):
        if isinstance(leaf, bool):
            here = schema.at(loc, value)
            kinds = {one.get("type") for one in here}
            if kinds & {"integer", "number"} and "boolean" not in kinds:
                yield loc, f"expected {_described(here)}, not {_describe(leaf)}"
        elif isinstance(leaf, str | Path) and (problem := text_problem(str(leaf))):
            yield loc, problem


def _leaves(value: Any, loc: Loc) -> Iterator[tuple[Loc, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*loc, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*loc, index))
    else:
        yield loc, value


def _explanations(
    error: ValidationError, schema: _Schema, value: Any
) -> Iterator[tuple[Loc, str, tuple[Loc, ...]]]:
    """Yield key and message of each complaint, and the places that it comes from."""
    found = [_complaint(value, one) for one in error.errors(include_url=False)]
    for complaint in _best_fitting(_without_consequences(found), 0):
        loc, message = _explained(complaint, schema, value)
        yield loc, message, _clash_locations(complaint) or (loc,)


def _clash_locations(complaint: _Complaint) -> tuple[Loc, ...]:
    """Return where the keys that do not go together were given; empty where it is not that."""
    error = complaint.error.get("ctx", {}).get("error")
    if not isinstance(error, KeysClashError):
        return ()
    given = complaint.error["input"]
    return tuple((*complaint.loc, key) for key in error.keys if key in given)


def _without_consequences(complaints: Sequence[_Complaint]) -> list[_Complaint]:
    """Leave out that a list is too short when that is only what its wrong items leave of it."""

    def is_consequence(complaint: _Complaint) -> bool:
        context = complaint.error.get("ctx", {})
        given = complaint.error["input"]  # the checked form: one topic may stand for a list
        is_short = complaint.error["type"] == "too_short"
        return is_short and isinstance(given, list) and len(given) >= context["min_length"]

    return [complaint for complaint in complaints if not is_consequence(complaint)]


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


def _best_fitting(complaints: Sequence[_Complaint], depth: int) -> list[_Complaint]:
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
        kept += _best_fitting(nearest, depth + 1)
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
    shown = "what was given (a secret)" if _is_secret(here) else _describe(given)
    message = f"{message}, not {shown}"
    if kind == "missing":
        message = f"missing, expected {_described(here)}"
    elif kind == "extra_forbidden":
        message = _unknown_key(loc[-1], schema.at(loc[:-1], value))
    elif kind in ("literal_error", "enum"):
        message = f"unknown value {_describe(given)}{suggestion(given, _choices(here))}"
    elif kind.endswith(("_type", "_parsing", "_from_float")):
        message = f"expected {_described(here)}, not {shown}{_quoting(here, given)}"
    elif kind == "too_short":
        message = f"expected at least {context['min_length']} of them, not {len(given)}"
    elif kind == "string_unicode":
        message = text_problem(str(given)) or message
    elif kind == "value_error":
        message = str(context["error"])
    return loc, message


def _quoting(here: Sequence[Mapping[str, Any]], given: Any) -> str:
    """Return that a value has to be quoted, where YAML read text as something else."""
    if given is None or not _described(here).startswith("text"):
        return ""
    return "; quote it if it is text" if isinstance(given, dict | list) else "; quote it"


def _tag_explained(loc: Loc, context: Mapping[str, Any], tags: list[str]) -> tuple[Loc, str]:
    key = str(context["discriminator"]).strip("'")
    if "tag" not in context:
        return loc, f"'{key}' is missing; expected one of: {', '.join(tags)}"
    tag = shortened(str(context["tag"]))
    return (*loc, key), f"unknown {key} '{tag}'{suggestion(context['tag'], tags)}"


def _unknown_key(key: str | int, here: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong with a key; some member of a union may know it, but not with these."""
    if key in _keys(here):
        return f"does not fit to the keys beside it; expected {_described(here)}"
    return f"unknown key{suggestion(key, _keys(here))}"


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{shortened(value)}'" if isinstance(value, str) else shortened(_plain(value))


def _plain(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python prints
        return "a number of thousands of digits"


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


@functools.cache  # 40 ms for a scenario, and most documents never ask
def _json_schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


class _Schema:
    """The JSON Schema of a model, with the values that it allows at a location."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    @property
    def _root(self) -> dict[str, Any]:
        return _json_schema(self._model)

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
