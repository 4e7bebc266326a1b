"""Older files go to a bucket of a real S3 server, and are read from there; none is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.messages import CarEvent
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import ConfigError
from platform_probe.journal.codec import line_of
from platform_probe.journal.entries import CarMessage, Tick
from platform_probe.journal.segments import COMPLETE, segment_path
from platform_probe.judge_process.recordings import StoreRecording
from platform_probe.store.bucket import BUCKET_FILE, Bucket, bucket_of, note_bucket
from platform_probe.store.journal import packed_segments, write_cars
from platform_probe.store.keeper import keep
from platform_probe.store.layout import AWAY, JOURNAL, parquet_parts
from platform_probe.store.limits import BucketSettings, Limits
from platform_probe.store.offload import CACHE
from platform_probe.store.reading import Source, Span
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from tests.helpers.s3_server import KEY, SECRET, S3Server, running_s3_server
from tests.helpers.stores import BEGIN_S, ids_in, kept, put_unlocks, selected, unlock

pytestmark = pytest.mark.s3
IDS = "SELECT attempt_id FROM attempts ORDER BY started_at"
FIRST_HOUR = Span(BEGIN_S, BEGIN_S + 3_600)
BUCKETS = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run a server for all tests of this file."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: S3Server, tmp_path: Path) -> BucketSettings:
    """Make a bucket for each test, where everything goes at once."""
    server.make_bucket(name := f"kept-{next(BUCKETS)}")
    key_file = tmp_path / "key"
    key_file.write_text(f"{KEY}\n{SECRET}\n")
    return BucketSettings(
        bucket=name,
        endpoint=server.endpoint,
        prefix="monitor-1",
        key_file=str(key_file),
        after_s=-60,
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Make a store of three unlocks, in two files."""
    directory = tmp_path / "store"
    put_unlocks(directory, [unlock(1), unlock(2)])
    kept(directory)
    put_unlocks(directory, [unlock(3)])
    return directory


def changed(settings: BucketSettings, **changes: Any) -> BucketSettings:
    """Return settings with other values."""
    return msgspec.structs.replace(settings, **changes)


def test_files_go_and_are_read_where_they_are(store: Path, bucket: BucketSettings) -> None:
    """A question about a time and one about an id find them; one about everything does not."""
    note_bucket(store, bucket)
    assert kept(store).moved == 2
    assert [part.path.suffix for part in parquet_parts(store, "attempts")] == [AWAY, AWAY]
    assert ids_in(store) == []
    assert selected(store, IDS, FIRST_HOUR) == [(f"attempt-{number}",) for number in (1, 2, 3)]
    assert len(list((store / CACHE / "attempts").iterdir())) == 2
    shutil.rmtree(store / CACHE)
    source = Source(store)
    case = look_up(source, UnlockQuery(booking="booking-3"), source.newest_s())
    assert case.attempt is not None
    assert case.attempt["attempt_id"] == "attempt-3"
    assert source.recorded() is not None
    assert not kept(store).moved


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bucket": "another"}, "NoSuchBucket"),
        ({"key_file": "wrong"}, "SignatureDoesNotMatch"),
        ({"endpoint": None}, "error sending request"),
    ],
)
def test_nothing_is_lost_while_the_bucket_takes_none(
    store: Path, bucket: BucketSettings, wrong: dict[str, str], said: str
) -> None:
    """The files stay, it is said why, and they go when they can."""
    if "key_file" in wrong:
        (store.parent / "wrong").write_text(f"{KEY}\nanother\n")
        wrong = {"key_file": str(store.parent / "wrong")}
    if "endpoint" in wrong:
        wrong = {"endpoint": "http://127.0.0.1:1"}
    note_bucket(store, changed(bucket, **wrong))
    report = kept(store)
    assert (report.moved, report.waiting, report.error) == (0, 2, None)
    assert said in (report.bucket_error or "")
    assert len(ids_in(store)) == 3
    note_bucket(store, bucket)
    report = kept(store)
    assert (report.moved, report.waiting, report.bucket_error) == (2, 0, None)
    assert len(selected(store, IDS, FIRST_HOUR)) == 3


def test_bucket_that_is_away_is_an_error_of_who_asks(store: Path, bucket: BucketSettings) -> None:
    """Not an answer with less in it."""
    note_bucket(store, bucket)
    kept(store)
    note_bucket(store, changed(bucket, endpoint="http://127.0.0.1:1"))
    with pytest.raises(OSError, match="error sending request"):
        selected(store, IDS, FIRST_HOUR)


def test_limits_hold_in_the_bucket(store: Path, bucket: BucketSettings) -> None:
    """What is too old or too much goes there too, with its marker and its ids."""
    note_bucket(store, bucket)
    kept(store)
    note_bucket(store, changed(bucket, max_bytes=all_bytes(store) - 1))
    assert kept(store).removed == 1
    assert selected(store, IDS, FIRST_HOUR) == [("attempt-3",)]
    assert kept(store, max_age_s=-60).removed == 1
    assert not parquet_parts(store, "attempts")
    reached = bucket_of(store)
    assert reached is not None
    with pytest.raises(OSError, match="NoSuchKey"):
        reached.get("attempts/none", store / "none")


def all_bytes(store: Path) -> int:
    """Return how many bytes the markers of a store say."""
    return sum(int(part.path.read_text()) for part in parquet_parts(store, "attempts"))


def test_full_disk_makes_room_by_moving(store: Path, bucket: BucketSettings) -> None:
    """What exceeds the limit of the directory goes to the bucket before it goes for good."""
    note_bucket(store, changed(bucket, after_s=1e9))
    assert not kept(store).moved
    assert kept(store, max_bytes=1).moved == 2
    assert len(selected(store, IDS, FIRST_HOUR)) == 3


def test_keeper_that_died_while_moving_counts_nothing_twice(
    store: Path, bucket: BucketSettings
) -> None:
    """Unlocks and a segment are here and in the bucket: one counts, and the one here goes."""
    limits = journal_of(store, 100.5)
    keep(store, limits)
    here = parquet_parts(store, "attempts")[0].path, packed_segments(store)[0].path
    for number, path in enumerate(here):
        shutil.copy(path, store / f"copy-{number}")
    note_bucket(store, bucket)
    keep(store, limits)
    for number, path in enumerate(here):
        shutil.move(store / f"copy-{number}", path)
    for _ in range(2):
        assert len(selected(store, IDS, FIRST_HOUR)) == 3
        assert [each.at for each in StoreRecording(store).entries(0.0)] == [100.5]
        keep(store, limits)
        assert not any(path.exists() for path in here)


def test_copies_take_no_more_than_they_may(store: Path, bucket: BucketSettings) -> None:
    """The copy that was not read for longest goes, and is fetched again when it is asked for."""
    note_bucket(store, changed(bucket, cache_bytes=1))
    kept(store)
    source = Source(store)
    for any_id in ("attempt-1", "attempt-3", "attempt-1"):
        assert source.read(partial(source.find, any_id=any_id)).rows
    assert len(list((store / CACHE / "attempts").iterdir())) == 1


def test_bucket_that_is_no_longer_wanted_is_still_read(store: Path, bucket: BucketSettings) -> None:
    """No more files go there; those that went can be asked for."""
    note_bucket(store, bucket)
    kept(store)
    note_bucket(store, None)
    put_unlocks(store, [unlock(4)])
    assert not kept(store).moved
    assert len(selected(store, IDS, FIRST_HOUR)) == 4


def journal_of(store: Path, *ats: float) -> Limits:
    """Write a segment of a journal for each time; return limits with which it is packed."""
    journal = store.parent / "journal"
    journal.mkdir()
    for number, at in enumerate(ats, start=1):
        segment_path(journal, number, COMPLETE).write_bytes(line_of(Tick(at, at)))
    return Limits(max_age_s=1e12, max_bytes=2**50, journal=str(journal), journal_max_age_s=1e12)


def test_the_journal_goes_too_and_is_read_where_it_is(store: Path, bucket: BucketSettings) -> None:
    """Its segments, and what cars had said; none is packed again, and old copies go."""
    said = CarMessage(100.0, TopicKind.EVENT, "car-1", CarEvent("boot", 1))
    write_cars(store, 100.0, [said])
    limits = journal_of(store, 100.5, 22_000.5)
    note_bucket(store, changed(bucket, cache_bytes=1))
    report = keep(store, limits)
    assert (report.packed, report.moved) == (2, 2 + 3)
    assert keep(store, limits).packed == 0
    assert {path.suffix for path in (store / JOURNAL).iterdir()} == {AWAY}
    recording = StoreRecording(store)
    assert [each.at for each in recording.entries(0.0)] == [100.5, 22_000.5]
    assert [*recording.cars(22_000.0)] == [said]
    assert recording.newest_s() == 22_001.0
    assert len([*(store / CACHE / JOURNAL).iterdir()]) == 1


def test_the_journal_goes_from_the_bucket_after_its_own_time(
    store: Path, bucket: BucketSettings
) -> None:
    """`journal_days` counts there too; the tables stay for theirs."""
    limits = journal_of(store, 1_000.5, 3_000.5)
    note_bucket(store, changed(bucket, after_s=0.0))
    keep(store, limits, now_s=4_000.0)
    assert len(packed_segments(store)) == 2
    younger = msgspec.structs.replace(limits, journal_max_age_s=1_500.0)
    assert keep(store, younger, now_s=4_000.0).removed == 1
    (left,) = packed_segments(store)
    assert left.number == 2
    assert left.path.suffix == AWAY
    assert len(ids_in(store)) == 3


def test_what_is_wrong_with_the_settings_is_said(tmp_path: Path) -> None:
    """By file and reason, and never with the secret."""
    settings = BucketSettings(bucket="kept", key_file=str(tmp_path / "key"))
    with pytest.raises(ConfigError, match=r"key_file: .*No such file"):
        Bucket(settings)
    (tmp_path / "key").write_text("one-line")
    with pytest.raises(ConfigError, match="expected two lines"):
        Bucket(settings)
    assert bucket_of(tmp_path) is None
    (tmp_path / BUCKET_FILE).write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        bucket_of(tmp_path)
