"""A store that the last release wrote whose tables knew no sites, committed as it wrote it.

Its sums lack a trait: they are read, and merged, beside those that have it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.causes import Cause
from platform_probe.store.layout import VERSION, check_is_store
from platform_probe.store.reading import Source
from platform_probe.tell.support import cohorts
from platform_probe.tell.support.cohorts import search_around, similar_failures
from tests.helpers.stores import BEGIN_S, copy_of_store, kept, put_unlocks, selected, unlock

WRITTEN = Path(__file__).parent / "version_6"
UNLOCKS = 210
"""Every two minutes one in each of two regions; from the third hour on those of the coast fail."""
SUMS = "SELECT site, sum(unlocks)::INTEGER FROM attempt_sums GROUP BY ALL ORDER BY ALL NULLS LAST"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a copy of that store."""
    return copy_of_store(WRITTEN, tmp_path / "store")


@pytest.mark.parametrize("most_exact", [0, cohorts.MOST_EXACT])
def test_it_is_searched_as_it_is(
    old: Path, most_exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its failures share is found, by its sums too; no site is known."""
    monkeypatch.setattr(cohorts, "MOST_EXACT", most_exact)
    assert check_is_store(old) == 6 < VERSION
    assert selected(old, SUMS) == [(None, UNLOCKS)]
    began_s = BEGIN_S + 3 * 3_600
    like = similar_failures(Cause.BOX_OFFLINE, None)
    finding = Source(old).read(lambda duck: search_around(duck, began_s + 1_800, like))
    (cohort,) = finding.found
    assert [(trait.name, trait.value) for trait in cohort.traits] == [("region", "coast")]


def test_sums_of_both_releases_are_read_and_merged(old: Path) -> None:
    """Those of today are told apart by site, beside those of old and in one file with them."""
    for number in range(1_000, 1_007):
        put_unlocks(old, [unlock(number, site="garage-p3")])
        report = kept(old)
        if number == 1_000:
            assert selected(old, SUMS) == [("garage-p3", 1), (None, UNLOCKS)]
    assert report.merged == 8
    assert selected(old, SUMS) == [("garage-p3", 7), (None, UNLOCKS)]
    assert selected(old, "SELECT count(*), count(site) FROM attempts") == [(UNLOCKS + 7, 7)]
