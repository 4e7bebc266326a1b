"""Writes tables of Markdown, and reads what the code says about its own names."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Sequence
from itertools import pairwise
from textwrap import dedent


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a row on each line."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    """Return a text as code."""
    return f"`{text}`"


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
