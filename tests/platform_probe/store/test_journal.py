"""The journal in a store: packed once, kept for a while, read in order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from fleet_wire.contract.messages import Presence, PresenceStatus, Telemetry
from fleet_wire.contract.topics import TopicKind
from platform_probe.__main__ import main
from platform_probe.journal.codec import line_of
from platform_probe.journal.entries import CarMessage, Entry, Tick
from platform_probe.journal.segments import COMPLETE, OPEN, segment_path
from platform_probe.judge_process.recordings import StoreRecording
from platform_probe.store.journal import cars_files, pack_journal, packed_segments, write_cars
from platform_probe.store.keeper import keep
from platform_probe.store.layout import make_store
from platform_probe.store.limits import Limits

SAID = Telemetry(-80.5, 12.25, 3.0)


def write_segment(
    journal: Path, number: int, entries: Iterable[Entry], suffix: str = COMPLETE
) -> None:
    """Write a segment of a journal."""
    journal.mkdir(parents=True, exist_ok=True)
    segment_path(journal, number, suffix).write_bytes(b"".join(map(line_of, entries)))


def limits(journal: Path, **changes: Any) -> Limits:
    """Return limits that keep the journal for ever."""
    given = {"max_age_s": 1e12, "max_bytes": 2**50, "journal_max_age_s": 1e12} | changes
    return Limits(journal=str(journal), **given)


def test_segments_are_packed_once_and_in_order(tmp_path: Path) -> None:
    """Those of another journal, which counts from 1 again, come after those of the first."""
    journal, store = tmp_path / "journal", tmp_path / "store"
    make_store(store)
    write_segment(journal, 1, [Tick(100.5, 100.5), Tick(101.5, 101.5)])
    write_segment(journal, 2, [Tick(102.5, 102.5)])
    write_segment(journal, 3, [Tick(103.5, 103.5)], OPEN)
    assert pack_journal(journal, store) == 2
    assert pack_journal(journal, store) == 0
    for path in journal.iterdir():
        path.unlink()
    write_segment(journal, 1, [Tick(200.5, 200.5)])
    assert pack_journal(journal, store) == 1
    found = [(each.number, each.began, each.ended) for each in packed_segments(store)]
    assert found == [(1, 100, 102), (2, 102, 103), (1, 200, 201)]
    recording = StoreRecording(store)
    assert [each.at for each in recording.entries(0.0)] == [100.5, 101.5, 102.5, 200.5]
    assert recording.missed == 0
    assert recording.newest_s() == 201.0


def test_what_is_missing_or_damaged_is_counted(tmp_path: Path) -> None:
    """A segment that was removed before it was packed, and a file that is torn."""
    journal, store = tmp_path / "journal", tmp_path / "store"
    make_store(store)
    write_segment(journal, 1, [Tick(100.5, 100.5)])
    write_segment(journal, 4, [Tick(103.5 + each, 1.0) for each in range(1_000)])
    write_segment(journal, 5, [])
    pack_journal(journal, store)
    path = packed_segments(store)[-1].path
    path.write_bytes(path.read_bytes()[:-2_000])
    recording = StoreRecording(store)
    assert next(iter(recording.entries(0.0))).at == 100.5
    assert 0 < len([*recording.entries(0.0)]) < 1_000
    assert recording.missed == 2
    assert recording.unreadable >= 1


def test_old_segments_go(tmp_path: Path) -> None:
    """They go after `journal_days`, or with the oldest files of a store that is too large."""
    journal, store = tmp_path / "journal", tmp_path / "store"
    make_store(store)
    for number in (1, 2, 3):
        write_segment(journal, number, [Tick(1_000.5 * number, 0.0)])
    write_cars(store, 1_000.0, [CarMessage(1_000.0, TopicKind.TELEMETRY, "car-1", SAID)])
    now_s = 4_000.0
    keep(store, limits(journal, journal_max_age_s=1_500.0), now_s=now_s)
    assert [each.number for each in packed_segments(store)] == [3]
    assert not cars_files(store)
    for path in journal.iterdir():
        path.unlink()
    keep(store, limits(journal, max_bytes=1), now_s=now_s)
    assert not packed_segments(store)


def test_no_journal_is_kept_where_none_is_asked_for(tmp_path: Path) -> None:
    """`journal_days: 0` keeps none, and a replay says what is missing."""
    journal, store = tmp_path / "journal", tmp_path / "store"
    make_store(store)
    write_segment(journal, 1, [Tick(1.0, 1.0)])
    keep(store, limits(journal, journal_max_age_s=0.0), now_s=2.0)
    assert not packed_segments(store)
    done = CliRunner().invoke(main, ["judge", "--replay", str(store)])
    assert done.exit_code == 2
    assert "store.journal_days" in done.output


def test_cars_are_kept_once_an_hour(tmp_path: Path) -> None:
    """And read as they were written."""
    make_store(tmp_path)
    said = [
        CarMessage(10.0, TopicKind.PRESENCE, "car-1", Presence(PresenceStatus.ONLINE, "session-1"))
    ]
    for at in (10.0, 20.0, 3_609.0, 3_610.0):
        write_cars(tmp_path, at, said)
    first, second = cars_files(tmp_path)
    assert (first.at, second.at) == (10, 3_610)
    assert [*second.messages()] == said
