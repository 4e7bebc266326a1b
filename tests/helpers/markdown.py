"""Writes tables of Markdown, and reads what the code says about its own names."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from textwrap import dedent
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a row on each line."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    """Return a text as code."""
    return f"`{text}`"


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
