"""What servers write into `Retry-After`, and what is made of it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.web.retry_after import MAX_RETRY_AFTER_S, retry_after_s

DATE = "Mon, 30 Nov 2026 14:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        *[(text, None) for text in ("", "nan", "NaN", "inf", "-inf", "-1", "1e3", "soon", "٣")],
        ("0", 0.0),
        ("2", 2.0),
        (" 2.5 ", 2.5),
        ("86400", MAX_RETRY_AFTER_S),
        ("9" * 5_000, MAX_RETRY_AFTER_S),
        ("Mon, 30 Nov 2026 14:01:30 GMT", 90.0),
        ("Mon, 30 Nov 2026 13:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Mon, 99 Nov 2026 14:00:00 GMT", None),
    ],
)
def test_a_wait_is_read_and_bounded(text: str, wait_s: float | None) -> None:
    """Seconds and dates are read; what asks for nothing of sense is passed over."""
    for name in ("Retry-After", "retry-after"):
        assert retry_after_s({name: text, "Date": DATE}) == wait_s


def test_a_date_needs_the_date_of_the_answer() -> None:
    """The two clocks may differ: without the server's own time a date says nothing."""
    assert retry_after_s({"Retry-After": DATE}) is None


@given(st.text(), st.text() | st.just(DATE))
def test_whatever_is_written_the_wait_is_bounded(text: str, date: str) -> None:
    """No text raises, or leads to a wait that is no number."""
    for name, value in product(("Retry-After",), (text, text[:8], DATE + text)):
        wait_s = retry_after_s({name: value, "Date": date})
        assert wait_s is None or 0.0 <= wait_s <= MAX_RETRY_AFTER_S
