"""While a large fleet connects, somebody wants to know how fast, and whether memory will do."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from fleet_sim.runs.progress import LineProgress, TerminalProgress
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


def test_runs_that_take_long_have_no_rate_but_an_end() -> None:
    """Off a terminal there are no control characters, and a line every few seconds."""
    stream, clock = StringIO(), FakeClock(now_s=0.0)
    progress = LineProgress(stream, clock)
    for done in range(1, 21):
        clock.now_s = 2.0 * done
        progress.runs(done=done, total=20, failed=done // 10)
    words = [line.split(",")[:3] for line in stream.getvalue().splitlines()]
    assert words[0] == ["1 of 20 runs"]
    assert words[1][:2] == ["4 of 20 runs", " 32 s left"]
    assert words[-1][:2] == ["20 of 20 runs", " 2 failed"]


def test_lines_say_what_the_probe_learns() -> None:
    """A line every five seconds, not one for each word of the probe; the panel shows it too."""
    clock, out = FakeClock(), StringIO()
    progress = LineProgress(out, clock)
    progress.phase("starting the probe")
    for heard in range(0, 120_000, 10_000):
        progress.learning(heard, 200_000)
        clock.now_s += 1.0
    lines = out.getvalue().splitlines()
    assert lines[1] == "heard 0 of some 200,000 retained messages"
    assert [line.partition(" of")[0] for line in lines[1:]] == [
        "heard 0",
        "heard 50,000",
        "heard 100,000",
    ]
    assert "10,000 a second" in lines[2]
    panel = TerminalProgress(Console(file=out, force_terminal=True, width=100), FakeClock())
    panel.learning(50_000, 200_000)
    panel.close()
    assert "50,000 of some 200,000 retained messages" in out.getvalue()
