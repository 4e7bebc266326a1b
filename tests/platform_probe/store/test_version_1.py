"""A store that an earlier release wrote, committed as it wrote it: read, written to, merged.

`tests.helpers.busy_store` made it when the tables knew no complaints, no HTTP methods and no boots.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_probe.store.layout import VERSION, check_is_store
from platform_probe.store.reading import Source
from tests.helpers.stores import (
    copy_of_store,
    ids_in,
    kept,
    put_unlocks,
    selected,
    unlock,
    writer_of,
)

WRITTEN = Path(__file__).parent / "version_1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a copy of that store."""
    return copy_of_store(WRITTEN, tmp_path / "store")


def test_it_is_read_as_it_is(old: Path) -> None:
    """What it does not have is null, or empty; reading changes nothing."""
    before = sorted(path.name for path in old.rglob("*"))
    assert check_is_store(old) == 1 < VERSION
    assert len(ids_in(old)) == 60
    assert selected(old, "SELECT DISTINCT method FROM attempts") == [(None,)]
    assert selected(old, "SELECT max(boots), max(voltage_v) FROM observations") == [(None, 11.5)]
    assert selected(old, "SELECT * FROM complaints") == []
    source = Source(old)
    found = source.read(lambda duck: source.find(duck, "booking-17")).rows
    assert [row[1] for row in found] == ["attempt-17"]
    assert sorted(path.name for path in old.rglob("*")) == before


def test_writing_makes_it_ours(old: Path) -> None:
    """Rows of both are beside each other; the older release refuses it from then on."""
    with writer_of(old) as store:
        store.emit(unlock(1_000))
    assert check_is_store(old) == VERSION
    kept(old)
    assert ids_in(old)[-1] == "attempt-1000"
    assert len(ids_in(old)) == 61


def test_old_and_new_files_become_one(old: Path) -> None:
    """Merging makes rows of this version of them."""
    for number in range(100, 107):
        put_unlocks(old, [unlock(number)])
        report = kept(old)
    assert report.merged == 8
    assert len(ids_in(old)) == 67
    assert selected(old, "SELECT count(*), count(method) FROM attempts") == [(67, 0)]
    flags = "SELECT flags, count(*) FROM attempts WHERE flags != [] GROUP BY ALL ORDER BY ALL"
    assert selected(old, flags) == [
        (["answered_by_another"], 1), (["duplicate"], 1), (["told_otherwise"], 1), (["woken"], 1),
    ]  # fmt: skip
    source = Source(old)
    for any_id in ("booking-17", "booking-103"):
        found = source.read(lambda duck, any_id=any_id: source.find(duck, any_id)).rows  # type: ignore[misc]
        assert len(found) == 1
