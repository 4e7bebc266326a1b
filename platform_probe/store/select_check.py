"""Checks that SQL of a user is one SELECT that reads the tables of the store and nothing else.

DuckDB parses the text, and every part of its syntax tree must be known here. So whatever a later
release of DuckDB adds is refused until somebody has looked at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fleet_wire.errors import ConfigError
from platform_probe.store.duck import Duck

_EXPLAIN: Final = re.compile(r"\s*EXPLAIN\b(?:\s+ANALYZE\b)?", re.IGNORECASE)
_CTE_NAME: Final = re.compile(r"\w+")
"""A name that no file has: DuckDB reads a file for an unknown table that is named like one."""
_PARTS: Final = frozenset(
    {
        # queries
        "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
        # what they read, besides BASE_TABLE, TABLE_FUNCTION and SHOW_REF
        "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY",
        # how their rows are ordered and limited
        "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER",
        "ASCENDING", "DESCENDING", "ORDER_DEFAULT",
    }
)  # fmt: skip
_TABLE_FUNCTIONS: Final = frozenset({"generate_series", "range", "unnest"})
_RANDOM: Final = frozenset({"error", "gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7"})
"""Functions that DuckDB marks as volatile, though they change nothing and say nothing secret."""
_REVEALING: Final = frozenset({"current_setting", "getenv", "getvariable", "json_serialize_plan"})
"""Functions that say how the process is set up, or that plan another statement."""


def check_select(sql: str, duck: Duck) -> None:
    """Raise `ConfigError` unless the text is one SELECT, or EXPLAIN of one, over tables of `duck`.

    DESCRIBE, SUMMARIZE and SHOW TABLES are SELECTs too.
    """
    kind, tree = duck.parsed(sql)
    explained = _EXPLAIN.match(sql)
    if kind == "EXPLAIN" and explained is not None:
        kind, tree = duck.parsed(sql[explained.end() :])
    if kind != "SELECT":
        raise _only_select(kind)
    parts = list(_dicts_in(tree))
    tables = _names(duck, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
    tables |= _names(duck, "SELECT table_name FROM duckdb_tables() WHERE NOT internal")
    tables = {name for name in tables if not name.endswith("_lines")}  # parts of the others
    volatile = _names(
        duck, "SELECT function_name FROM duckdb_functions()"
        " WHERE stability = 'VOLATILE' OR has_side_effects",
    )  # fmt: skip
    own = {name for part in parts for name in _cte_names(part)}
    refused = (volatile | _REVEALING) - _RANDOM
    for part in parts:
        _check_part(part, tables, own, refused)


def _check_part(part: dict[str, Any], tables: set[str], own: set[str], refused: set[str]) -> None:
    """Check one object of a syntax tree: an expression has a class, everything else a type."""
    kind = part.get("type")
    if "class" in part:
        if _last_name(part) in refused:
            raise ConfigError([f"SQL: {_last_name(part)}() is not allowed here"])
    elif kind == "BASE_TABLE":
        name = ".".join(part["qualified_name"]["path"])
        if name.lower() not in tables | own:
            known = ", ".join(sorted(tables))
            raise ConfigError([f"SQL: there is no table {name!r} here; the tables are {known}"])
    elif kind == "TABLE_FUNCTION":
        if (name := _last_name(part["function"])) not in _TABLE_FUNCTIONS:
            problem = f"SQL: {name}() is not allowed here: a SELECT reads the tables of the store"
            raise ConfigError([problem])
    elif kind == "SHOW_REF":
        if part["query"] is None and part["table_name"] != '"tables"':
            raise ConfigError(["SQL: of SHOW only SHOW TABLES is allowed here"])
    elif isinstance(kind, str) and kind not in _PARTS:
        raise _only_select(kind.removesuffix("_QUERY_NODE"))


def _only_select(kind: str) -> ConfigError:
    hint = "; PIVOT needs IN (…) with its values" if kind == "MULTI" else ""
    return ConfigError(
        [f"SQL: only SELECT is allowed here, not {kind}: a store is read only{hint}"]
    )


def _last_name(function: dict[str, Any]) -> str:
    """Return the name of a function without its schema; empty for another expression."""
    return str(function.get("function_name", "")).lower()


def _cte_names(part: dict[str, Any]) -> Iterator[str]:
    """Yield the names that a query gives to queries of its own. Raises `ConfigError`."""
    for entry in part.get("cte_map", {}).get("map", ()):
        if not _CTE_NAME.fullmatch(entry["key"]):
            problem = f"SQL: WITH {entry['key']!r}: use letters, digits and _ for the name"
            raise ConfigError([problem])
        yield entry["key"].lower()


def _names(duck: Duck, sql: str) -> set[str]:
    return {name.lower() for (name,) in duck.run(sql)}


def _dicts_in(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a syntax tree."""
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
