"""Rows of the store, and their times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Row = Mapping[str, Any]
"""A row of a table by column; times in UTC without a zone."""


def unix_s(time: datetime) -> float:
    """Return the Unix time of a row's time."""
    return time.replace(tzinfo=UTC).timestamp()


def utc(at_s: float) -> datetime:
    """Return Unix seconds as a time of a row."""
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
