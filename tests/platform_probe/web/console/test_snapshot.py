"""What pages are made of is what was known at one moment, whatever the keeper does meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any

import pytest

from fleet_wire.contract.causes import Cause
from platform_probe.store.duck import Duck, Rows
from platform_probe.store.growing import Growing
from platform_probe.store.schema import ATTEMPTS
from platform_probe.tell.support.rows import Row
from platform_probe.web.console.one_unlock import unlock_case
from platform_probe.web.console.snapshot import LISTED, Looking
from tests.helpers.stores import BEGIN_S, kept, put_unlocks, unlock
from tests.helpers.waiting import wait_for


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    """Look at a store with one unlock."""
    put_unlocks(tmp_path, [unlock(1)])
    its = Looking(tmp_path)
    yield its
    its.close()


def test_what_is_packed_later_is_not_half_there(looking: Looking, tmp_path: Path) -> None:
    """Neither is its id found nor its page begun, until the next look."""
    before = looking.read(lambda snapshot: snapshot)
    put_unlocks(tmp_path, [unlock(2)])
    kept(tmp_path)
    assert unlock_case(before, "attempt-2") is None
    case = unlock_case(before, "attempt-1")  # its lines have gone, and are remembered
    assert case is not None
    assert case.attempt is not None
    assert case.attempt["trace_id"] == f"{1:032x}"
    now = looking.read_newest(lambda snapshot: snapshot)
    assert unlock_case(now, "attempt-2") is not None


def test_rows_of_a_time_are_the_revisions_that_hold(tmp_path: Path) -> None:
    """Also where the later one stands in another file; those before and after are left out."""
    put_unlocks(tmp_path, [unlock(1), unlock(2), unlock(3)])
    kept(tmp_path)
    put_unlocks(tmp_path, [unlock(2, revision=2, cause=Cause.RESULT_LOST)])
    looking = Looking(tmp_path)

    def within(since_s: float, until_s: float) -> list[Row]:
        return looking.read(
            lambda now: now.rows(f"SELECT * FROM {now.within(ATTEMPTS, since_s, until_s)}", {})
        )

    assert [row["cause"] for row in within(BEGIN_S + 2, BEGIN_S + 2)] == ["result_lost"]
    assert {row["attempt_id"] for row in within(BEGIN_S + 2, BEGIN_S + 3)} == {
        "attempt-2",
        "attempt-3",
    }
    looking.close()


def test_of_a_customer_the_last_unlocks_are_listed(tmp_path: Path) -> None:
    """From the newest file on, no more than a page has room for."""
    for first in range(0, 600, 100):
        put_unlocks(tmp_path, (unlock(number) for number in range(first, first + 100)))
        kept(tmp_path)
    looking = Looking(tmp_path)
    found = looking.read(lambda now: now.unlocks_of("customer-3"))
    expected = [f"attempt-{number}" for number in range(598, 598 - 5 * LISTED, -5)]
    assert [row["attempt_id"] for row in found] == expected
    looking.close()


def test_of_many_who_ask_at_once_one_reads(
    looking: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for that, and read nothing themselves."""
    before = looking.read(lambda now: now)
    reads, clock_reads = list[int](), list[float]()
    read_on = Growing.read_on

    def monotonic() -> float:
        clock_reads.append(time.monotonic())
        return clock_reads[-1]

    def slow(growing: Growing) -> bool | None:
        reads.append(1)
        while len(clock_reads) < 8 + 1:  # each who asks looks at the clock, and who reads once more
            time.sleep(0.001)
        return read_on(growing)

    put_unlocks(tmp_path, [unlock(2)])
    monkeypatch.setattr(Growing, "read_on", slow)
    clock = SimpleNamespace(monotonic=monotonic, time=time.time)
    monkeypatch.setattr("platform_probe.web.console.snapshot.time", clock)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(looking.has_newer, before) for _ in range(8)]
        assert all(each.result() for each in asked)
    assert len(reads) <= 3  # one that had begun before others asked, one after, one that is due


def test_reading_on_leaves_no_file_open(looking: Looking, tmp_path: Path) -> None:
    """However often: a console beside a monitor reads on every few seconds, for weeks."""
    counts = []
    for number in range(2, 8):
        put_unlocks(tmp_path, [unlock(number)])
        looking.read_newest(lambda now: now.rows("SELECT count(*) FROM attempts", {}))
        counts.append(len([*Path("/proc/self/fd").iterdir()]))
    assert counts[0] == counts[-1]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """While its pages are read, and when the files are opened."""
    put_unlocks(tmp_path, [unlock(1)])
    kept(tmp_path)
    looking = Looking(tmp_path)
    looking.read(lambda now: now.rows("SELECT count(*) FROM attempts", {}))
    (file,) = (tmp_path / "attempts").glob("*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[:4] + b"\xff" * 30 + content[34:])
    is_named = re.escape(f"{file} is damaged (")
    with pytest.raises(OSError, match=is_named):
        looking.read(lambda now: now.rows("SELECT max(vehicle_id) FROM attempts", {}))
    looking.close()
    again = Looking(tmp_path)
    with pytest.raises(OSError, match=is_named):
        again.read(lambda now: now.rows("SELECT max(vehicle_id) FROM attempts", {}))
    again.close()


def test_the_latest_answers_are_remembered(
    looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much was asked before: over a store to which nothing comes it is for days."""
    asked = list[str]()
    query = Duck.query

    def noted(duck: Duck, sql: str, *rest: Any, **more: Any) -> Rows:
        asked.append(sql)
        return query(duck, sql, *rest, **more)

    monkeypatch.setattr("platform_probe.web.console.snapshot.MAX_REMEMBERED", 3)
    monkeypatch.setattr(Duck, "query", noted)
    for number in (0, 1, 2, 3, 4, 4, 3, 0):
        looking.read(lambda now, number=number: now.rows(f"SELECT {number} AS one", {}))  # type: ignore[misc]
    assert [sql.split()[1] for sql in asked] == ["0", "1", "2", "3", "4", "0"]


class NotedLock:
    """A lock that says when somebody has to wait for it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self.is_waited_for = False

    def __enter__(self) -> None:
        """Take it, or wait."""
        if not self._lock.acquire(blocking=False):
            self.is_waited_for = True
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        """Leave it to the next."""
        self._lock.release()


def test_one_thread_at_a_time_asks(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the memory of the largest query is used once, however many look."""
    lock = NotedLock()
    monkeypatch.setattr("platform_probe.web.console.snapshot._ASKING", lock)
    snapshot = looking.read(lambda now: now)
    with ThreadPoolExecutor(1) as pool:
        with snapshot.connection(), snapshot.connection():  # a page may ask within
            other = pool.submit(snapshot.rows, "SELECT 1 AS one", {})
            wait_for(lambda: lock.is_waited_for or other.done())
            assert not other.done()
        assert other.result() == [{"one": 1}]
