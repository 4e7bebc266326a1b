"""The town in which detection is measured, and the measuring."""

from __future__ import annotations

from itertools import islice

from bench.detection.baselines import delays_of
from bench.detection.cost import measure_cost
from bench.detection.quiet import bound, trouble
from bench.detection.town import Town


def test_a_seed_is_a_town() -> None:
    """The same unlocks each time, in the order of their ends, few of which fail."""
    first = [*islice(Town(5).unlocks(1.0), 2_000)]
    assert first == [*islice(Town(5).unlocks(1.0), 2_000)]
    assert first != [*islice(Town(6).unlocks(1.0), 2_000)]
    ends = [one.started_at + one.total_s for one in first]
    assert ends == sorted(ends)
    assert 0.01 < sum(one.cause is not None for one in first) / len(first) < 0.1


def test_an_outage_is_noticed_once_and_soon() -> None:
    """Ten unlocks and one incident, after a day and a half of quiet."""
    found = trouble(3, 0.99, {}, a_minute=1.0)
    assert found.is_found
    assert found.unlocks <= 10
    assert found.incidents == 1
    assert found.title.startswith("Boxes offline since ")


def test_the_bound_is_what_is_known() -> None:
    """2 % to 10 %, thirty unlocks a minute, one false alarm a month: 167 unlocks."""
    assert round(bound(0.1, 30.0)) == 167


def test_the_mixture_is_as_quick_as_the_best_test_for_one_size() -> None:
    """And quicker for every other size."""
    cusum, mixture = delays_of("cusum_10"), delays_of("mixture")
    assert mixture["0.1"] < 1.1 * cusum["0.1"]
    assert all(mixture[share] < cusum[share] for share in ("0.05", "0.2", "0.5", "0.99"))


def test_the_cost_is_measured() -> None:
    """At 500 cohorts."""
    microseconds, cohorts = measure_cost(200)
    assert microseconds > 0.0
    assert cohorts > 450
