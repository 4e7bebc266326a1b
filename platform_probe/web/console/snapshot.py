"""A warm database over a store or records, which reads on as their files grow.

Opening files, reading unpacked lines and finding revisions is slower than a question. So it is done
once for all viewers, in the background, and lines are read once. What is shown may be some seconds
old, and says so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Event, Lock, RLock, Thread
from typing import Any, Final, TypeVar

from platform_probe.store.damaged import named
from platform_probe.store.duck import DamagedFileError, Duck, FileGoneError, Rows
from platform_probe.store.growing import Growing
from platform_probe.store.limits import DEFAULT_MEMORY_MIB, DEFAULT_THREADS, SqlLimits
from platform_probe.store.reading import Source, Span, lines_view, revision_that_holds
from platform_probe.store.schema import ATTEMPTS, TABLES, Table
from platform_probe.store.user_sql import run_user_sql
from platform_probe.tell.support.rows import Row, as_rows

FRESH_S: Final = 5.0
"""The interval of reading new lines while somebody looks [E]."""
STALE_S: Final = 15.0
"""What is older is waited for: nobody has looked for a while [E]."""
WARM_S: Final = 600.0
"""The time after the last look in which new lines are still read: a viewer with a look a minute
does not wait.
"""
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
_USER_SQL: Final = Lock()
"""Held by a thread that runs SQL of a user: the memory that it may use is used once."""
_ASKING: Final = RLock()
"""Held by a thread that asks the database: queries side by side need as much memory each, and one
uses all cores by itself."""
_T = TypeVar("_T")


@dataclass
class Snapshot:
    """The records that were known at a moment."""

    source: Source
    growing: Growing
    duck: Duck
    """A connection that sees what was known then, for one thread at a time."""
    newest_s: float
    """The time of the newest record, Unix seconds; records ahead of the clock do not count."""
    ahead_s: float
    """How far the newest of all is ahead of this machine's clock; 0: not."""
    begins_s: float
    """The time of the oldest record, as far as files show, Unix seconds."""
    taken_s: float
    """When its files were read, Unix seconds."""
    _remembered: dict[Any, Any] = field(default_factory=dict)
    _remembering: Lock = field(default_factory=Lock)
    _once: dict[str, Any] = field(default_factory=dict)

    @property
    def is_all_ahead(self) -> bool:
        """Whether there is no record that is not ahead of this machine's clock."""
        return self.newest_s > self.taken_s + AHEAD_S

    @contextmanager
    def connection(self) -> Iterator[Duck]:
        """Give a connection for one thread at a time, which sees what was known then."""
        with _ASKING:
            try:
                yield self.duck
            except Exception:
                self.duck.run("ROLLBACK")  # an error ends what it saw: it goes on with all of now
                self.duck.run("BEGIN")
                raise

    def rows(self, sql: str, values: Mapping[str, Any], limit: int = MOST_ROWS) -> list[Row]:
        """Return what a query finds. Raises `FileGoneError`, `ConfigError`."""
        return as_rows(self.query(sql, values, limit=limit))

    def query(self, sql: str, values: Mapping[str, Any], *, limit: int = MOST_ROWS) -> Rows:
        """Return what a query finds, with the names of its columns; any thread may ask."""
        key = (sql, repr(sorted(values.items())), limit)
        if (kept := self._remembered.get(key)) is not None:
            return kept  # type: ignore[no-any-return]
        with self.connection() as duck:
            found = duck.query(sql, values, limit=limit)
        self._remember(key, found)
        return found

    def found_by_user(
        self, sql: str, values: Mapping[str, Any], *, limit: int, limits: SqlLimits
    ) -> Rows:
        """Return what a SELECT of a user finds in the files, one after the other.

        It does not find customers: its text may hide them from the pages, which mask them by
        column. Raises `ConfigError`, `OSError`.
        """
        key = ("of a user", sql, repr(sorted(values.items())), limit)
        with _USER_SQL:
            if (kept := self._remembered.get(key)) is not None:
                return kept  # type: ignore[no-any-return]
            found = run_user_sql(
                self.source, sql, values, rows=limit, limits=limits, hides_customers=True
            )
            self._remember(key, found)
        return found

    def _remember(self, key: Any, found: Any) -> None:
        """Keep an answer, in place of the oldest where there are many."""
        with self._remembering:
            if len(self._remembered) >= MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = found

    def once(self, key: str, make: Callable[[], _T]) -> _T:
        """Return what `make` makes of this snapshot, the first time that it is asked for."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]  # type: ignore[no-any-return]

    def unlocks_of(self, any_id: str) -> list[Row]:
        """Return the last unlocks that have an id, the last one first: what is listed of them."""
        key = ("unlocks of", any_id)
        if (kept := self._remembered.get(key)) is not None:
            return kept  # type: ignore[no-any-return]
        with self.connection() as duck:
            parts = self.growing.parts[ATTEMPTS.name]
            found = as_rows(
                self.source.find(duck, any_id, parts=parts, columns=_OF_ANY_ID, limit=LISTED)
            )
        if found:
            self._remember(key, found)
        return found

    def within(self, table: Table, since_s: float, until_s: float) -> str:
        """Return the SQL of rows of a table that may be of a time, without looking elsewhere.

        An unlock appears as its valid revision, in that time.
        """
        span = Span(since_s, until_s)
        rows = self.source.rows_within(table, self.growing.parts[table.name], span)
        if table is not ATTEMPTS:
            return f"({rows})"
        is_then = f"one.started_at >= make_timestamp({since_s * 1e6:.0f}::BIGINT)"
        if until_s < inf:
            is_then += f" AND one.started_at <= make_timestamp({until_s * 1e6:.0f}::BIGINT)"
        return f"({revision_that_holds(f'({rows})')} AND {is_then})"

    def span(self, seconds: float) -> Span:
        """Return the time that ends with the newest record."""
        return Span(self.newest_s - seconds, self.newest_s)


class Looking:
    """Gives the newest snapshot to all viewers."""

    def __init__(
        self,
        directory: Path,
        *,
        memory_mib: int = DEFAULT_MEMORY_MIB,
        threads: int = DEFAULT_THREADS,
    ) -> None:
        """Look at a store or records, with so much memory before the disk is used.

        Raises `ConfigError` where there are none.
        """
        self._source = Source(directory)
        self._memory = f"{memory_mib}MiB"
        self._threads = threads
        self._spill = tempfile.TemporaryDirectory(prefix="console-")
        self._making = Lock()
        self._growing: Growing | None = None
        self._begins_s = 0.0
        self._current: Snapshot | None = None
        self._checked_s = 0.0
        """When the files were listed last, on the monotonic clock."""
        self._looked_s = 0.0
        """When somebody looked last, on the monotonic clock."""
        self._keeper: Thread | None = None
        self._is_closed = Event()

    def read(self, work: Callable[[Snapshot], _T]) -> _T:
        """Return what `work` makes of a snapshot; again where files have gone meanwhile."""
        for left in reversed(range(_TRIES)):
            snapshot = self._snapshot()
            try:
                return work(snapshot)
            except DamagedFileError as error:
                raise named(error, self._source.directory) from None
            except FileGoneError as gone:
                if not left:
                    raise OSError(str(gone)) from None
                with self._making:
                    if self._growing is snapshot.growing:
                        self._growing = None
                self._make()
        raise AssertionError  # the last try returns or raises

    def read_newest(self, work: Callable[[Snapshot], _T]) -> _T:
        """Return what `work` makes of all that there is by now."""
        self._make()
        return self.read(work)

    def has_newer(self, snapshot: Snapshot) -> bool:
        """Return whether by now there is more than in a snapshot, which `read` takes then."""
        self._make()
        return self._current is not snapshot

    @property
    def ahead_s(self) -> float:
        """How far the newest record, when it was looked at, was ahead of this machine's clock."""
        return 0.0 if self._current is None else self._current.ahead_s

    def close(self) -> None:
        """Close the files."""
        self._is_closed.set()
        with self._making:
            self._growing = self._current = None
            self._spill.cleanup()

    def _snapshot(self) -> Snapshot:
        now_s = self._looked_s = time.monotonic()
        if self._current is None or now_s - self._checked_s > STALE_S:
            self._make()
        if self._keeper is None or not self._keeper.is_alive():
            self._keeper = Thread(target=self._keep, daemon=True)
            self._keeper.start()
        current = self._current
        assert current is not None  # noqa: S101 - it was made, or that has raised
        return current

    def _keep(self) -> None:
        """Read new lines while somebody looks. In a thread."""
        while not self._is_closed.wait(FRESH_S):
            if time.monotonic() - self._looked_s < WARM_S:
                with suppress(OSError):  # whoever looks next is told
                    self._make()

    def _make(self) -> None:
        """Have a snapshot of all that there was when this was called. Raises `OSError`.

        The first of several simultaneous callers makes it.
        """
        asked_s = time.monotonic()
        with self._making:
            if self._checked_s >= asked_s or self._is_closed.is_set():
                return
            for left in reversed(range(_TRIES)):
                began_s = time.monotonic()
                try:
                    self._read_on()
                except DamagedFileError as error:
                    raise named(error, self._source.directory) from None
                except FileGoneError as gone:
                    if not left:
                        raise OSError(str(gone)) from None
                    continue
                self._checked_s = began_s
                return

    def _read_on(self) -> None:
        """Read what is new, with another database where files were packed. Raises `OSError`."""
        taken_s, growing, self._growing = time.time(), self._growing, None  # for good if it fails
        has_new = None if growing is None else growing.read_on()
        if growing is None or has_new is None:
            growing = Growing(
                self._source,
                threads=self._threads,
                memory=self._memory,
                spill=Path(self._spill.name),
            )
            has_new = True
            recorded = self._source.recorded()
            self._begins_s = 0.0 if recorded is None else recorded.since_s or 0.0
            if growing.read_on() is None:
                raise FileGoneError("files were packed while they were read")
        if has_new or self._current is None:
            self._current = self._make_snapshot(growing, taken_s)
        self._growing = growing

    def _make_snapshot(self, growing: Growing, taken_s: float) -> Snapshot:
        duck = growing.connection()
        newest_s = _newest_s(growing, duck)
        ahead_s = newest_s - taken_s if newest_s > taken_s + AHEAD_S else 0.0
        if ahead_s:
            newest_s = _newest_before(duck, taken_s + AHEAD_S) or newest_s
        return Snapshot(
            source=self._source,
            growing=growing,
            duck=duck,
            newest_s=newest_s,
            ahead_s=ahead_s,
            begins_s=self._begins_s,
            taken_s=taken_s,
        )


def _newest_s(growing: Growing, duck: Duck) -> float:
    """Return the time of the newest unlock, or of the newest record where there is none."""
    for name, table in TABLES.items():
        newest = duck.run(f"SELECT max(epoch({table.time})) FROM {lines_view(table)}")[0][0] or 0.0
        times = [float(part.latest) for part in growing.parts[name]]
        if any((newest, *times)):
            return max([newest, *times])
    return 0.0


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
