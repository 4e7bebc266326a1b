"""How a sweep shows itself."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from fleet_sim.sweeps.progress import SweepBar, SweepLines, sweep_progress_on
from tests.helpers.fake_clock import FakeClock


def test_lines_come_every_few_seconds_and_at_the_end() -> None:
    """Off a terminal there are no control characters."""
    stream, clock = StringIO(), FakeClock(now_s=0.0)
    with SweepLines(Console(file=stream), clock) as progress:
        for done in range(1, 21):
            clock.now_s = done / 2
            progress.runs(done=done, total=20, failed=done // 10)
        progress.note("said")
    assert stream.getvalue().splitlines() == [
        "1 of 20 runs", "11 of 20 runs, 1 failed", "20 of 20 runs, 2 failed", "said",
    ]  # fmt: skip


def test_a_terminal_gets_a_bar_and_notes_above_it() -> None:
    """The counts are on it, failures too."""
    stream = StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    display = sweep_progress_on(console)
    assert isinstance(display, SweepBar)
    with display as progress:
        progress.note("said")
        progress.runs(done=3, total=20, failed=1)
    assert "said" in stream.getvalue()
    assert "3/20" in stream.getvalue()
    assert ", 1 failed" in stream.getvalue()


def test_a_pipe_gets_lines() -> None:
    """As a log file does."""
    assert isinstance(sweep_progress_on(Console(file=StringIO())), SweepLines)
