"""The changes to the core that no test can notice. What lists them needs no mutmut."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.helpers.places import ROOT

EQUIVALENT: Final = ROOT / "tests" / "mutants" / "equivalent.toml"


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
    return tuple(
        Equivalent(
            path=Path(path),
            function=entry["in"],
            old=folded(entry["old"]),
            new=folded(entry["new"]) if "new" in entry else None,
            why=entry["why"],
        )
        for path, entries in tomllib.loads(EQUIVALENT.read_text("utf-8")).items()
        for entry in entries
    )
