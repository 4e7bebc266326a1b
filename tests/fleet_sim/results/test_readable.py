"""Tests of numbers as people read them."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import pytest

from fleet_sim.results import readable


def test_the_examples_in_the_docstrings() -> None:
    """What the docstrings show is what comes out."""
    results = doctest.testmod(readable)
    assert results.attempted == 11
    assert results.failed == 0


@pytest.mark.parametrize(
    ("spoken", "value", "text"),
    [
        (readable.duration, None, "–"),  # noqa: RUF001
        (readable.duration, 0.0, "0 s"),
        (readable.duration, 0.0000004, "0.4 µs"),
        (readable.duration, 0.9996, "1 s"),
        (readable.duration, 119.9, "120 s"),
        (readable.duration, 120.0, "2 min"),
        (readable.duration, 3600.0, "1 h"),
        (readable.duration, 7265.0, "2 h 1 min"),
        (readable.share, None, "–"),  # noqa: RUF001
        (readable.share, 0.00004, "< 0.01 %"),
        (readable.share, 0.196875, "19.69 %"),
        (readable.share, 0.99996, "> 99.99 %"),
        (readable.condition, {"max": 8, "min": None, "equals": None}, "≤ 8"),
        (readable.condition, {"min": 1, "max": 20000}, "≥ 1 and ≤ 20,000"),
        (readable.condition, {"equals": "live"}, "= live"),
        (readable.condition, "< 3", "< 3"),
        (readable.value, None, "no value"),
        (readable.value, 36100, "36,100"),
        (readable.value, 0.92131, "0.9213"),
        (readable.value, True, "True"),
    ],
)
def test_values_read_as_a_person_would_say_them(
    spoken: Callable[[Any], str], value: object, text: str
) -> None:
    """Three digits in the unit that keeps them short, rounded, and signs for limits."""
    assert spoken(value) == text
