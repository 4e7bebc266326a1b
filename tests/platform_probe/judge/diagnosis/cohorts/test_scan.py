"""What conjunctions earn and cost."""

from __future__ import annotations

import math

import pytest

from platform_probe.judge.diagnosis.cohorts.counts import BaselineCounts, Count, Leaf
from platform_probe.judge.diagnosis.cohorts.scan import scan, surprise


def test_surprise_is_the_binomial_log_likelihood_ratio() -> None:
    """Nothing where all is as expected; by hand where it is not; and none of nothing."""
    assert surprise(10.0, 2.0, 2.0) == pytest.approx(0.0)
    by_hand = 8 * math.log(8 / 2) + 2 * math.log(2 / 8)
    assert surprise(10.0, 8.0, 2.0) == pytest.approx(by_hand)
    assert surprise(0.0, 0.0, 0.0) == 0.0
    assert surprise(10.0, 10.0, 0.0) < math.inf


def test_a_kind_that_is_rare_is_expected_to_fail_like_its_worst_trait() -> None:
    """Of the garage much is known, of the garage by this operator nothing."""
    garage = Count(at=0.0, values=("garage", "north"), attempts=1_000, failures=500)
    street = Count(at=0.0, values=("street", "south"), attempts=1_000, failures=10)
    before = BaselineCounts([garage, street])
    assert before.rate(("garage", "south")) == pytest.approx(0.5, abs=0.02)
    assert before.rate(("street", "south")) == pytest.approx(0.01, abs=0.005)
    assert BaselineCounts([]).rate(("garage", "north")) == pytest.approx(0.02)


def test_attempts_of_unknown_value_are_neither_inside_nor_elsewhere() -> None:
    """They would hide that all of one value fail and none of the other."""
    leaves = [leaf("new", 20.0), leaf("old", 0.0), leaf(None, 10.0)]
    found = scan(leaves)[((0, "new"),)]
    assert (found.inside.attempts, found.outside.attempts, found.outside.failures) == (20, 20, 0)


def leaf(value: str | None, failures: float) -> Leaf:
    """Return twenty attempts of one value."""
    return Leaf((value,), attempts=20.0, failures=failures, expected=0.4)
