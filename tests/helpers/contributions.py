"""Contributions as CONTRIBUTING.md describes them, each made in a copy of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.helpers.pages import example_files, rows, section
from tests.helpers.places import ROOT
from tests.helpers.project_copy import contents, copy_project, run_in
from tests.helpers.shipped import yaml

TABLE: Final = section(
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "Where a new thing goes"
)
_QUOTED: Final = re.compile(r"`([^`\s]+)`|\((docs/[\w/.-]+)[#)]|(docs/[\w/.-]+)")


@dataclass(frozen=True)
class Edit:
    """Text that goes into a file: after `after` where the file exists, else as a new file."""

    path: str
    text: str
    after: str = ""

    def make(self, project: Path) -> None:
        """Write it. Raises `LookupError` when the file no longer has the line it goes after."""
        path = project / self.path
        if not self.after:
            assert not path.exists(), f"{self.path} exists already"
            path.write_text(self.text, encoding="utf-8")
            return
        before = path.read_text(encoding="utf-8")
        if before.count(self.after) != 1:
            raise LookupError(f"{self.path} has {self.after!r} {before.count(self.after)} times")
        path.write_text(before.replace(self.after, self.after + self.text), encoding="utf-8")


@dataclass(frozen=True)
class Contribution:
    """A new thing, and what CONTRIBUTING.md calls it."""

    adds: str
    edits: Sequence[Edit]
    commands: Sequence[str]
    """They renew pages and run the tests that notice a forgotten step."""

    @property
    def row(self) -> str:
        """The row's second cell: the places that a contributor touches."""
        return next(places for adds, places in rows(TABLE) if adds == self.adds)

    def places(self) -> list[str]:
        """Return the files and folders that the row names, as paths in the project."""
        return [*_paths(self.row)]

    def make(self, project: Path) -> set[str]:
        """Make it in a new copy of the project; return the files that differ from the project."""
        copy_project(project)
        before = contents(project)
        for edit in self.edits:
            edit.make(project)
        modules = " ".join(edit.path for edit in self.edits if edit.path.endswith(".py"))
        for command in (f"ruff check {modules}", f"ruff format --check {modules}", *self.commands):
            run_in(project, command)
        after = contents(project)
        return {
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        }


def _paths(row: str) -> Iterator[str]:
    """Yield each path; "`x.py` there" and a bare name are in the folder that was named last."""
    folder = Path()
    for name, link, bare in _QUOTED.findall(row):
        path = link or bare or name
        if (ROOT / path).exists() and "/" in path:
            folder = Path(path) if path.endswith("/") else Path(path).parent
            yield path
            continue
        there = next((at for at in (folder, folder.parent) if (ROOT / at / path).exists()), None)
        if there is not None:
            yield f"{there / path}"


def _read(file: Path) -> Contribution:
    said = yaml(file)
    return Contribution(said["adds"], [Edit(**edit) for edit in said["edits"]], said["commands"])


MODE: Final = Contribution(
    adds="a failure mode and its fault",
    edits=[Edit(path, text) for path, text in example_files("first_failure_mode").items()],
    commands=["tests.docs --renew", "tests.golden --renew door_frozen"],
)
CONTRIBUTIONS: Final = (MODE, *map(_read, sorted((ROOT / "tests/contributions").glob("*.yaml"))))
