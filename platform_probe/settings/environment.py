"""Settings from environment variables, for a model of settings.

A variable is a prefix and the key in capitals, with two underscores between levels. Lists and
mappings are written as JSON.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel

from fleet_wire.config.file import Loc
from fleet_wire.errors import ConfigError

_BETWEEN_LEVELS: Final = "__"


def location_of(name: str, prefix: str) -> Loc:
    """Return the place of a variable's setting."""
    return tuple(name.removeprefix(prefix).lower().split(_BETWEEN_LEVELS))


def values_of(
    variables: Mapping[str, str], model: type[BaseModel], prefix: str
) -> Iterator[tuple[Loc, Any]]:
    """Yield place and value of each setting in `variables`, whose names all have the prefix.

    A variable for a part follows the variable for the whole. Raises `ConfigError` for what is no
    JSON.
    """
    for name in sorted(variables, key=lambda name: (name.count(_BETWEEN_LEVELS), name)):
        loc = location_of(name, prefix)
        kinds = _kinds(_annotation(model, loc))
        value: Any = variables[name]
        if any(_is_structured(kind) for kind in kinds):
            value = _decoded(name, value, prefix, must=not any(map(_is_plain, kinds)))
        yield from _leaves(value, loc)


def _annotation(annotation: Any, loc: Loc) -> Any:
    """Return the type of a setting; None where there is none of that place."""
    for key in loc:
        models = [kind for kind in _kinds(annotation) if _is_a(kind, BaseModel)]
        fields = [model.model_fields[key] for model in models if key in model.model_fields]
        annotation = fields[0].annotation if fields else None
    return annotation


def _kinds(annotation: Any) -> list[Any]:
    """Return the member types of a union, also of nested ones; any other type alone."""
    if hasattr(annotation, "__metadata__"):  # Annotated
        return _kinds(annotation.__origin__)
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for each in get_args(annotation) for kind in _kinds(each)]
    return [get_origin(annotation) or annotation]


def _is_a(kind: Any, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)


def _is_structured(kind: Any) -> bool:
    return _is_a(kind, BaseModel) or (_is_a(kind, Collection) and not _is_a(kind, str))


def _is_plain(kind: Any) -> bool:
    return kind not in (None, type(None)) and not _is_structured(kind)


def _decoded(name: str, text: str, prefix: str, *, must: bool) -> Any:
    """Return what JSON says; other text as it is, unless it must be JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if not must:
            return text
    example = f"""{prefix}LOAD__VEHICLES='["car-1"]'"""
    raise ConfigError([f"{name}: lists and mappings are written as JSON, such as {example}"])


def _leaves(value: Any, loc: Loc) -> Iterator[tuple[Loc, Any]]:
    if not isinstance(value, Mapping):
        yield loc, value
        return
    for key, part in value.items():
        yield from _leaves(part, (*loc, key))
