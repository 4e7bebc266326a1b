"""Tests of the display of a run."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fleet_sim.results.summary import summarize
from fleet_sim.runs.progress import (
    LineProgress,
    Progress,
    TerminalProgress,
    print_summary,
    progress_on,
)
from tests.helpers.fake_clock import FakeClock
from tests.helpers.sample_run import SampleRun, sample_facts, write_sample_run

HALFWAY: dict[str, Any] = {
    "elapsed_s": 20.0,
    "duration_s": 60.0,
    "sent": 1100,
    "ok": 1080,
    "ended": 1084,
    "in_flight": 16,
    "connected": 1000,
}


@pytest.fixture
def screen() -> Console:
    """Return a terminal of 100 columns that writes into memory."""
    return Console(file=StringIO(), force_terminal=True, width=100, color_system="standard")


@pytest.fixture
def pipe() -> Console:
    """Return a console that is no terminal."""
    return Console(file=StringIO(), force_terminal=False, width=100)


def written(console: Console) -> str:
    """Return what was written, without colours and cursor movements."""
    assert isinstance(console.file, StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def test_the_display_suits_the_console(
    screen: Console, pipe: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal gets the panel; a pipe, and a terminal that cannot move its cursor, get lines."""
    shown = progress_on(screen)
    shown.close()
    assert isinstance(shown, TerminalProgress)
    assert isinstance(progress_on(pipe), LineProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress_on(screen), LineProgress)


def drive(progress: Progress) -> None:
    """Tell a progress all that a run tells."""
    progress.phase("Connecting 1,000 boxes")
    progress.connecting(250, 1000)
    progress.connecting(1000, 1000)
    progress.serving("http://127.0.0.1:9464/metrics")
    progress.phase("Unlocking")
    progress.load(**HALFWAY)
    progress.note("broker connection lost\x1b[2J, \x07[bold]retrying[/bold]")
    progress.close()
    progress.close()


def test_terminal_shows_counts_and_address(screen: Console) -> None:
    """The panel holds the phase, the time to go, the counts and the address of the metrics."""
    drive(TerminalProgress(screen))
    text = written(screen)
    for piece in (
        "Connecting 1,000 boxes",
        "250 of 1,000 boxes",
        "20 s, 40 s to go",
        "sent 1,100",
        "ok 1,080",
        "not opened 4",
        "in flight 16",
        "boxes connected 1,000",
        "http://127.0.0.1:9464/metrics",
    ):
        assert piece in text


def test_terminal_says_that_the_last_unlocks_end(screen: Console) -> None:
    """After the load the panel does not count below zero."""
    progress = TerminalProgress(screen)
    progress.load(**{**HALFWAY, "elapsed_s": 65.0})
    progress.close()
    assert "65 s, the last unlocks end" in written(screen)


def test_notes_cannot_steer_the_terminal(screen: Console) -> None:
    """Control characters and markup in a note are shown as text, not obeyed."""
    drive(TerminalProgress(screen))
    assert isinstance(screen.file, StringIO)
    raw = screen.file.getvalue()
    assert "\x1b[2J" not in raw
    assert "\x07" not in raw
    assert "[bold]retrying[/bold]" in raw


def test_terminal_gives_the_cursor_back(screen: Console) -> None:
    """Closing shows the cursor that the panel had hidden."""
    drive(TerminalProgress(screen))
    assert isinstance(screen.file, StringIO)
    raw = screen.file.getvalue()
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")


def test_lines_are_plain(pipe: Console) -> None:
    """Outside of a terminal every line is printable."""
    drive(progress_on(pipe))
    assert isinstance(pipe.file, StringIO)
    lines = pipe.file.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[:3] == [
        "Connecting 1,000 boxes",
        "connected 250 of 1,000 boxes",
        "connected 1,000 of 1,000 boxes",
    ]
    assert "20 of 60 s: sent 1,100, ok 1,080, not opened 4, in flight 16, boxes 1,000" in lines


def test_lines_come_every_few_seconds() -> None:
    """Counts between two lines are left out; a new phase lets the next one through."""
    stream, clock = StringIO(), FakeClock()
    progress = LineProgress(stream, clock)
    for _ in range(12):
        progress.load(**HALFWAY)
        clock.now_s += 1.0
    assert stream.getvalue().count("in flight") == 3
    progress.phase("Draining")
    progress.load(**HALFWAY)
    assert stream.getvalue().count("in flight") == 4


def test_a_note_of_several_lines(pipe: Console) -> None:
    """Line ends in a note are kept."""
    progress_on(pipe).note("too few file descriptors\n  cure: ulimit -n 65536")
    assert written(pipe).splitlines() == [
        "too few file descriptors",
        "  cure: ulimit -n 65536",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_summary_of_a_failing_run(tmp_path: Path, is_terminal: bool) -> None:  # noqa: FBT001
    """The closing tables hold outcomes, times, causes and every verdict."""
    console = Console(file=StringIO(), force_terminal=is_terminal, width=120)
    summary = write_sample_run(tmp_path, SampleRun())
    print_summary(summary, console)
    text = written(console)
    total = summary["attempts"]["total"]
    assert f"{summary['attempts']['by_outcome']['ok']} of {total} unlocks opened" in text
    assert re.search(r"box_offline +25 ", text)
    assert "no_subscriber " not in text.split("expected")[0]
    assert re.search(r"✗ +attempts.ok_share +≥ 0.99 +0.9", text)
    assert re.search(r"✓ +attempts.by_cause.no_subscriber += 0 +0", text)
    assert "✗ 2 of 3 expectations do not hold" in text


def test_summary_of_a_good_run(tmp_path: Path, pipe: Console) -> None:
    """Without failures there is no table of causes, and every expectation holds."""
    print_summary(write_sample_run(tmp_path, SampleRun(garage=False, rare_share=0.0)), pipe)
    text = written(pipe)
    assert "what it means" not in text
    assert "✓ all 3 expectations hold" in text


def test_summary_of_an_empty_run(tmp_path: Path, pipe: Console) -> None:
    """Without unlocks the tables stand, with dashes for what nobody knows."""
    print_summary(summarize(tmp_path, sample_facts()), pipe)
    assert "0 of 0 unlocks opened (–)" in written(pipe)  # noqa: RUF001
