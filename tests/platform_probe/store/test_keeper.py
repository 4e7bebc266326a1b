"""Lines become Parquet, small files large ones, old files go; and nothing is lost in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_wire.contract.attempt import Stage
from platform_probe.journal.locks import lock_file
from platform_probe.store import keeper
from platform_probe.store.keeper import FAN_IN, ids_directory, keep
from platform_probe.store.layout import KEEPER_LOCK, all_segments, live_parts, parquet_parts
from platform_probe.store.schema import ATTEMPTS
from tests.helpers.stores import (
    BEGIN_S,
    NO_LIMITS,
    ids_in,
    kept,
    put_presence,
    put_unlocks,
    selected,
    unlock,
)


def parts_in(store: Path) -> int:
    """Return how many Parquet files of unlocks count."""
    return len(live_parts(parquet_parts(store, "attempts")))


def test_rows_and_ids_stand_in_order(tmp_path: Path) -> None:
    """The rows of a car lie together, and an id is found without reading all of them."""
    put_unlocks(tmp_path, (unlock(number) for number in range(50)))
    kept(tmp_path)
    for table, column, rows in (
        ("attempts", "vehicle_id", 50),
        (ids_directory(tmp_path, ATTEMPTS).name, "id_hash", 100),
    ):
        (path,) = (part.path for part in parquet_parts(tmp_path, table))
        found = [
            row[0] for row in selected(tmp_path, f"SELECT {column} FROM read_parquet('{path}')")
        ]
        assert len(found) >= rows
        assert found == sorted(found)


def test_a_damaged_file_keeps_no_other_table_from_being_packed(tmp_path: Path) -> None:
    """It is named until somebody has moved it away; then small files become large ones again."""
    for number in range(FAN_IN):
        put_unlocks(tmp_path, [unlock(number)])
        if number < FAN_IN - 1:
            kept(tmp_path)
    file = min((tmp_path / "attempts").glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:1_000])
    put_presence(tmp_path, 1, "car-1", "online")
    report = kept(tmp_path)
    assert report.error is not None
    assert f"{file} is damaged" in report.error
    assert not all_segments(tmp_path, "observations")
    file.rename(f"{file}.damaged")
    assert kept(tmp_path).error is None


def test_keeper_that_died_after_packing_counts_nothing_twice(tmp_path: Path) -> None:
    """The lines are still there beside their Parquet: readers and the next keeper know."""
    path = put_unlocks(tmp_path, [unlock(1), unlock(2)])
    lines = path.read_bytes()
    kept(tmp_path)
    path.write_bytes(lines)
    assert ids_in(tmp_path) == ["attempt-1", "attempt-2"]
    assert kept(tmp_path).sealed == 0
    assert not path.exists()
    assert ids_in(tmp_path) == ["attempt-1", "attempt-2"]


def test_keeper_that_died_while_packing_leaves_the_lines(tmp_path: Path) -> None:
    """Half a Parquet file has no name that counts, and is removed."""
    put_unlocks(tmp_path, [unlock(1)])
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "rows").write_bytes(b"PAR1half")
    (tmp_path / "attempt_keys").mkdir()
    orphan = tmp_path / "attempt_keys" / "00000009-00000009.1.0-1.parquet"
    orphan.write_bytes(b"")
    assert ids_in(tmp_path) == ["attempt-1"]
    kept(tmp_path)
    assert ids_in(tmp_path) == ["attempt-1"]
    assert not orphan.exists()


def packed(store: Path, files: int) -> None:
    """Pack so many files of ten unlocks each."""
    for number in range(files):
        put_unlocks(store, (unlock(10 * number + each) for each in range(10)))
        kept(store)


def test_small_files_become_one(tmp_path: Path) -> None:
    """So many of one size are merged; nothing is lost, and old files go after a while."""
    packed(tmp_path, FAN_IN - 1)
    before = ids_in(tmp_path)
    assert parts_in(tmp_path) == FAN_IN - 1
    put_unlocks(tmp_path, [unlock(1_000)])
    assert kept(tmp_path).merged == FAN_IN
    assert parts_in(tmp_path) == 1
    assert ids_in(tmp_path) == [*before, "attempt-1000"]
    assert len(parquet_parts(tmp_path, "attempts")) == FAN_IN + 1, "who has listed them still reads"
    merged = live_parts(parquet_parts(tmp_path, "attempts"))[0]
    os.utime(merged.path, (0, 0))
    kept(tmp_path)
    assert len(parquet_parts(tmp_path, "attempts")) == 1
    assert len(parquet_parts(tmp_path, ids_directory(tmp_path, ATTEMPTS).name)) == 1
    assert ids_in(tmp_path) == [*before, "attempt-1000"]


def test_files_of_different_days_are_not_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file goes as a whole, so it must not hold back what is older than it."""
    monkeypatch.setattr(keeper, "LONGEST_SPAN_S", -1)
    packed(tmp_path, FAN_IN + 1)
    assert parts_in(tmp_path) == FAN_IN + 1


def test_old_files_go(tmp_path: Path) -> None:
    """What was complete too long ago is removed, with the file of its ids."""
    packed(tmp_path, 2)
    oldest, newest = parquet_parts(tmp_path, "attempts")
    later = oldest.path.with_name(oldest.path.name.replace(f".{oldest.complete_at}.", ".1000."))
    oldest.path.rename(later)
    ids = ids_directory(tmp_path, ATTEMPTS)
    (ids / oldest.path.name).rename(ids / later.name)
    assert kept(tmp_path, max_age_s=86_400.0).removed == 1
    assert parquet_parts(tmp_path, "attempts") == [newest]
    assert len(parquet_parts(tmp_path, ids_directory(tmp_path, ATTEMPTS).name)) == 1


def test_oldest_files_go_when_all_are_too_much(tmp_path: Path) -> None:
    """The limit of the size holds, and what is kept is the newest."""
    packed(tmp_path, 4)
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert kept(tmp_path, max_bytes=total // 2).removed >= 2
    left = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert left <= total // 2
    assert ids_in(tmp_path)[-1] == "attempt-39"
    assert "attempt-0" not in ids_in(tmp_path)


def test_unlocks_of_long_ago_are_kept_as_long_as_others(tmp_path: Path) -> None:
    """Age counts from when it was written: a run in virtual time is of another year."""
    put_unlocks(tmp_path, [unlock(1, started_at=BEGIN_S - 1e8)])
    assert kept(tmp_path, max_age_s=60.0).removed == 0
    assert ids_in(tmp_path) == ["attempt-1"]


def test_one_keeper_at_a_time(tmp_path: Path) -> None:
    """A second one leaves at once, and touches nothing."""
    put_unlocks(tmp_path, [unlock(1)])
    with lock_file(tmp_path / KEEPER_LOCK):
        assert kept(tmp_path).sealed == 0
    assert kept(tmp_path).sealed == 1


TIDY_WITH_LITTLE_ROOM = """
import resource, sys
from pathlib import Path
from platform_probe.store.keeper import keep
from platform_probe.store.limits import Limits
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
print(keep(Path(sys.argv[1]), Limits(max_age_s=1e12, max_bytes=2**50)).error)
"""


def test_full_disk_leaves_the_lines(tmp_path: Path) -> None:
    """Parquet that cannot be written is no loss: the lines stay, and are packed when there is room.

    A limit of the size of a file is to a process what a full disk is: a write that ends early.
    """
    put_unlocks(tmp_path, (unlock(number) for number in range(500)))
    command = [sys.executable, "-c", TIDY_WITH_LITTLE_ROOM, str(tmp_path), "3000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() != "None"
    assert len(ids_in(tmp_path)) == 500
    assert not parquet_parts(tmp_path, "attempts")
    assert kept(tmp_path).rows == 500
    assert len(ids_in(tmp_path)) == 500


def test_stages_are_kept_to_the_microsecond(tmp_path: Path) -> None:
    """Records give times in microseconds, and so does the store."""
    stages = {
        stage.value: round(0.000001 + 0.123457 * place, 6) for place, stage in enumerate(Stage)
    }
    put_unlocks(tmp_path, [unlock(1, stages=stages)])
    keep(tmp_path, NO_LIMITS)
    columns = ", ".join(f"{stage}_s" for stage in Stage if stage is not Stage.INTENDED)
    (row,) = selected(tmp_path, f"SELECT {columns} FROM attempts")
    assert list(row) == list(stages.values())[1:]
