"""When the display of a run draws, and what it reads; `progress.txt` has what it shows."""

from __future__ import annotations

import re
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from fleet_sim.cars.world import FleetCounts
from fleet_sim.runs.progress import LineProgress, TerminalProgress, progress_on
from fleet_sim.runs.progress_state import LoadState, UnlocksSoFar
from fleet_wire.contract.causes import Cause
from tests.helpers.fake_clock import FakeClock
from tests.helpers.sample_run import make_attempt, write_lines
from tests.helpers.screen import written


@pytest.fixture
def halfway(tmp_path: Path) -> LoadState:
    """Return a load of which a third has passed; four unlocks of the file did not open."""
    causes = [Cause.BOX_OFFLINE] * 3 + [Cause.BOX_BUSY]
    attempts = [make_attempt(n, at_s=19.5, cause=cause) for n, cause in enumerate(causes)]
    write_lines(tmp_path / "attempts.jsonl", attempts)
    return LoadState(
        elapsed_s=20.0,
        duration_s=60.0,
        sent_at_least=112,
        configured=1000,
        fleet=FleetCounts(reachable=990),
        faults=[],
        unlocks=UnlocksSoFar(tmp_path / "attempts.jsonl", duration_s=60.0),
    )


def test_the_display_suits_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets the panel; a pipe, and a terminal that cannot move its cursor, get lines.

    Closing shows the cursor that the panel had hidden.
    """
    file = StringIO()
    screen = Console(file=file, force_terminal=True)
    shown = progress_on(screen)
    shown.close()
    assert isinstance(shown, TerminalProgress)
    raw = file.getvalue()
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")
    pipe = Console(file=StringIO(), force_terminal=False)
    assert isinstance(progress_on(pipe), LineProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress_on(screen), LineProgress)


def test_a_terminal_without_blocks_gets_letters(halfway: LoadState) -> None:
    """Where the encoding is ASCII, nothing else is written."""
    file = TextIOWrapper(BytesIO(), encoding="ascii", newline="")
    progress = TerminalProgress(Console(file=file, force_terminal=True, width=90))
    progress.load(halfway)
    progress.close()
    file.seek(0)
    assert "box_offline 3, box_busy 1" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.read())


def test_drawing_does_not_hold_up_a_run_in_virtual_time(halfway: LoadState) -> None:
    """At most ten frames a second, however often the run says how far it is."""
    clock, screen = FakeClock(), Console(file=StringIO(), force_terminal=True, width=100)
    progress = TerminalProgress(screen, clock)
    for _ in range(40):
        progress.load(halfway)
        clock.now_s += 0.025
    progress.close()
    assert 5 <= written(screen).count("in flight") <= 11


def test_unlocks_are_read_once_and_whole(tmp_path: Path) -> None:
    """A line that is being written waits for its end; what is no record is passed over."""
    file = tmp_path / "attempts.jsonl"
    unlocks = UnlocksSoFar(file, duration_s=60.0)
    unlocks.read()
    assert unlocks.ended_count == 0
    line = msgspec.json.encode(make_attempt(1, cause=Cause.BOX_BUSY)) + b"\n"
    file.write_bytes(line + b"nonsense\n" + line[:50])
    unlocks.read()
    assert unlocks.ended_count == 1
    with file.open("ab") as more:
        more.write(line[50:])
    unlocks.read()
    unlocks.read()
    assert unlocks.causes == {Cause.BOX_BUSY: 2}
    assert unlocks.opens_s(50) is None
