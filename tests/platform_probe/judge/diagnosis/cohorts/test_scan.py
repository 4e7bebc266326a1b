"""What conjunctions earn and cost."""

from __future__ import annotations

import math

import pytest

from platform_probe.judge.diagnosis.cohorts.counts import BaselineCounts, Count, Leaf, leaves_of
from platform_probe.judge.diagnosis.cohorts.scan import scan, surprise


def test_surprise_is_the_binomial_log_likelihood_ratio() -> None:
    """Nothing where all is as expected; by hand where it is not; and none of nothing."""
    assert surprise(10.0, 2.0, 2.0) == pytest.approx(0.0)
    by_hand = 8 * math.log(8 / 2) + 2 * math.log(2 / 8)
    assert surprise(10.0, 8.0, 2.0) == pytest.approx(by_hand)
    assert surprise(0.0, 0.0, 0.0) == 0.0
    assert surprise(10.0, 10.0, 0.0) < math.inf


def test_attempts_of_one_car_count_less_than_those_of_many() -> None:
    """Ten presses at one car tell less than one press at each of two cars."""
    presses = [Count(at=0.0, values=("a",), vehicle_id="car-1", failures=1)] * 10
    (leaf,) = leaves_of(presses, BaselineCounts([]))
    assert leaf.attempts < 2.0
    two = [Count(at=0.0, values=("a",), vehicle_id=f"car-{n}", failures=1) for n in range(2)]
    (leaf,) = leaves_of(two, BaselineCounts([]))
    assert leaf.attempts == pytest.approx(2.0, rel=0.01)


def test_a_kind_that_is_rare_is_expected_to_fail_like_its_worst_trait() -> None:
    """Of the garage much is known, of the garage by this operator nothing."""
    garage = Count(at=0.0, values=("garage", "north"), attempts=1_000, failures=500)
    street = Count(at=0.0, values=("street", "south"), attempts=1_000, failures=10)
    before = BaselineCounts([garage, street])
    assert before.rate(("garage", "south")) == pytest.approx(0.5, abs=0.02)
    assert before.rate(("street", "south")) == pytest.approx(0.01, abs=0.005)
    assert BaselineCounts([]).rate(("garage", "north")) == pytest.approx(0.02)


def test_two_names_of_the_same_attempts_differ_by_their_cost() -> None:
    """The operator there is in this region alone: the shorter name wins."""
    leaves = [
        Leaf(("city", "north"), 20.0, 10.0, 0.4),
        Leaf(("coast", "south"), 20.0, 0.0, 0.4),
        Leaf(("coast", "west"), 20.0, 1.0, 0.4),
    ]
    candidates = scan(leaves)
    best = max(candidates.values(), key=lambda one: one.score)
    assert best.key == ((0, "city"),)
    assert candidates[(0, "city"), (1, "north")].inside == best.inside


def test_what_fails_less_than_elsewhere_or_before_is_no_candidate() -> None:
    """A healthy region is not what failures share, however sure that it is healthy."""
    leaves = [Leaf(("a",), 100.0, 3.0, 2.0), Leaf(("b",), 100.0, 90.0, 2.0)]
    assert scan(leaves).keys() == {((0, "b"),)}
    assert scan([]) == {}


def test_attempts_of_unknown_value_are_neither_inside_nor_elsewhere() -> None:
    """They would hide that all of one value fail and none of the other."""
    leaves = [leaf("new", 20.0), leaf("old", 0.0), leaf(None, 10.0)]
    found = scan(leaves)[((0, "new"),)]
    assert (found.inside.attempts, found.outside.attempts, found.outside.failures) == (20, 20, 0)


def leaf(value: str | None, failures: float) -> Leaf:
    """Return twenty attempts of one value."""
    return Leaf((value,), attempts=20.0, failures=failures, expected=0.4)
