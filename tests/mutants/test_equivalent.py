"""The list of changes that no test can notice is about the code as it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.helpers.equivalent_mutants import EQUIVALENT, equivalents, folded
from tests.helpers.places import ROOT


def functions_of(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and code of each function, as `Class.method` where it is one."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, ast.get_source_segment(source, node) or ""
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    name = f"{node.name}.{method.name}"
                    yield name, ast.get_source_segment(source, method) or ""


def test_what_cannot_be_noticed_is_still_there() -> None:
    """The file has the function, the function has the line, and a reason is given."""
    paths = {entry.path for entry in equivalents()}
    codes = {path: dict(functions_of((ROOT / path).read_text(encoding="utf-8"))) for path in paths}
    for entry in equivalents():
        assert entry.old in folded(codes[entry.path][entry.function]), entry
        assert entry.new != entry.old, entry
        assert entry.why, entry


def test_no_line_is_passed_over() -> None:
    """A line of another form would leave a change in the score."""
    text = EQUIVALENT.read_text("utf-8")
    indented = sum(line.startswith("  ") for line in text.splitlines())
    functions = {(entry.path, entry.function, entry.why) for entry in equivalents()}
    listed = [line for entry in equivalents() for line in (entry.old, entry.new) if line]
    assert indented == len(functions) + len(listed)
