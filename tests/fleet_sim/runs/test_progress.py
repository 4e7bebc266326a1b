"""Tests of the display of a run."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from fleet_sim.cars.world import FleetCounts
from fleet_sim.results.injected import InjectedFault
from fleet_sim.runs import progress_state
from fleet_sim.runs.progress import LineProgress, Progress, TerminalProgress, progress_on
from fleet_sim.runs.progress_state import SLICES, LoadState, UnlocksSoFar
from fleet_wire.contract.causes import Cause
from tests.helpers.fake_clock import FakeClock
from tests.helpers.sample_run import (
    make_attempt,
    write_lines,
)
from tests.helpers.screen import Screen, written

FAULTS = [
    InjectedFault("regional_carrier_outage", 8.0, 28.0, ["car-1", "car-2"]),
    InjectedFault("broker_restart", 40.0, 41.0, []),
    InjectedFault("over", 1.0, 2.0, []),
]


@pytest.fixture
def halfway(tmp_path: Path) -> LoadState:
    """Return a load of which a third has passed; four unlocks of the file did not open."""
    causes = [Cause.BOX_OFFLINE] * 3 + [Cause.BOX_BUSY]
    attempts = [make_attempt(n, at_s=n / 5) for n in range(96)]
    attempts += [make_attempt(n, at_s=19.5, cause=cause) for n, cause in enumerate(causes)]
    write_lines(tmp_path / "attempts.jsonl", attempts)
    return LoadState(
        elapsed_s=20.0,
        duration_s=60.0,
        sent_at_least=112,
        configured=1000,
        fleet=FleetCounts(reachable=990, asleep=7, commands=1090, executed=1081, refused=0),
        faults=FAULTS,
        unlocks=UnlocksSoFar(tmp_path / "attempts.jsonl", duration_s=60.0),
    )


def test_what_is_shown_of_the_unlocks_adds_up(halfway: LoadState) -> None:
    """Also where the file is ahead of what the probe has said: nothing is counted in two ways."""
    late = replace(halfway, sent_at_least=90)
    late.unlocks.read()
    assert (late.sent_count, late.ok, late.not_opened, late.in_flight) == (100, 96, 4, 0)
    assert late.not_opened == late.unlocks.causes.total()


@pytest.fixture
def screen() -> Console:
    """Return a terminal of 100 columns that writes into memory."""
    return Console(file=StringIO(), force_terminal=True, width=100, color_system="standard")


def seen(console: Console) -> str:
    """Return what stands on the terminal at last."""
    assert isinstance(console.file, StringIO)
    shown = Screen(console.width)
    shown.write(console.file.getvalue())
    return shown.text


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


def drive(progress: Progress, state: LoadState) -> None:
    """Tell a progress all that a run tells."""
    progress.phase("Connecting 1,000 boxes")
    progress.connecting(250, 1000)
    progress.connecting(1000, 1000)
    progress.serving("http://127.0.0.1:9464/metrics")
    progress.phase("Unlocking")
    progress.load(state)
    progress.note("broker connection lost\x1b[2J, \x07[bold]retrying[/bold]")
    progress.close()
    progress.close()


def test_terminal_shows_how_the_run_goes(screen: Console, halfway: LoadState) -> None:
    """The panel holds what became of the unlocks and why, what the boxes do, and the faults.

    Control characters and markup in a note are not obeyed, and the cursor comes back.
    """
    drive(TerminalProgress(screen), halfway)
    text = written(screen)
    assert isinstance(screen.file, StringIO)
    raw = screen.file.getvalue()
    assert "\x1b[2J" not in raw
    assert "\x07" not in raw
    assert "[bold]retrying[/bold]" in raw
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")
    for piece in (
        "Connecting 1,000 boxes",
        "250 of 1,000 boxes",
        "20 of 60 s",
        "112 sent · 96 opened · 4 not opened · 12 in flight",
        "p50 1.4",
        "of 100 that ended",
        "box_offline 3 · box_busy 1",
        "990 of 1,000 connected · 7 asleep · 1,090 commands came · 1,081 executed",
        "regional_carrier_outage on 2 cars, 8 s more",
        "broker_restart in 20 s",
        "metrics at http://127.0.0.1:9464/metrics",
    ):
        assert piece in text


@pytest.mark.parametrize(
    ("elapsed_s", "duration_s", "words"),
    [
        (-2.6, 60.0, "begins in 3 s"),
        (-0.02, 60.0, "0 of 60 s"),
        (59.9, 60.0, "60 of 60 s"),
        (65.0, 60.0, "65 s, the last unlocks end"),
        (840.3, 72_000.0, "14 min of 20 h"),
    ],
)
def test_no_time_is_below_zero(
    elapsed_s: float, duration_s: float, words: str, halfway: LoadState
) -> None:
    """Before the load the seconds until it begins, after it that the last unlocks end."""
    assert replace(halfway, elapsed_s=elapsed_s, duration_s=duration_s).when == words


@pytest.mark.parametrize("width", [60, 40, 36])
def test_nothing_breaks_on_a_narrow_terminal(width: int, halfway: LoadState) -> None:
    """No line is wider, every frame is whole, and counts stay together with their words."""
    console = Console(file=StringIO(), force_terminal=True, width=width)
    progress = TerminalProgress(console)
    progress.load(halfway)
    text = seen(console)
    progress.close()
    lines = text.splitlines()
    assert "".join(line[0] for line in lines) == f"╭{'│' * (len(lines) - 2)}╰"
    assert "".join(line[-1] for line in lines) == f"╮{'│' * (len(lines) - 2)}╯"
    assert {len(line) for line in lines} == {width}
    if width == 60:
        assert "12 in flight" in text
        assert "broker_restart in 20 s" in text


def test_the_time_to_open_goes_on_as_blocks(halfway: LoadState) -> None:
    """A block for each slice of the load: a cross where fewer than half opened, nothing to come."""
    console = Console(file=StringIO(), force_terminal=True, width=100)
    progress = TerminalProgress(console)
    progress.load(halfway)
    (trend,) = re.findall(r"over time  (.*?) up to", seen(console))
    progress.close()
    assert re.fullmatch(r"[▁-█]{12,13}[▁-█×] *", trend)  # noqa: RUF001
    assert len(trend) == SLICES
    assert "█" in trend


def test_a_terminal_without_blocks_gets_letters(halfway: LoadState) -> None:
    """Where the encoding is ASCII, nothing else is written."""
    file = TextIOWrapper(BytesIO(), encoding="ascii", newline="")
    progress = TerminalProgress(Console(file=file, force_terminal=True, width=90))
    progress.load(halfway)
    progress.close()
    file.seek(0)
    assert "box_offline 3, box_busy 1" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.read())


def test_ctrl_c_leaves_nothing_of_the_panel(halfway: LoadState) -> None:
    """A terminal echoes ^C where the cursor stands; the panel is drawn over all the same."""
    console = Console(file=StringIO(), force_terminal=True, width=80)
    progress = TerminalProgress(console)
    progress.load(halfway)
    console.file.write("^C")
    progress.note("ending: unlocks under way may finish")
    progress.phase("the last unlocks end")
    console.file.write("^C")
    progress.close()
    assert seen(console) == "ending: unlocks under way may finish"


def test_drawing_does_not_hold_up_a_run_in_virtual_time(
    screen: Console, halfway: LoadState
) -> None:
    """At most ten frames a second, however often the run says how far it is."""
    clock = FakeClock()
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


def test_an_unlock_that_is_revised_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was judged last; one that proved to be a part of another does not count."""
    monkeypatch.setattr(progress_state, "MOST_REVISABLE", 2)
    failed = [make_attempt(n, cause=Cause.API_FAILED) for n in range(3)]
    opened = make_attempt(2)
    lines = [
        *(msgspec.structs.replace(one, revision=1) for one in failed),
        msgspec.structs.replace(opened, revision=2),
        msgspec.structs.replace(failed[1], revision=2, same_as=failed[2].attempt_id),
    ]
    write_lines(tmp_path / "attempts.jsonl", lines)
    unlocks = UnlocksSoFar(tmp_path / "attempts.jsonl", duration_s=60.0)
    unlocks.read()
    assert (unlocks.ended_count, unlocks.causes) == (2, {Cause.API_FAILED: 1})
    assert sum(number for number, _ in unlocks.medians_s()) == 2
    assert unlocks.opens_s(50) == opened.total_s


def test_lines_are_plain(pipe: Console, halfway: LoadState) -> None:
    """Outside of a terminal every line is printable; line ends in a note are kept."""
    drive(progress_on(pipe), halfway)
    assert isinstance(pipe.file, StringIO)
    progress_on(pipe).note("too few file descriptors\n  cure: ulimit -n 65536")
    lines = pipe.file.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[-2:] == ["too few file descriptors", "  cure: ulimit -n 65536"]
    assert lines[:3] == [
        "Connecting 1,000 boxes",
        "connected 250 of 1,000 boxes",
        "connected 1,000 of 1,000 boxes",
    ]
    (counts,) = (line for line in lines if "112 sent" in line)
    assert re.fullmatch(
        r"20 of 60 s: 112 sent, 96 opened, 4 not opened, 12 in flight, p50 1.\d+ s,"
        r" p95 \d.\d+ s, of 100 that ended, box_offline 3, box_busy 1,"
        r" 990 of 1,000 connected, 7 asleep, 1,090 commands came, 1,081 executed,"
        r" regional_carrier_outage on 2 cars, 8 s more, broker_restart in 20 s",
        counts,
    )


def test_both_say_how_many_unlocks_had_other_causes(
    tmp_path: Path, screen: Console, pipe: Console, halfway: LoadState
) -> None:
    """Five causes of six are named here: nobody is to take them for all."""
    causes = [cause for number, cause in enumerate(Cause, start=1) if number <= 6]
    attempts = [make_attempt(n, cause=cause) for n, cause in enumerate([*causes, *causes[:5]])]
    write_lines(tmp_path / "few.jsonl", attempts)
    for console in (screen, pipe):
        progress = progress_on(console)
        unlocks = UnlocksSoFar(tmp_path / "few.jsonl", duration_s=60.0)
        progress.load(replace(halfway, unlocks=unlocks))
        progress.close()
        assert "other causes 1" in written(console)


def test_lines_come_every_few_seconds(halfway: LoadState) -> None:
    """Counts between two lines are left out; a new phase lets the next one through."""
    stream, clock = StringIO(), FakeClock()
    progress = LineProgress(stream, clock)
    for _ in range(12):
        progress.load(halfway)
        clock.now_s += 1.0
    assert stream.getvalue().count("in flight") == 3
    progress.phase("Draining")
    progress.load(halfway)
    assert stream.getvalue().count("in flight") == 4
