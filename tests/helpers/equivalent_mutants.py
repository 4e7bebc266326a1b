"""The changes to the core that no test can notice. What lists them needs no mutmut."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.helpers.places import ROOT

EQUIVALENT: Final = ROOT / "tests" / "mutants" / "equivalent.txt"
FUNCTION: Final = re.compile(r"^  ([\w.]+): (.*)\n((?:  [-+] .*(?:\n|$))+)", re.MULTILINE)
CHANGE: Final = re.compile(r"^  - (.*)(?:\n  \+ (.*))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a function: the lines before and after it, white space folded."""

    function: str
    old: str
    new: str


def folded(code: str) -> str:
    """Return `code` with each run of white space as one blank."""
    return " ".join(code.split())


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change that no test can notice, with the reason; without `new` any change to `old`."""

    path: Path
    function: str
    old: str
    new: str | None
    why: str

    def covers(self, change: Change) -> bool:
        """Return whether this is the change."""
        return (
            (self.function, self.old) == (change.function, change.old)
            and self.new in (None, change.new)
        )  # fmt: skip


@cache
def equivalents() -> tuple[Equivalent, ...]:
    """Return the changes that no test can notice."""
    _about, *files = EQUIVALENT.read_text("utf-8").split("\n\n")
    return tuple(
        Equivalent(Path(path), function, folded(old), folded(new) or None, why)
        for path, _, functions in (file.partition("\n") for file in files)
        for function, why, changes in FUNCTION.findall(functions)
        for old, new in CHANGE.findall(changes)
    )
