"""What the failures of a time share, searched for in a store."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from platform_probe.store.reading import Source, Span
from platform_probe.tell.support import cohorts
from platform_probe.tell.support.believed import Revision
from platform_probe.tell.support.cohorts import (
    SharedTraits,
    around_in_words,
    search_around,
    search_since,
    similar_failures,
)
from tests.helpers.english import ENGLISH
from tests.helpers.store_player import shared_store
from tests.helpers.stores import BEGIN_S, COAST_BEGAN_S, kept, put_unlocks, unlock

OFFLINE = similar_failures(Cause.BOX_OFFLINE, None)
BELIEVED = Revision(at_s=0.0, after_s=0.0, modes=(), facts=(), told=frozenset())


@pytest.fixture(scope="module")
def store() -> Path:
    """Return a store in which a coast begins to fail after three hours."""
    return shared_store("coast")


def found_in(store: Path) -> SharedTraits:
    """Return what the failures share half an hour after they began."""
    return Source(store).read(
        lambda duck: search_around(duck, BEGIN_S + COAST_BEGAN_S + 1_800, OFFLINE)
    )


@pytest.mark.parametrize("most_exact", [0, cohorts.MOST_EXACT])
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
    assert cohort.begin.at == BEGIN_S + COAST_BEGAN_S


def test_what_began_later_says_nothing_of_an_unlock(store: Path) -> None:
    """Ten minutes before the coast began to fail nothing failed, though much did just after."""
    at_s = BEGIN_S + COAST_BEGAN_S - 600
    around = Source(store).read(lambda duck: search_around(duck, at_s, OFFLINE))
    assert (around.found, around.failures) == ((), 0)


@pytest.mark.parametrize("share", [0.4, 0.0])
def test_cars_that_are_well_may_be_added_up(
    tmp_path: Path, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of random unlocks the same is found as where each is weighed by itself."""
    draw = random.Random(f"cars that are well {share}")  # noqa: S311 - a test's data
    unlocks = []
    for number in range(3_000):
        car, second = draw.randrange(400), 2.4 * number + draw.random()
        operator, firmware = f"operator-{car % 3}", f"2.{car % 5}"
        is_struck = second > 4_200 and operator == "operator-1" and car % 4 == 0
        fails = draw.random() < (share if is_struck else 0.03)
        unlocks.append(
            unlock(
                number, car=f"car-{car}", region=f"region-{car % 4}", operator=operator,
                firmware=firmware, cause=Cause.BOX_OFFLINE if fails else None,
                started_at=BEGIN_S + second,
            )
        )  # fmt: skip
    put_unlocks(tmp_path, unlocks)
    kept(tmp_path)
    found = []
    for most_exact in (10_000, 0):
        monkeypatch.setattr(cohorts, "MOST_EXACT", most_exact)
        found.append(
            Source(tmp_path).read(lambda duck: search_around(duck, BEGIN_S + 5_000, OFFLINE))
        )
    exact, added_up = ([(c.traits, c.failures) for c in each.found] for each in found)
    assert len(exact) == (1 if share else 0)
    assert added_up == exact
    assert found[0].absence == found[1].absence
    if share:
        (one,), (other,) = found[0].found, found[1].found
        assert {trait.value for trait in one.traits} == {"region-0", "operator-1"}
        assert other.attempts == pytest.approx(one.attempts, rel=0.02)
        assert one.begin is not None
        assert other.begin is not None
        assert one.begin.at == other.begin.at


def test_failures_of_another_kind_hide_no_cohort(tmp_path: Path) -> None:
    """Cars in garages everywhere fail as often as those of the coast that are not woken."""
    unlocks = []
    for number in range(600):
        region, other = ("coast", "centre")[number % 2], number % 7 == 0
        is_struck = region == "coast" and number > 300 and number % 3 == 0
        cause = Cause.BOX_OFFLINE if other else Cause.BOX_ASLEEP if is_struck else None
        at, car = BEGIN_S + 20 * number, f"car-{number % 150}"
        its = {"region": region, "started_at": at, "cause": cause}
        unlocks.append(unlock(number, car=car, **its))
    put_unlocks(tmp_path, unlocks)
    kept(tmp_path)
    believed = replace(BELIEVED, modes=[RankedMode("stale_online_cache", 0.95)])
    like = similar_failures(Cause.BOX_ASLEEP, believed)
    assert Cause.BOX_OFFLINE not in like.causes
    around = Source(tmp_path).read(lambda duck: search_around(duck, BEGIN_S + 9_000, like))
    (cohort,) = around.found
    assert [(trait.name, trait.value) for trait in cohort.traits] == [("region", "coast")]
    assert cohort.failures_elsewhere == 0
    assert "failures of this kind" in around_in_words(around, ENGLISH)
    span = Span(BEGIN_S + 9_000 - 900, BEGIN_S + 9_000 + 900)
    hidden = Source(tmp_path).read(lambda duck: search_since(duck, span))
    assert not hidden.found or hidden.found[0].probability < cohort.probability / 2


def test_what_may_have_failed_of_the_same() -> None:
    """By the mode where it is likely, else by the family of the cause."""
    unsure = replace(BELIEVED, modes=[RankedMode("stale_online_cache", 0.5)])
    assert similar_failures(Cause.BOX_ASLEEP, unsure).causes >= {
        Cause.BOX_ASLEEP,
        Cause.BOX_OFFLINE,
    }
    assert similar_failures(Cause.API_REFUSED, None).causes == {
        Cause.API_REFUSED, Cause.API_FAILED, Cause.NOT_PUBLISHED, Cause.NOT_OBSERVED
    }  # fmt: skip


@pytest.mark.parametrize("most_exact", [0, cohorts.MOST_EXACT])
def test_what_was_not_seen_counts_neither_way(
    tmp_path: Path, most_exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it failed; neither now nor in what was usual."""
    monkeypatch.setattr(cohorts, "MOST_EXACT", most_exact)
    causes = [Cause.BOX_OFFLINE, Cause.NOT_OBSERVED, None]
    put_unlocks(tmp_path, [unlock(second, cause=causes[second % 3]) for second in range(900)])
    kept(tmp_path)
    span = Span(BEGIN_S + 600.0, BEGIN_S + 900.0)
    finding = Source(tmp_path).read(lambda duck: search_since(duck, span))
    assert (finding.failures, finding.attempts) == (100, 200)
    usual = Source(tmp_path).read(
        lambda duck: duck.run("SELECT sum(failures), sum(unlocks) FROM attempt_sums")
    )
    assert usual == [(300, 600)]


def test_nothing_is_said_of_a_time_before_the_records(tmp_path: Path) -> None:
    """Failures are taken to have begun before, and what is known begins later."""
    cause = Cause.BOX_OFFLINE
    put_unlocks(tmp_path, [unlock(each, cause=cause) for each in range(120, 300)])
    finding = Source(tmp_path).read(lambda duck: search_around(duck, BEGIN_S + 250.0, OFFLINE))
    assert finding.since == BEGIN_S + 120.0
    assert "180 of 180 attempts since 00:02 failed" in around_in_words(finding, ENGLISH)
