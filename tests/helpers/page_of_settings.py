"""docs/probe.md: every setting of the probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from platform_probe.commands.settings_options import PLACES
from platform_probe.settings.monitor import ENV_PREFIX, ProbeSettings
from tests.helpers.markdown import code, table

INTRODUCTION = f"""\
# Settings of the monitor

Written by `python -m tests.docs --renew` from `platform_probe/settings/monitor.py`.

Each setting can be in the YAML file of `--config`, in an environment variable, or in a flag if \
it has one.
A flag wins over a variable, and a variable over the file.
The variable of a key is `{ENV_PREFIX}` and the key in capitals, with two underscores between \
levels: `{ENV_PREFIX}LOAD__DEADLINE_S=10`.
Lists and mappings are JSON there.

```bash
platform-probe config --config deploy/demo/platform-probe.yaml   # what `run` would use
platform-probe schema > probe.schema.json                        # completion in your editor
```

`--rate N` is short for a load of one repeated stage: N unlocks a second, at random times, of \
random cars.
`--every N` unlocks each car in turn.
Stages are those of a [scenario](scenarios.md).
[Run the monitor as a service](operate.md) has an example.
"""


def page_of_settings() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for title, at, model in _models():
        parts += [
            f"## {title}\n",
            *(
                [model.__doc__.partition("\n")[0].replace(". ", ".\n") + "\n"]
                if at and model.__doc__
                else []
            ),
        ]
        parts.append(table(("Key", "Flag", "Default", "Values", "Meaning"), _rows(at, model)))
    return "\n".join(parts)


def _models(
    at: tuple[str, ...] = (), model: type[BaseModel] = ProbeSettings
) -> Iterator[tuple[str, tuple[str, ...], type[BaseModel]]]:
    yield f"Below `{'.'.join(at)}`" if at else "At the top", at, model
    for name, field in model.model_fields.items():
        below = _model_of(field)
        if below is not None:
            yield from _models((*at, name), below)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *get_args(field.annotation))
    return next(
        (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None
    )


def _rows(at: tuple[str, ...], model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    flags = {place: f"--{name.replace('_', '-')}" for name, place in PLACES.items()}
    schema = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        flag = flags.get((*at, name))
        yield (
            code(name),
            code(flag) if flag else "",
            _default(field),
            _values(schema[name]),
            field.description or "",
        )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "as below"
    return {
        "None": "null",
        "True": "true",
        "False": "false",
        "[]": "none",
        "()": "none",
        "{}": "none",
        "**********": "one that everybody knows",
    }.get(str(value), code(f"{value:,g}" if isinstance(value, float) else value))


def _values(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_values(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "object"))
    words = {
        "null": "null", "boolean": "true, false", "array": "a list", "object": "a mapping",
        "string": "a path" if schema.get("format") == "path" else "text",
    }  # fmt: skip
    return words.get(kind) or _range(schema)


def _range(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    more = "more than " if "exclusiveMinimum" in schema else ""
    high = schema["maximum"]
    return f"{more}{_number(low)} to {_number(high)}"


def _number(value: Any) -> str:
    return f"{value:,g}" if abs(value) < 1e9 and value != int(value) else f"{int(value):,}"
