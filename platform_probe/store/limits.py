"""What the monitor and the keeper say to each other."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept."""

    max_age_s: float
    """Files that were complete so long ago are removed."""
    max_bytes: int
    """All files together; the oldest are removed first."""


class Report(msgspec.Struct, kw_only=True):
    """What a keeper did."""

    sealed: int = 0
    """Write-ahead files that became Parquet."""
    rows: int = 0
    """Their rows."""
    unreadable: int = 0
    """Their lines that were torn, or no JSON of the table."""
    merged: int = 0
    removed: int = 0
    """Files that were too old, or too much."""
    error: str | None = None
    """Why it stopped before it was done; the next one tries again."""
