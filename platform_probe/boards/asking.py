"""Asks a store what the panels of a board ask, outside of the console."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from platform_probe.boards.form import Panel
from platform_probe.store.duck import Rows
from platform_probe.store.limits import SqlLimits
from platform_probe.store.queries import named_in, query_named
from platform_probe.store.reading import Source, Span
from platform_probe.store.schema import ATTEMPTS
from platform_probe.store.user_sql import run_user_sql
from platform_probe.tell.support.rows import utc

ROWS: Final = 500
"""Rows of a panel: as many as a page shows."""
LIMITS: Final = SqlLimits(memory_mib=1_024, max_s=60.0, answer_mib=8)


def answer_of(panel: Panel, source: Source, span: Span) -> Rows | None:
    """Return what a store answers; None for a panel that does not ask it. Raises `ConfigError`."""
    times = {"since": utc(span.since_s or 0.0), "until": utc(span.until_s or 0.0)}
    if panel.query is not None:
        query = query_named(panel.query)
        values = query.values(panel.values, times)
        return source.read(lambda duck: duck.query(query.sql, values, limit=ROWS))
    if panel.sql is not None:
        named = {name: times[name] for name in named_in(panel.sql)}
        return run_user_sql(
            source, panel.sql, named, rows=ROWS, limits=LIMITS, hides_customers=True
        )
    return None


@contextmanager
def empty_store() -> Iterator[Source]:
    """Yield a store without records, in which SQL can be tried."""
    with tempfile.TemporaryDirectory(prefix="board-") as directory:
        (Path(directory) / ATTEMPTS.run_file).touch()
        yield Source(Path(directory))
