"""What the failures of a time share, searched for in a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.causes import Cause
from platform_probe.diagnosis.cohorts.find import Finding
from platform_probe.store.reading import Source
from platform_probe.support import cohorts
from platform_probe.support.cohorts import search_around
from tests.helpers.stores import BEGIN_S, kept, put_unlocks, unlock

BEGAN = 3 * 3_600
"""The coast fails from this second on, the centre never."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with an unlock a minute in each of two regions, for four hours."""
    directory = tmp_path_factory.mktemp("cohorts")
    unlocks = []
    for second in range(0, BEGAN + 3_600, 60):
        for number, region in ((2 * second, "coast"), (2 * second + 1, "centre")):
            fails = region == "coast" and second >= BEGAN
            cause = Cause.BOX_OFFLINE if fails else None
            at = BEGIN_S + second
            car = f"car-{number % 37}"
            unlocks.append(unlock(number, car=car, region=region, cause=cause, started_at=at))
    put_unlocks(directory, unlocks)
    kept(directory)
    return directory


def found_in(store: Path) -> Finding:
    """Return what the failures share half an hour after they began."""
    return Source(store).read(lambda duck: search_around(duck, BEGIN_S + BEGAN + 1_800))


@pytest.mark.parametrize("most_exact", [0, 20_000])
def test_busy_fleet_shares_the_same(
    store: Path, most_exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adding up what is before the window takes nothing from who is hit, how many, since when."""
    monkeypatch.setattr(cohorts, "MOST_EXACT", most_exact)
    finding = found_in(store)
    (cohort,) = finding.found
    assert [(trait.name, trait.value) for trait in cohort.traits] == [("region", "coast")]
    assert (cohort.attempts, cohort.failures, cohort.failures_elsewhere) == (46, 46, 0)
    assert cohort.begin is not None
    assert cohort.begin.at == BEGIN_S + BEGAN
