"""Rows of the store, and their times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from platform_probe.store.duck import Rows

Row = Mapping[str, Any]
"""A row of a table by column; times in UTC without a zone."""
Query = Callable[[str, Mapping[str, Any]], Iterable[Row]]
"""Returns what a query finds, by its SQL and its parameters."""


def as_rows(found: Rows) -> list[Row]:
    """Return what was found, by the names of its columns."""
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def unix_s(time: datetime) -> float:
    """Return the Unix time of a row's time."""
    return time.replace(tzinfo=UTC).timestamp()


def utc(at_s: float) -> datetime:
    """Return Unix seconds as a time of a row."""
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
