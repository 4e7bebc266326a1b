"""What is imported is declared in pyproject.toml and the reverse, and no imports run in a circle.

import-linter (pyproject.toml) says which packages may know which; here is what it does not see.
"""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.imports import imported_names
from tests.helpers.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"fleet_wire", "fleet_sim", "platform_probe", "bench", "tests"}
SHARED: Final = {
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.proto": "opentelemetry-proto",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
    "google.protobuf": "protobuf",
}
"""The distributions of a package that several share: who has a module is who has its beginning."""
RUN = ("fleet_wire", "fleet_sim", "platform_probe")
STARTED = {"iotcore"}
"""Runs in a process of its own: fleet_sim/broker/process.py."""
NOT_IMPORTED = {
    "editables", "hatchling",  # build and install this project
    "check-jsonschema", "import-linter", "mypy", "ruff", "types-jsonschema",  # make check
    "mkdocs-material",  # the theme of the site: tests/docs/test_site.py
    "pytest-asyncio", "pytest-rerunfailures", "pytest-xdist",  # plugins
    "unlockpath",  # this project, with an extra
}  # fmt: skip


def declared(requirements: list[str]) -> set[str]:
    """Return the names of distributions in a list of requirements."""
    return {normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}


def normal(name: str) -> str:
    """Return a name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(*folders: str) -> dict[str, set[Path]]:
    """Return which distributions the modules below some folders import, and where."""
    found: dict[str, set[Path]] = {}
    for folder in folders:
        for name, places in _imported_below(folder).items():
            found.setdefault(name, set()).update(places)
    return found


_owners = cache(packages_distributions)


@cache
def _imported_below(folder: str) -> dict[str, set[Path]]:
    owners = _owners()
    found: dict[str, set[Path]] = {}
    for path in (ROOT / folder).rglob("*.py"):
        for module, _ in imported_names(path):
            top = module.partition(".")[0]
            if top not in OURS and top not in sys.stdlib_module_names:
                name = next(
                    (owner for begin, owner in SHARED.items() if module.startswith(begin)),
                    owners.get(top, [top])[0],
                )
                found.setdefault(normal(name), set()).add(path.relative_to(ROOT))
    return found


RUNTIME = declared(PROJECT["dependencies"])
EXTRAS = {name: declared(each) for name, each in PROJECT["optional-dependencies"].items()}
OF_PROGRAMS = set[str]().union(
    *(EXTRAS[name] for name in ("cbor", "otlp", "protobuf", "s3", "sweep"))
)


@pytest.mark.parametrize(
    ("folders", "allowed"),
    [(RUN, RUNTIME | OF_PROGRAMS), (("bench", "tests"), RUNTIME.union(*EXTRAS.values()))],
    ids=["programs", "tests and benchmarks"],
)
def test_what_is_imported_is_declared(folders: tuple[str, ...], allowed: set[str]) -> None:
    """A package that comes along with another one today may stay away tomorrow."""
    found = imported(*folders)
    assert {name: places for name, places in found.items() if name not in allowed} == {}


def test_what_is_declared_is_imported() -> None:
    """Else it is dead weight in every installation."""
    found = imported(*OURS).keys() | NOT_IMPORTED
    assert RUNTIME - imported(*RUN).keys() == STARTED
    assert set().union(*EXTRAS.values()) - found == set()
    assert set().union(*EXTRAS.values()) >= NOT_IMPORTED


@pytest.mark.parametrize("name", ["aiohttp", "simpy"])
def test_a_package_whose_private_parts_are_used_has_a_bound(name: str) -> None:
    """Its next minor release may change them: it is tried before users get it."""
    (requirement,) = [each for each in PROJECT["dependencies"] if each.startswith(f"{name}>")]
    bound = re.search(r"<(\d+)\.(\d+)$", requirement)
    assert bound is not None, requirement
    major, minor = map(int, version(name).split(".")[:2])
    assert (int(bound[1]), int(bound[2])) == (major, minor + 1)


def module_of(path: Path) -> str:
    """Return the dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def import_graph() -> dict[str, set[str]]:
    """Return which of our modules each of our modules imports."""
    paths = {module_of(path): path for name in RUN for path in (ROOT / name).rglob("*.py")}
    return {
        module: {
            next(name for name in (f"{source}.{item}", source) if name in paths)
            for source, item in imported_names(path)
            if source in paths
        }
        for module, path in sorted(paths.items())
    }


def test_no_circle_of_imports() -> None:
    """Modules can be read one after the other, each from those that it imports."""
    try:
        TopologicalSorter(import_graph()).prepare()
    except CycleError as error:  # it goes from the imported to the importer
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1][::-1])}", pytrace=False)


def test_no_test_imports_a_test() -> None:
    """What tests share is in tests/helpers."""
    for path in (ROOT / "tests").rglob("*.py"):
        for source, item in imported_names(path):
            tests = [part for part in (*source.split("."), item) if part.startswith("test_")]
            assert not (source.startswith("tests") and tests), f"{module_of(path)} imports {tests}"
