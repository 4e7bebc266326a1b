"""Where things are, and who imports whom: what holds for the tree as a whole.

import-linter (pyproject.toml) says which packages may know which; here is what it does not see.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.imports import imported_names
from tests.helpers.longest_first import LONGEST
from tests.helpers.places import ROOT

PACKAGES = ("fleet_wire", "fleet_sim", "platform_probe")
TESTS = ROOT / "tests"


def module_of(path: Path) -> str:
    """Return the dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def import_graph() -> dict[str, set[str]]:
    """Return which of our modules each of our modules imports."""
    paths = {module_of(path): path for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    return {
        module: {
            next(name for name in (f"{source}.{item}", source) if name in paths)
            for source, item in imported_names(path)
            if source in paths
        }
        for module, path in sorted(paths.items())
    }


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return circles of imports, the first module once more at the end; none share an import."""
    imports = {module: sorted(names) for module, names in graph.items()}
    found: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]  # it goes from the imported to the importer
            found.append(circle)
            imports[circle[0]].remove(circle[1])
        else:
            return found


def test_no_circle_of_imports() -> None:
    """Modules can be read one after the other, each from those that it imports."""
    found = circles(import_graph())
    told = [f"{len(circle) - 1} modules: {' -> '.join(circle)}" for circle in found]
    if told:
        pytest.fail("\n".join(["circles of imports", *told]), pytrace=False)


def test_a_circle_is_found_and_named() -> None:
    """Each has its path, in the direction of the imports."""
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"b"}, "e": {"a"}}
    assert sorted(circles(graph)) == [["a", "b", "c", "a"], ["b", "d", "b"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_test_imports_a_test() -> None:
    """What tests share is in tests/helpers."""
    for path in TESTS.rglob("*.py"):
        for source, item in imported_names(path):
            tests = [part for part in (*source.split("."), item) if part.startswith("test_")]
            assert not (source.startswith("tests") and tests), f"{module_of(path)} imports {tests}"


def test_files_that_come_first_are_there() -> None:
    """One that has moved would come whenever, and the last worker would wait for it."""
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []


def test_tests_lie_where_what_they_test_lies() -> None:
    """Folders are those of the packages; a test with a module's name is in the module's folder."""
    for package in PACKAGES:
        for path in (TESTS / package).rglob("test_*.py"):
            room = path.parent.relative_to(TESTS)
            assert (ROOT / room).is_dir(), f"{room} is no folder of a package"
            name = path.stem.removeprefix("test_")
            modules = (ROOT / package).rglob(f"{name}.py")
            homes = {module.parent.relative_to(ROOT) for module in modules}
            assert not homes or room in homes or room.name == name, f"{path} tests {homes}/{name}"
