"""How much is kept, what the keeper reports, and what a query of a user may use."""

from __future__ import annotations

from typing import Final

import msgspec

DEFAULT_MEMORY_MIB: Final = 224
"""The memory of the database behind the console's pages: they answer with 200 [E]."""
DEFAULT_THREADS: Final = 2
MIN_SQL_MIB: Final = 256
"""Python and an idle DuckDB need 110."""
MAX_SQL_MIB: Final = 1_048_576


class BucketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket, and the age of files that go there."""

    bucket: str
    endpoint: str | None = None
    """None: that of AWS for the region."""
    region: str = "us-east-1"
    prefix: str = ""
    key_file: str | None = None
    """Two lines, the id of the key and its secret; None: as the environment says."""
    after_s: float | None = None
    """Files that were complete so long ago go there; None: no more of them."""
    max_bytes: int = 2**50
    """The size limit of all files there; the oldest are removed first."""
    cache_bytes: int = 2**31
    """The size limit of fetched copies; the one that was not read for longest goes first."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept."""

    max_age_s: float
    """Files that were complete so long ago are removed."""
    max_bytes: int
    """All files together; the oldest are removed first."""
    bucket: BucketSettings | None = None
    """The destination of older files; None: nowhere."""
    journal: str | None = None
    """The directory of the monitor's journal, of which packed segments are kept; None: none are."""
    journal_max_age_s: float = 0.0
    """Packed segments that ended so long ago are removed."""


class Report(msgspec.Struct, kw_only=True):
    """The results of a keeper."""

    sealed: int = 0
    """Write-ahead files that became Parquet."""
    rows: int = 0
    """Their rows."""
    unreadable: int = 0
    """Their lines that were torn, or no JSON of the table."""
    merged: int = 0
    removed: int = 0
    """Files that were too old, or too much."""
    moved: int = 0
    """Files that went to the bucket."""
    packed: int = 0
    """Segments of the journal that were packed."""
    waiting: int = 0
    """Files that should have gone there, and stay here until they can."""
    bucket_error: str | None = None
    """Why they could not."""
    error: str | None = None
    """Why it stopped before it was done; the next one tries again."""


class SqlLimits(msgspec.Struct, frozen=True):
    """The limits of one query of a user."""

    memory_mib: int
    """The memory of the whole process, `MIN_SQL_MIB` at least."""
    max_s: float
    """Reading the store included."""
    answer_mib: int
    """The size of all rows: the asking process holds them in memory."""
