"""A database that reads on: what is new is found, what was read stays and is not read twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from platform_probe.journal.segments import COMPLETE, OPEN
from platform_probe.store.duck import Duck, FileGoneError
from platform_probe.store.growing import Growing
from platform_probe.store.layout import make_store, segment_path
from platform_probe.store.reading import Files, Source
from platform_probe.store.schema import Table
from tests.helpers.stores import kept, put_unlocks, unlock


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    """Return the file of a store to which unlocks are appended; two are there."""
    store = tmp_path / "store"
    make_store(store)
    path = segment_path(store, "attempts", 1, OPEN)
    append(path, unlock(1), unlock(2))
    return path


@pytest.fixture
def growing(wal: Path, tmp_path: Path) -> Iterator[Growing]:
    """Return a database over that store."""
    spill = tmp_path / "spill"
    spill.mkdir()
    yield Growing(Source(wal.parents[1]), threads=1, memory="500MB", spill=spill)
    assert [*spill.iterdir()] == []


def append(path: Path, *unlocks: Attempt) -> None:
    """Append unlocks to a file."""
    with path.open("ab") as file:
        file.writelines(msgspec.json.encode(each) + b"\n" for each in unlocks)


def seen(duck: Duck) -> list[str]:
    """Return the unlocks that a connection sees."""
    rows = duck.run("SELECT attempt_id FROM attempts ORDER BY started_at")
    return [row[0] for row in rows]


def read(growing: Growing) -> Duck:
    """Read on, and return a connection that sees what is known by now."""
    assert growing.read_on() is not None
    duck = growing.connection()
    seen(duck)
    return duck


def test_what_is_new_is_read_and_nothing_else(growing: Growing, wal: Path) -> None:
    """What was read is not looked at again, whatever stands there by now."""
    assert seen(read(growing)) == ["attempt-1", "attempt-2"]
    assert growing.read_on() is False
    with wal.open("r+b") as file:
        file.write(b"x" * wal.stat().st_size)
    append(wal, unlock(3))
    assert seen(read(growing)) == ["attempt-1", "attempt-2", "attempt-3"]


def test_who_asks_for_an_earlier_reading_sees_nothing_of_later(growing: Growing, wal: Path) -> None:
    """Neither a new unlock nor a later revision of one."""
    first = read(growing)
    append(wal, unlock(2, revision=2, cause=Cause.RESULT_LOST), unlock(3))
    second = read(growing)
    append(wal, unlock(2, revision=3, cause=Cause.BOX_BUSY))
    third = read(growing)
    assert (len(seen(first)), len(seen(second))) == (2, 3)
    causes = [
        duck.run("SELECT cause FROM attempts WHERE attempt_id='attempt-2'")
        for duck in (first, second, third)
    ]
    assert causes == [[(None,)], [("result_lost",)], [("box_busy",)]]


def test_a_line_that_is_half_written_waits(growing: Growing, wal: Path) -> None:
    """And is read once it is whole, also in the file's later name."""
    line = msgspec.json.encode(unlock(3)) + b"\n"
    with wal.open("ab") as file:
        file.write(line[:40])
    first = read(growing)
    assert seen(first) == ["attempt-1", "attempt-2"]
    with wal.open("ab") as file:
        file.write(line[40:])
    wal.rename(wal.with_suffix(COMPLETE))
    append(segment_path(wal.parents[1], "attempts", 2, OPEN), unlock(4))
    found = ["attempt-1", "attempt-2", "attempt-3", "attempt-4"]
    assert seen(read(growing)) == found


def test_once_files_are_packed_it_takes_another_database(growing: Growing, wal: Path) -> None:
    """So it does where one has become shorter; what was read before is seen as it was."""
    first = read(growing)
    put_unlocks(wal.parents[1], [unlock(5)])
    kept(wal.parents[1])
    assert seen(first) == ["attempt-1", "attempt-2"]
    wal.rename(wal.with_suffix(COMPLETE))
    kept(wal.parents[1])
    assert growing.read_on() is None
    assert seen(first) == ["attempt-1", "attempt-2"]


def test_a_file_that_has_become_shorter_is_another_one(growing: Growing, wal: Path) -> None:
    """Nobody knows what stands in it."""
    assert growing.read_on() is not None
    wal.write_bytes(b"")
    assert growing.read_on() is None


def test_a_file_that_goes_while_it_is_listed_is_no_error_of_the_disk(
    growing: Growing, wal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper has packed it by then: it takes another look."""
    files = Source.files

    def gone(source: Source, table: Table) -> Files:
        found = files(source, table)
        wal.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Source, "files", gone)
    with pytest.raises(FileGoneError):
        growing.read_on()
