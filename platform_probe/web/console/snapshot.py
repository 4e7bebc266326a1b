"""A warm database over a store or records, made anew when their files change.

Opening files, reading lines that are not packed yet and finding revisions takes longer than a
question: so it is done once for all who look, beside them. What is shown may be some seconds old,
and says so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from platform_probe.store.duck import Duck, FileGoneError, Rows
from platform_probe.store.layout import Part
from platform_probe.store.reading import Source, Span, revision_that_holds
from platform_probe.store.schema import ATTEMPTS, TABLES, Table
from platform_probe.support.rows import Row, as_rows

FRESH_S: Final = 5.0
"""A database is looked at so long before it is asked whether files have changed [E]."""
STALE_S: Final = 15.0
"""One that is older is waited for: nobody has looked for a while [E]."""
MEMORY: Final = "1GB"
"""What the database takes at most before it goes to the disk."""
THREADS: Final = 2
MAX_REMEMBERED: Final = 500
"""Answers that are kept with a database: dozens look at the same pages."""
MOST_ROWS: Final = 500
LISTED: Final = 50
"""Unlocks of one id that a page lists."""
FEW_OF_UNLOCK: Final = (
    "started_at, attempt_id, vehicle_id, booking_id, account_id, outcome, cause, failure_mode,"
    " total_s, region, operator, firmware, app_version, flags"
)
"""Columns that lists of unlocks show: each column takes its time to be read."""
_OF_ANY_ID: Final = f"{FEW_OF_UNLOCK}, command_id, trace_id"
AHEAD_S: Final = 600.0
"""Records that are further ahead of this machine's clock do not say when now is."""
_TRIES: Final = 5
_T = TypeVar("_T")


@dataclass
class Snapshot:
    """What was known at a moment."""

    source: Source
    duck: Duck
    newest_s: float
    """Of the newest record, Unix seconds; where some are ahead of the clock, of the others."""
    ahead_s: float
    """How far the newest of all is ahead of this machine's clock; 0: not."""
    begins_s: float
    """Of the oldest record, as far as files say, Unix seconds."""
    parts: Mapping[str, Sequence[Part]]
    """The files of each table that are packed."""
    taken_s: float
    """When its files were read, Unix seconds."""
    _remembered: dict[Any, Any] = field(default_factory=dict)

    @property
    def is_all_ahead(self) -> bool:
        """Whether there is no record that is not ahead of this machine's clock."""
        return self.newest_s > self.taken_s + AHEAD_S

    def rows(self, sql: str, values: Mapping[str, Any], limit: int = MOST_ROWS) -> list[Row]:
        """Return what a query finds. Raises `FileGoneError`, `ConfigError`."""
        return as_rows(self.asked(sql, values, limit=limit))

    def asked(self, sql: str, values: Mapping[str, Any], *, limit: int = MOST_ROWS) -> Rows:
        """Return what a query finds, with the names of its columns; any thread may ask."""
        key = (sql, repr(sorted(values.items())), limit)
        if (kept := self._remembered.get(key)) is not None:
            return kept  # type: ignore[no-any-return]
        beside = self.duck.beside()
        try:
            found = beside.query(sql, values, limit=limit)
        finally:
            beside.close()
        if len(self._remembered) < MAX_REMEMBERED:
            self._remembered[key] = found
        return found

    def once(self, key: str, make: Callable[[], _T]) -> _T:
        """Return what `make` makes of this snapshot, the first time that it is asked for."""
        if key not in self._remembered:
            self._remembered[key] = make()
        return self._remembered[key]  # type: ignore[no-any-return]

    def unlocks_of(self, any_id: str) -> list[Row]:
        """Return the last unlocks that have an id, the last one first: what is listed of them."""
        key = ("unlocks of", any_id)
        if (kept := self._remembered.get(key)) is not None:
            return kept  # type: ignore[no-any-return]
        beside = self.duck.beside()
        try:
            found = as_rows(
                self.source.find(
                    beside,
                    any_id,
                    parts=self.parts[ATTEMPTS.name],
                    columns=_OF_ANY_ID,
                    limit=LISTED,
                )
            )
        finally:
            beside.close()
        if found and len(self._remembered) < MAX_REMEMBERED:
            self._remembered[key] = found
        return found

    def within(self, table: Table, since_s: float, until_s: float) -> str:
        """Return the SQL of rows of a table that may be of a time, without looking elsewhere.

        Of an unlock it is the revision that holds, and it is of that time.
        """
        span = Span(since_s, until_s)
        rows = self.source.rows_within(table, self.parts[table.name], span)
        if table is not ATTEMPTS:
            return f"({rows})"
        return (
            f"({revision_that_holds(f'({rows})')} AND one.started_at BETWEEN"
            f" make_timestamp({since_s * 1e6:.0f}::BIGINT) AND"
            f" make_timestamp({until_s * 1e6:.0f}::BIGINT))"
        )

    def span(self, seconds: float) -> Span:
        """Return the time that ends with the newest record."""
        return Span(self.newest_s - seconds, self.newest_s)


class Looking:
    """Gives the newest snapshot to whoever looks."""

    def __init__(self, directory: Path) -> None:
        """Look at a store or records. Raises `ConfigError` where there are none."""
        self._source = Source(directory)
        self._spill = tempfile.TemporaryDirectory(prefix="console-")
        self._making = Lock()
        self._current: Snapshot | None = None
        self._listing: Sequence[Any] = ()
        self._checked_s = 0.0
        """When the files were listed last, on the monotonic clock."""

    def read(self, work: Callable[[Snapshot], _T]) -> _T:
        """Return what `work` makes of a snapshot; again where files have gone meanwhile."""
        for left in reversed(range(_TRIES)):
            snapshot = self._snapshot()
            try:
                return work(snapshot)
            except FileGoneError as gone:
                if not left:
                    raise OSError(str(gone)) from None
                self._make(again=True)
        raise AssertionError  # the last try returns or raises

    def read_newest(self, work: Callable[[Snapshot], _T]) -> _T:
        """Return what `work` makes of all that there is by now."""
        self._make()
        return self.read(work)

    @property
    def ahead_s(self) -> float:
        """How far the newest record, when it was looked at, was ahead of this machine's clock."""
        return 0.0 if self._current is None else self._current.ahead_s

    def close(self) -> None:
        """Let go of the files."""
        with self._making:
            self._current = None
            self._spill.cleanup()

    def _snapshot(self) -> Snapshot:
        age_s = time.monotonic() - self._checked_s
        current = self._current
        if current is None or age_s > STALE_S:
            self._make()
        elif age_s > FRESH_S and not self._making.locked():
            Thread(target=self._make, daemon=True).start()
        current = self._current
        assert current is not None  # noqa: S101 - it was made, or that has raised
        return current

    def _make(self, *, again: bool = False) -> None:
        """Make a snapshot if files have changed. Raises `OSError`."""
        with self._making:
            for left in reversed(range(_TRIES)):
                began_s = time.monotonic()
                listing = self._listed()
                if not again and self._current is not None and listing == self._listing:
                    self._checked_s = began_s
                    return
                try:
                    self._current = self._made()
                except FileGoneError as gone:
                    if not left:
                        raise OSError(str(gone)) from None
                    continue
                self._listing, self._checked_s = listing, began_s
                return

    def _made(self) -> Snapshot:
        taken_s = time.time()
        parts = {name: self._source.files(table).parts for name, table in TABLES.items()}
        duck = self._source.opened(
            threads=THREADS, memory=MEMORY, spill=Path(self._spill.name), keep_lines=True
        )
        recorded = self._source.recorded()
        begins_s = 0.0 if recorded is None else recorded.since_s or 0.0
        newest_s = self._newest_s(duck)
        ahead_s = newest_s - taken_s if newest_s > taken_s + AHEAD_S else 0.0
        if ahead_s:
            newest_s = _newest_before(duck, taken_s + AHEAD_S) or newest_s
        return Snapshot(self._source, duck, newest_s, ahead_s, begins_s, parts, taken_s)

    def _newest_s(self, duck: Duck) -> float:
        """Return the time of the newest unlock, or of the newest record where there is none."""
        for table in TABLES.values():
            lines = "attempt_lines" if table is ATTEMPTS else f"{table.name}_lines"
            newest = duck.run(f"SELECT max(epoch({table.time})) FROM {lines}")[0][0] or 0.0
            times = [float(part.latest) for part in self._source.files(table).parts]
            if any((newest, *times)):
                return max([newest, *times])
        return 0.0

    def _listed(self) -> Sequence[Any]:
        """Return what tells whether there is something new: names and sizes."""
        found: list[Any] = []
        for table in TABLES.values():
            files = self._source.files(table)
            found.append([part.name for part in files.parts])
            found.append([(str(path), _size(path)) for path in files.lines])
        return found


def _newest_before(duck: Duck, until_s: float) -> float | None:
    """Return the time of the newest unlock until a moment, or of the newest record."""
    for table in TABLES.values():
        newest = duck.run(
            f"SELECT max(epoch({table.time})) FROM {table.name}"
            f" WHERE {table.time} <= make_timestamp({until_s * 1e6:.0f}::BIGINT)"
        )[0][0]
        if newest is not None:
            return float(newest)
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
