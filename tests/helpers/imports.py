"""What a module imports, wherever in it, and its statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def imported_names(path: Path) -> tuple[tuple[str, str], ...]:
    """Return module and name of each import of a file: for types only, and in functions, too."""
    return tuple(
        (alias.name, "") if isinstance(node, ast.Import) else (node.module or "", alias.name)
        for node in statements_of(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )


def statements_of(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each statement of a module, inner ones too, but nothing of what expressions hold."""
    left: list[ast.AST] = [tree]
    while left:
        for node in ast.iter_child_nodes(left.pop()):
            if not isinstance(node, ast.expr):
                yield node
                left.append(node)
