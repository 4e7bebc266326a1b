"""Pages of the docs that are written from the code: their templates are in `tests/docs/pages`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from textwrap import dedent
from typing import Any, Final, get_args

import msgspec
from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fleet_sim.api.openapi import document_json
from fleet_sim.scenario.loading import scenario_schema
from fleet_wire.contract.problems import PROBLEMS
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS
from fleet_wire.modes.lookalikes import WIRES, alike_on, number_of_classes
from fleet_wire.modes.mode import FailureMode, Layer
from platform_probe.commands.settings_options import PLACES
from platform_probe.judge.weights import shipped_weights
from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.outputs.dimension import MAX_LABEL_VALUES, MAX_NEW_OF_ONE, OTHER, UNKNOWN
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.settings.monitor import ENV_PREFIX, ProbeSettings
from platform_probe.web.console.metrics import ConsoleMetrics
from tests.helpers.english import ENGLISH
from tests.helpers.places import ROOT

BACKENDS: Final = ("slack", "alertmanager", "webhook:NAME")
"""Receivers of messages about incidents."""
MOST_LEARNED: Final = 5
"""Facts of a mode whose weights are shown, on each side."""
LONGEST_DEFAULT: Final = 60
"""Characters: a longer default is a mapping, whose keys have a section of their own."""


def code(text: object) -> str:
    """Return a text as code."""
    return f"`{text}`"


def cell(text: object) -> str:
    """Return a text as it can stand in a cell of a table: on one line, without a bar."""
    return " ".join(f"{text}".split()).replace("|", "&#124;")


def table(head: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a row on each line; the titles of its columns have bars between."""
    lines = [f"| {head} |", f"|{'---|' * len(head.split('|'))}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(cell, row))} |" for row in rows)])


def type_of(schema: Mapping[str, Any]) -> str:
    """Return which values a JSON Schema allows."""
    if "$ref" in schema:
        return code(schema["$ref"].rpartition("/")[2])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(map(type_of, schema[key])))
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(map(code, values))
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or ([schema["items"]] if schema.get("items") else [])
        return f"list of {' and '.join(map(type_of, items))}" if items else "list"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    more = "more than " if "exclusiveMinimum" in schema else ""
    bounds = f" {more}{low:g} to {high:g}" if low is not None and high is not None else ""
    return f"{schema.get('type', 'any')}{bounds}"


def docstrings_of(owner: type) -> dict[str, str]:
    """Return what stands in the docstring below each attribute of a class, on one line."""
    (body,) = (
        node.body for node in ast.parse(dedent(inspect.getsource(owner))).body
        if isinstance(node, ast.ClassDef)
    )  # fmt: skip
    found: dict[str, str] = {}
    for node, following in pairwise(body):
        match node, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


_TEMPLATES: Final = Environment(  # noqa: S701 - Markdown
    loader=FileSystemLoader(ROOT / "tests" / "docs" / "pages"),
    undefined=ChainableUndefined,  # what a schema does not have is an empty place
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters |= {"cell": cell, "code": code}
_TEMPLATES.globals |= {"table": table, "type_of": type_of}


def page_from(template: str, **names: object) -> str:
    """Return the page of a template, in which these names stand for something."""
    return _TEMPLATES.get_template(template).render(names)


def page_of_api() -> str:
    """Return every operation of the platform's API, its bodies and its problems."""
    document = msgspec.json.decode(document_json())
    return page_from("api-reference.md.j2", document=document, problems=PROBLEMS)


def page_of_modes() -> str:
    """Return every failure mode with what is said and done about it, and every fact."""
    return page_from(
        "modes.md.j2",
        layers=Layer,
        modes=MODES.values(),
        wires=WIRES,
        alike_on=alike_on,
        number_of_classes=number_of_classes,
        facts=FACTS,
        english=ENGLISH,
        learned=_learned,
    )


def _learned(mode: FailureMode) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Yield the facts that weigh most for a mode and against it, beside what rules it out."""
    every = shipped_weights().seen[mode.slug].items()
    weights = sorted(every, key=lambda one: (-one[1], one[0]))
    speak_for = [one for one in weights if one[1] > 0]
    against = [one for one in weights if one[1] < 0 and one[0] not in mode.signature.rules_out]
    for title, its in (
        ("Speaks most for it", speak_for[:MOST_LEARNED]),
        ("Speaks most against it", against[::-1][:MOST_LEARNED]),
    ):
        if its:
            yield title, its


# The keys of a scenario


def page_of_scenario() -> str:
    """Return every key of a scenario with its type, default and meaning."""
    schema = scenario_schema()
    every = schema["$defs"]
    names = [schema["$ref"].rpartition("/")[2]]
    for name in names:  # those of faults' parameters aside
        below = {**every[name], "allOf": ()}
        found = (one for one in _references(below) if "properties" in every[one])
        names += [one for one in dict.fromkeys(found) if one not in names]
    definitions = {name: every[name] for name in names}
    return page_from("scenario-keys.md.j2", definitions=definitions, default_of=_key_default)


def _references(value: Any) -> Iterator[str]:
    """Yield each definition that a part of the schema refers to."""
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _key_default(field: Mapping[str, Any], is_required: bool) -> str:  # noqa: FBT001 - of a template
    if is_required or "default" not in field:
        return "required" if is_required else ""
    text = msgspec.json.encode(field["default"]).decode()
    return code(text) if len(text) <= LONGEST_DEFAULT else "see its section"


# The settings of the monitor


def page_of_settings() -> str:
    """Return every setting of the monitor."""
    return page_from(
        "probe.md.j2", prefix=ENV_PREFIX, models=_models((), ProbeSettings), rows=_settings
    )


def _models(
    at: tuple[str, ...], model: type[BaseModel]
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Yield each model with its place, those above first."""
    yield at, model
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _models((*at, name), kind)


def _settings(at: tuple[str, ...], model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    flags = {place: f"--{name.replace('_', '-')}" for name, place in PLACES.items()}
    schema = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        flag = flags.get((*at, name))
        shown = code(flag) if flag else ""
        yield code(name), shown, _default(field), _values(schema[name]), field.description or ""


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
    words = {
        "null": "null", "boolean": "true, false", "array": "a list", "object": "a mapping",
        "string": "a path" if schema.get("format") == "path" else "text",
    }  # fmt: skip
    return words.get(str(schema.get("type", "object"))) or _range(schema)


def _range(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    more = "more than " if "exclusiveMinimum" in schema else ""
    return f"{more}{_number(low)} to {_number(schema['maximum'])}"


def _number(value: Any) -> str:
    return f"{value:,g}" if abs(value) < 1e9 and value != int(value) else f"{int(value):,}"


# The metrics


def page_of_metrics() -> str:
    """Return every metric of the monitor and of its console."""
    ours = probe_families()
    return page_from(
        "metrics.md.j2",
        UNKNOWN=UNKNOWN,
        OTHER=OTHER,
        MAX_LABEL_VALUES=MAX_LABEL_VALUES,
        MAX_NEW_OF_ONE=MAX_NEW_OF_ONE,
        ours=map(_metric, ours),
        edges=[_edges(one) for one in ours if one.type == "histogram"],
        of_the_process=map(_metric, _probe_families(of_process=True)),
        of_the_console=map(_metric, console_families()),
    )


def probe_families() -> list[Metric]:
    """Return what the monitor shows with all that settings may add, those of its process aside."""
    return _probe_families(of_process=False)


def _probe_families(*, of_process: bool) -> list[Metric]:
    metrics = ProbeMetrics(new_registry(), version="VERSION", follows_platform=True, asks_api=True)
    judge = JudgeMetrics(new_registry(), backends=BACKENDS)
    families = [*metrics.registry.collect(), *judge.registry.collect()]
    return [one for one in families if one.name.startswith("process_") is of_process]


def console_families() -> list[Metric]:
    """Return what the console shows, those of its process aside."""
    metrics = ConsoleMetrics()
    metrics.watch(watchers=lambda: 0.0, ahead_s=lambda: 0.0, provider_up=lambda: 1.0)
    found = metrics.registry.collect()
    return [one for one in found if not one.name.startswith("process_")]


def _metric(family: Metric) -> tuple[str, str, str, str]:
    values: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                values.setdefault(label, {})[value] = None
    labels = "; ".join(f"{code(label)}: {', '.join(found)}" for label, found in values.items())
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return code(name), family.type, labels, family.documentation


def _edges(family: Metric) -> tuple[str, str]:
    edges = dict.fromkeys(
        sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")
    )
    return code(family.name), ", ".join(f"{float(edge):g}" for edge in edges)
