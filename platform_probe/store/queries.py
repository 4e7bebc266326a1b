"""Questions that are asked again and again: SQL with a description and parameters, a file each.

A file of `queries/` begins with what it answers, in comments, then its parameters, one comment
each: `-- $minutes = 60: length of a row's time`. One whose default is `null` must be given. One
that stands in a table says in which: `-- $vehicle = null: the car [attempts.vehicle_id]`.
`$since` and `$until`, the time that is asked about in UTC, every query may use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from platform_probe.store.schema import ATTEMPTS, DIAGNOSES, INCIDENTS, LABELS, TABLES, Table

_FOLDER: Final = Path(__file__).parent / "queries"
_PARAMETER: Final = re.compile(r"\$([a-z_]+) = ([^:]+): ([^\[]+?)(?: \[([a-z_., ]+)\])?")
_NAMED: Final = re.compile(r"\$([a-z_]+)\b")
_READ: Final = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)")
_VIEWS: Final = {
    **TABLES,
    **dict.fromkeys(("attempt_revisions", "observed", "hops"), ATTEMPTS),
    "diagnosed": DIAGNOSES,
    "incidents_held": INCIDENTS,
    "labelled": LABELS,
}
"""The table behind whatever a query can read."""
MODES: Final = "modes"
SPAN: Final = ("since", "until")
"""Parameters that every query may use."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query.

    Its default says whether it is a number or a text; None: it must be set.
    """

    name: str
    default: float | str | None
    meaning: str
    among: tuple[tuple[str, str], ...] = ()
    """Tables and columns in which its value stands, if it stands in any; `MODES` alone: it is a
    failure mode."""

    def value_of(self, text: str) -> float | str:
        """Return what a user wrote as its value. Raises `ConfigError`."""
        if not isinstance(self.default, int | float):
            return text
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            raise ConfigError([f"{self.name}: {text!r} is no number"]) from None


@dataclass(frozen=True, slots=True)
class Query:
    """A question."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def tables(self) -> tuple[Table, ...]:
        """Return the tables that it reads."""
        read = (_VIEWS[name] for name in _READ.findall(self.sql) if name in _VIEWS)
        return tuple({table.name: table for table in read}.values())

    def values(self, given: Mapping[str, str], span: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all its parameters. Raises `ConfigError`."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise ConfigError(
                    [f"{self.name} has no parameter {name}{suggestion(name, [*known])}"]
                )
        values = {
            name: parameter.value_of(given[name]) if name in given else parameter.default
            for name, parameter in known.items()
        }
        missing = [name for name, value in values.items() if value is None]
        if missing:
            problem = f"{self.name} needs {', '.join(missing)}: {known[missing[0]].meaning}"
            how = f"--set {missing[0]}=VALUE, or on a board values: {{{missing[0]}: VALUE}}"
            raise ConfigError([f"{problem}; as {how}"])
        return values | {name: span[name] for name in named_in(self.sql) if name in SPAN}


def named_in(sql: str) -> set[str]:
    """Return the names of the parameters in a text of SQL."""
    return set(_NAMED.findall(sql))


@cache
def all_queries() -> dict[str, Query]:
    """Return all of them by name, in its order."""
    paths = sorted(_FOLDER.glob("*.sql"))
    return {path.stem: _read(path.stem, path.read_text("utf-8")) for path in paths}


def query_named(name: str) -> Query:
    """Return a query. Raises `ConfigError` where there is none of that name."""
    queries = all_queries()
    if name not in queries:
        raise ConfigError([f"no query {name!r}{suggestion(name, [*queries])}; see query list"])
    return queries[name]


def _read(name: str, text: str) -> Query:
    lines = text.splitlines()
    comments = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    parameters = [match for line in comments if (match := _PARAMETER.fullmatch(line))]
    description = [line for line in comments if not _PARAMETER.fullmatch(line)]
    return Query(
        name,
        " ".join(description),
        tuple(_parameter(*match.groups()) for match in parameters),
        "\n".join(line for line in lines if not line.startswith("-- ")),
    )


def _parameter(name: str, default: str, meaning: str, among: str | None) -> Parameter:
    columns = () if among is None else tuple(each.partition(".")[::2] for each in among.split(", "))
    return Parameter(name, msgspec.json.decode(default), meaning, columns)
