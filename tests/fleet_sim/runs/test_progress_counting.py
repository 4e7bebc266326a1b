"""While a large fleet connects, somebody wants to know how fast, and whether memory will do."""

from __future__ import annotations

import pytest

from fleet_sim.runs.progress_counting import Counting
from tests.helpers.fake_clock import FakeClock


@pytest.mark.parametrize(
    ("free_bytes", "memory"), [(12_300_000_000, ", 12.3 GB of memory free"), (None, "")]
)
def test_the_rate_is_that_of_the_last_seconds(free_bytes: int | None, memory: str) -> None:
    """It is said when it is known, and follows what happens; with it the memory, if known."""
    clock = FakeClock()
    counting = Counting(clock, lambda: free_bytes)
    total = 30_000
    assert counting.rate_text("0 boxes", 0, total) == "0 boxes"
    clock.now_s += 2.9
    assert counting.rate_text("15,000", 15_000, total) == "15,000"
    clock.now_s += 0.1
    fast = f"18,000, 6,000 a second, 2 s left{memory}"
    assert counting.rate_text("18,000", 18_000, total) == fast
    clock.now_s += 4.0
    slower = f"26,000, 2,000 a second, 2 s left{memory}"
    assert counting.rate_text("26,000", 26_000, total) == slower
    assert counting.rate_text("all", total, total) == f"all, 2,000 a second{memory}"
    counting.restart()
    assert counting.rate_text("0 messages", 0, total) == "0 messages"
