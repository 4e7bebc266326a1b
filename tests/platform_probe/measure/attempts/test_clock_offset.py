"""The clocks' offset: from the quickest ways, by the window, and after a clock was set."""

from __future__ import annotations

import pytest

from platform_probe.measure.attempts.clock_offset import (
    RECENT,
    STEP_S,
    WINDOW_S,
    ClockOffset,
    WindowMinimum,
)

NOW_S = 1_000.0


def command(offset: ClockOffset, *, ahead_s: float, way_s: float, now_s: float = NOW_S) -> None:
    """Let a command be seen that took `way_s`, and whose PUBACK took 0.02 s."""
    published_at = now_s + ahead_s - way_s
    offset.command(
        published_at=published_at, accepted_at=published_at + 0.02, seen_s=now_s, now_s=now_s
    )


def test_without_pubacks_the_bound_is_one_sided() -> None:
    """It is not known how wrong it may be."""
    offset = ClockOffset(0.0)
    offset.command(published_at=NOW_S - 0.25, accepted_at=None, seen_s=NOW_S, now_s=NOW_S)
    offset.command(published_at=NOW_S - 0.5, accepted_at=0.0, seen_s=NOW_S, now_s=NOW_S)
    assert (offset.offset_s, offset.uncertainty_s) == (0.25, None)


def test_no_line_comes_before_it_was_written() -> None:
    """A log that is read at once may say more than any command."""
    offset = ClockOffset(0.0)
    command(offset, ahead_s=0.0, way_s=0.5)
    offset.line(NOW_S - 0.125, NOW_S)
    assert offset.offset_s == 0.125
    offset.line(NOW_S - 60.0, NOW_S)
    assert offset.offset_s == 0.125


def test_a_clock_that_drifts_is_followed() -> None:
    """What was quickest some minutes ago is forgotten: each of two windows in its turn."""
    least = WindowMinimum()
    assert least.add(1.0, 0.0)
    assert not least.add(2.0, 1.0)
    assert not least.add(1.0, 1.0)
    assert least.add(3.0, WINDOW_S)
    assert least.value == 1.0
    assert not least.add(4.0, WINDOW_S + 1)
    assert least.add(3.5, 2 * WINDOW_S)
    assert least.value == 3.0
    assert least.add(9.0, 4 * WINDOW_S)
    assert least.value == 9.0


def test_a_clock_that_was_set_back_is_noticed_by_many_commands() -> None:
    """One slow command is a slow command; that all of them are is a clock."""
    offset = ClockOffset(0.0)
    command(offset, ahead_s=0.0, way_s=0.03)
    offset.line(NOW_S - 0.03, NOW_S)
    for _ in range(RECENT - 1):
        command(offset, ahead_s=-STEP_S, way_s=0.04)
        assert offset.offset_s == pytest.approx(0.01)
    command(offset, ahead_s=-STEP_S, way_s=0.04)
    assert offset.offset_s == pytest.approx(STEP_S + 0.02)
    command(offset, ahead_s=-STEP_S, way_s=0.03)
    assert offset.offset_s == pytest.approx(STEP_S + 0.01)


def test_commands_that_are_all_slow_by_less_are_slow() -> None:
    """A quick one among the recent ones says that the clock was not set."""
    offset = ClockOffset(0.0)
    command(offset, ahead_s=0.0, way_s=0.03)
    for _ in range(RECENT + 5):
        command(offset, ahead_s=0.0, way_s=2 * STEP_S)
        command(offset, ahead_s=0.0, way_s=STEP_S)
    assert offset.offset_s == pytest.approx(0.01)


def test_to_begin_anew_is_to_know_nothing_of_the_ways() -> None:
    """The next line says more than all before."""
    offset = ClockOffset(0.0)
    command(offset, ahead_s=0.0, way_s=0.03)
    offset.begin_anew()
    offset.line(NOW_S + 86_400, NOW_S)
    assert offset.offset_s == -86_400
    assert offset.uncertainty_s is None
