"""Intervals: as published, and as often right as they say."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results import uncertainty
from fleet_sim.results.uncertainty import Estimate, Interval, difference, share, time, z_of
from fleet_wire.randomness import RandomStream

Z = z_of(0.95)


def test_the_examples_in_the_docstrings() -> None:
    """Wilson's interval of 81 of 263, from Newcombe (Statistics in Medicine 17, 1998, 857-872)."""
    results = doctest.testmod(uncertainty)
    assert (results.attempted, results.failed) == (2, 0)


@pytest.mark.parametrize(
    ("first", "second", "limits"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0000)),
        ((10, 10), (0, 10), (0.6075, 1.0000)),
    ],
)
def test_differences_of_shares_are_those_of_newcombe(
    first: tuple[int, int], second: tuple[int, int], limits: tuple[float, float]
) -> None:
    """Method 10, table II of the paper."""
    found = difference(share(*second, Z), share(*first, Z))
    assert found is not None
    assert [round(limit, 4) for limit in found.limits] == list(limits)


@given(st.integers(1, 200), st.data())
def test_an_interval_holds_its_estimate(total: int, data: st.DataObject) -> None:
    """Shares and their limits are from 0 to 1; at the ends exactly."""
    part = data.draw(st.integers(0, total))
    value, (low, high) = share(part, total, Z)
    assert 0 <= low <= value <= high <= 1
    assert (low == 0) == (part == 0)
    assert (high == 1) == (part == total)


def test_a_quantile_lies_in_its_interval_as_often_as_it_says() -> None:
    """The median and the p95 of samples of 200 from a distribution whose quantiles are known."""
    right = dict.fromkeys((50, 95), 0)
    for number in range(600):
        stream = RandomStream.named(number, "sample")
        sample = sorted(stream.exponential(1.0) for _ in range(200))
        for percent in right:
            low, high = time(sample, percent, Z).limits
            right[percent] += low <= -math.log(1 - percent / 100) <= high
    assert all(0.92 < count / 600 < 0.99 for count in right.values())


def test_what_did_not_open_is_infinite() -> None:
    """A quantile that few reached in one run only is a difference without end, and known as one.

    Of three times nobody knows how long the slowest twentieth takes.
    """
    assert time([1.0, 2.0, 3.0], 95, Z) == Estimate(3.0, Interval(3.0, math.inf))
    assert time([1.0, 2.0, 3.0], 50, Z) == Estimate(2.0, Interval(0.0, math.inf))
    opened = time([1.0] * 900 + [2.0] * 100, 95, Z)
    shut = time([1.0] * 900 + [math.inf] * 100, 95, Z)
    for found, sign in ((difference(opened, shut), 1), (difference(shut, opened), -1)):
        assert found is not None
        assert found.value == sign * math.inf
        assert found.limits.low * sign > 0
        assert found.limits.high * sign > 0
    assert difference(shut, shut) is None
