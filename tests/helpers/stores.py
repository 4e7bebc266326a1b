"""Stores for tests: unlocks to put in, and ways to put them there."""

from __future__ import annotations

import atexit
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar

import msgspec

from fleet_wire.contract.attempt import (
    Attempt,
    PlatformSide,
    Record,
    Source,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.broker_log import BrokerEvent
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.messages import Phase
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import (
    BrokerLine,
    CarMessage,
    Entry,
    PlatformLine,
    RecordWritten,
)
from platform_probe.journal.segments import COMPLETE, SEGMENT_BYTES
from platform_probe.store.duck import Duck
from platform_probe.store.growing import Growing
from platform_probe.store.keeper import keep
from platform_probe.store.layout import make_store, next_number, segment_path
from platform_probe.store.limits import Limits, Report
from platform_probe.store.reading import ALWAYS, Files, Span, lines_view
from platform_probe.store.reading import Source as Readable
from platform_probe.store.schema import ATTEMPTS, TABLES
from platform_probe.store.writer import StoreWriter

T = TypeVar("T")
BEGIN_S: Final = 1_767_225_600.0
"""2026-01-01 in UTC."""
NO_LIMITS: Final = Limits(max_age_s=1e12, max_bytes=2**50)


COAST_BEGAN_S: Final = 3 * 3_600
"""In the coast's store the coast fails from this second on, the centre never."""


def copy_of_store(written: Path, place: Path) -> Path:
    """Return a copy of a store that was committed, as if its files had been written just now.

    They are kept, and merged with others, by when they were complete: their name says so.
    """
    copy = Path(shutil.copytree(written, place))
    for path in copy.rglob("*.parquet"):
        numbers, _, rest = path.name.split(".", 2)
        path.rename(path.with_name(f"{numbers}.{int(time.time())}.{rest}"))
    return copy


def unlock(number: int, *, car: str | None = None, **changes: Any) -> Attempt:
    """Return the unlock of this number: one a second, the cars in turn, no two with one id."""
    cause: Cause | None = changes.get("cause")
    made: dict[str, Any] = {
        "attempt_id": f"attempt-{number}",
        "command_id": f"command-{number}",
        "vehicle_id": car or f"car-{number % 7:02d}",
        "trace_id": f"{number:032x}",
        "source": Source.CUSTOMER,
        "started_at": BEGIN_S + number,
        "scheduled_s": float(number),
        "outcome": outcome_of(cause),
        "cause": cause,
        "total_s": 1.25,
        "stages": {"intended": 0.0, "requested": 0.001, "published": 0.25, "box_received": 1.25},
        "hops_s": {"requested": 0.001, "published": 0.249, "box_received": 1.0},
        "booking_id": f"booking-{number}",
        "region": "centre",
        "operator": "operator-a",
        "firmware": "2.4.1",
        "hardware": "tcu-3",
        "platform": PlatformSide(
            status=200, account_id=f"customer-{number % 5}", endpoint="/unlock", app_version="7.3.0"
        ),
    }
    return Attempt(**{**made, **changes})


class FlushedWriter(StoreWriter):
    """A writer that takes what a test hands in, at the journal time `at`, and writes it at once."""

    has_keeper = False
    at = BEGIN_S

    def emit(self, record: Record) -> None:
        """Write a record."""
        self._add(RecordWritten(self.at, record))

    def platform_event(self, event: PlatformEvent) -> None:
        """Write a line of the platform's log."""
        self._add(PlatformLine(self.at, event))

    def broker_said(self, event: BrokerEvent) -> None:
        """Write a line of the broker's log."""
        self._add(BrokerLine(self.at, event))

    def heard(
        self, kind: TopicKind, vehicle_id: str, message: Any, *, is_retained: bool = False
    ) -> None:
        """Write a message of a car."""
        self._add(CarMessage(self.at, kind, vehicle_id, message, is_retained))

    def flush(self) -> None:
        """Write what was taken, as if it was committed then."""
        self.write()
        self.committed()

    def close(self) -> None:
        """Write what was taken, and complete the files."""
        self.flush()
        super().close()

    def _add(self, entry: Entry) -> None:
        self.add(entry)
        self.flush()

    def _start_keeper(self) -> None:
        if self.has_keeper:
            super()._start_keeper()


class KeptWriter(FlushedWriter):
    """A writer with a keeper, which packs files when it likes."""

    has_keeper = True


def writer_of(
    directory: Path,
    kind: type[FlushedWriter] = FlushedWriter,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    **options: Any,
) -> FlushedWriter:
    """Return a writer whose problems fail the test; without a keeper by default."""

    def fail(what: object) -> None:
        raise AssertionError(what)

    callbacks: dict[str, Any] = {"on_problem": fail}
    writer = kind(directory, NO_LIMITS, **{**callbacks, **options})
    writer.segment_bytes = segment_bytes
    return writer


def put_lines(directory: Path, table: str, lines: Iterable[bytes]) -> Path:
    """Make a complete write-ahead file of a table, as a writer leaves it."""
    make_store(directory)
    path = segment_path(directory, table, next_number(directory, table), COMPLETE)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def put_unlocks(directory: Path, unlocks: Iterable[Attempt]) -> Path:
    """Make a complete write-ahead file of unlocks."""
    return put_lines(directory, "attempts", map(msgspec.json.encode, unlocks))


def make_coast_store(directory: Path) -> Path:
    """Make a store of four hours with an unlock a minute in each of two regions, and return it."""
    unlocks = []
    for second in range(0, COAST_BEGAN_S + 3_600, 60):
        for number, region in ((2 * second, "coast"), (2 * second + 1, "centre")):
            fails = region == "coast" and second >= COAST_BEGAN_S
            cause = Cause.BOX_OFFLINE if fails else None
            at = BEGIN_S + second
            car, its = f"car-{number % 37}", {"region": region, "firmware": f"2.{region[1]}"}
            unlocks.append(unlock(number, car=car, cause=cause, started_at=at, **its))
    put_unlocks(directory, unlocks)
    kept(directory)
    return directory


def put_presence(directory: Path, second: float, car: str, status: str) -> None:
    """Let a store have heard that a car's box is connected, or is not."""
    message = {"session_id": f"session-{second}", "status": status}
    if status == "offline":
        message["reason"] = "last_will"
    line = {"at": BEGIN_S + second, "kind": "presence", "vehicle_id": car, "message": message}
    put_lines(directory, "observations", [msgspec.json.encode(line)])


def put_lock(directory: Path, second: float, car: str, *, is_open: bool = False) -> None:
    """Let a store have heard that a car is locked, or that its door is open."""
    door = "Vehicle.Cabin.Door.Row1.DriverSide"
    message = {f"{door}.IsLocked": not is_open, f"{door}.IsOpen": is_open}
    line = {"at": BEGIN_S + second, "kind": "state", "vehicle_id": car, "message": message}
    put_lines(directory, "observations", [msgspec.json.encode(line)])


def opened_late(unlock: Attempt, after_s: float = 20.1, *, is_told_no: bool = True) -> bytes:
    """Return the line of an answer that came so long after an unlock, and has opened the car."""
    return msgspec.json.encode(
        StrayAnswer(
            kind=StrayKind.LATE, vehicle_id=unlock.vehicle_id, command_id=unlock.command_id or "",
            phase=Phase.EXECUTED, at=unlock.started_at + after_s, attempt_id=unlock.attempt_id,
            after_s=after_s, source=unlock.source, is_late_unlock=is_told_no,
        )
    )  # fmt: skip


def put_booking_end(
    directory: Path, second: float, *, car: str, booking: str, status: int = 200
) -> None:
    """Let a store have a line of the platform's log: what the end of a booking was answered."""
    line = {
        "at": BEGIN_S + second, "event": "answered", "operation": "end", "vehicle_id": car,
        "booking_id": booking, "account_id": "customer-0", "status": status,
        "trace_id": f"{round(second):032x}",
    }  # fmt: skip
    put_lines(directory, "platform_events", [msgspec.json.encode(line)])


class KeptOpen(Readable):
    """A source that nobody writes to: all questions about a time share one database."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._opened: dict[Span, Duck] = {}

    def read(self, work: Callable[[Duck], T], span: Span = ALWAYS) -> T:
        """Return what `work` makes of the database."""
        if span not in self._opened:
            self._opened[span] = Duck(threads=1)
            self._read_in(self._opened[span], span)
        return work(self._opened[span])

    def close(self) -> None:
        """Close what was opened."""
        for duck in self._opened.values():
            duck.close()


class ReadAnew(Readable):
    """A source whose lines go into one database for all such sources, where nothing is packed.

    It is the console's: to make its views costs more than to ask one question.
    """

    def read(self, work: Callable[[Duck], T], span: Span = ALWAYS) -> T:
        """Return what `work` makes of a database that has the rows of this source alone."""
        files = {name: self.files(table) for name, table in TABLES.items()}
        if self.as_of_s is not None or any(its.parts for its in files.values()):
            return super().read(work, span)
        database = _database()
        database.take(files)
        with closing(database.connection()) as duck:
            return work(duck)


class _Emptied(Growing):
    """A database that forgets what it has read."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._taken: dict[str, bytes] = dict.fromkeys(TABLES, b"")

    def take(self, files: Mapping[str, Files]) -> None:
        """Read files of lines of each table, and have their rows alone: again only what differs."""
        for name, its in files.items():
            lines = b"".join(path.read_bytes() for path in its.lines)
            if lines == self._taken[name]:
                continue
            self._reader.run(f"TRUNCATE {lines_view(TABLES[name])}")
            if name == ATTEMPTS.name:
                self._reader.run("TRUNCATE revised")
            self._taken[name] = b""
            if lines:
                self._add_lines(TABLES[name], lines)
            self._taken[name] = lines


@cache
def _database() -> _Emptied:
    directory = Path(mkdtemp(prefix="read-anew-"))
    atexit.register(shutil.rmtree, directory)
    make_store(directory)
    return _Emptied(Readable(directory), threads=1, memory="256MB", spill=directory)


def kept(directory: Path, **limits: Any) -> Report:
    """Tidy a store now; return what was done."""
    chosen = msgspec.structs.replace(NO_LIMITS, **limits)
    return keep(directory, chosen)


def selected(directory: Path, sql: str, span: Span = ALWAYS) -> Sequence[tuple[Any, ...]]:
    """Return what a query finds in a store or in records."""
    return Readable(directory).read(lambda duck: duck.run(sql), span)


def ids_in(directory: Path) -> list[str]:
    """Return the ids of all unlocks that a reader sees, in order of time."""
    found = selected(directory, "SELECT attempt_id FROM attempts ORDER BY started_at, attempt_id")
    return [row[0] for row in found]
