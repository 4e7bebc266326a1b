"""Tests of numbers as people read them."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results import readable


def test_the_examples_in_the_docstrings() -> None:
    """What the docstrings show is what comes out."""
    results = doctest.testmod(readable)
    assert results.attempted == 11
    assert results.failed == 0


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0.0, "0 s"),
        (0.0000004, "0.4 µs"),
        (0.000999, "999 µs"),
        (0.9996, "1 s"),
        (1.0, "1 s"),
        (20.0, "20 s"),
        (119.9, "120 s"),
        (120.0, "2 min"),
        (3600.0, "1 h"),
        (7265.0, "2 h 1 min"),
    ],
)
def test_durations(value_s: float | None, text: str) -> None:
    """Three digits, in the unit that keeps them short."""
    assert readable.duration(value_s) == text


@given(st.floats(min_value=1e-6, max_value=119))
def test_a_duration_is_right_to_three_digits(value_s: float) -> None:
    """Reading a duration back gives the number within half a percent."""
    number, unit = readable.duration(value_s).split()
    assert float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit] == pytest.approx(
        value_s, rel=0.0051
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),  # noqa: RUF001
        (0.0, "0 %"),
        (0.00004, "< 0.01 %"),
        (0.196875, "19.69 %"),
        (0.7226, "72.26 %"),
        (0.9999, "99.99 %"),
        (0.99996, "> 99.99 %"),
        (1.0, "100 %"),
    ],
)
def test_shares(value: float | None, text: str) -> None:
    """Percent with two decimals, rounded, not cut."""
    assert readable.share(value) == text


@given(st.floats(min_value=0, max_value=1))
def test_only_all_is_a_hundred_percent_and_only_none_is_nothing(value: float) -> None:
    """A share is right within half of its last digit; the ends are kept for all and for none."""
    text = readable.share(value)
    assert float(text.strip("<> %")) == pytest.approx(value * 100, abs=0.01)
    assert (text == "100 %") == (value == 1)
    assert (text == "0 %") == (value == 0)
    if text[0] not in "<>":
        assert float(text.strip(" %")) == pytest.approx(value * 100, abs=0.005 + 1e-9)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"min": 0.99}, "≥ 0.99"),
        ({"max": 8, "min": None, "equals": None}, "≤ 8"),
        ({"min": 1, "max": 20000}, "≥ 1 and ≤ 20,000"),
        ({"equals": "live"}, "= live"),
        ("< 3", "< 3"),
    ],
)
def test_conditions(limits: object, text: str) -> None:
    """Limits read as signs, several in one line, texts as they are."""
    assert readable.condition(limits) == text


@pytest.mark.parametrize(
    ("measured", "text"),
    [(None, "no value"), (0, "0"), (36100, "36,100"), (0.92131, "0.9213"), (True, "True")],
)
def test_measured_values(measured: object, text: str) -> None:
    """A value that the run lacks is said to be missing."""
    assert readable.value(measured) == text
