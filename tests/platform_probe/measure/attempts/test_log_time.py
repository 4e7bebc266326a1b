"""The log's time: which lines fit, and when a clock was set."""

from __future__ import annotations

import pytest

from platform_probe.measure.attempts.log_time import (
    AHEAD_S,
    FIRST_APART_S,
    STRANGE_LINES,
    STRANGE_S,
    LogTime,
)

UNIX_S = 1_700_000_000.0
KEEP_S = 600.0


def log_time(now_s: float = 0.0) -> LogTime:
    """Return a log of which no line has come."""
    return LogTime(keep_s=KEEP_S, unix_s=UNIX_S, now_s=now_s)


@pytest.mark.parametrize("apart_s", [FIRST_APART_S, -FIRST_APART_S, 0.0])
def test_the_first_line_may_be_a_day_apart(apart_s: float) -> None:
    """Clocks differ; years are a mistake."""
    log = log_time()
    assert log.accept(UNIX_S + 50 + apart_s, 50.0)
    assert log.newest_at == UNIX_S + 50 + apart_s
    beyond_s = 1.0 if apart_s >= 0 else -1.0
    assert not log_time().accept(UNIX_S + beyond_s * (FIRST_APART_S + 1), 0.0)


def test_lines_may_be_late_and_not_ahead_of_time() -> None:
    """What is older than what is kept is no use, and what is yet to come is wrong."""
    log = log_time()
    assert log.accept(UNIX_S, 0.0)
    assert log.accept(UNIX_S - KEEP_S, 0.0)
    assert not log.accept(UNIX_S - KEEP_S - 0.1, 0.0)
    assert log.accept(UNIX_S + AHEAD_S, 0.0)
    assert not log.accept(UNIX_S + 2 * AHEAD_S + 0.1, 0.0)
    assert log.newest_at == UNIX_S + AHEAD_S


def test_times_count_from_when_it_began() -> None:
    """The monotonic clock may say anything then."""
    log = log_time(now_s=500_000.0)
    assert log.was_set is False
    assert log.accept(UNIX_S + FIRST_APART_S, 500_000.0)
    assert log.accept(UNIX_S + FIRST_APART_S + AHEAD_S + 10, 500_010.0)


def test_a_clock_that_is_far_off_from_the_first_line_on() -> None:
    """So many lines, the last of them so long after the first: not one less, nor earlier."""
    log = log_time(now_s=500.0)
    for _ in range(STRANGE_LINES - 1):
        assert not log.accept(UNIX_S + 1e6, 500.0)
    assert not log.accept(UNIX_S + 1e6, 500.0 + STRANGE_S - 0.1)
    assert log.accept(UNIX_S + 1e6, 500.0 + STRANGE_S)
    fewer = log_time(now_s=500.0)
    for _ in range(STRANGE_LINES - 2):
        assert not fewer.accept(UNIX_S + 1e6, 500.0)
    assert not fewer.accept(UNIX_S + 1e6, 500.0 + STRANGE_S)


def test_a_silent_night_is_no_leap() -> None:
    """As much time has passed here."""
    log = log_time()
    log.accept(UNIX_S, 0.0)
    assert log.accept(UNIX_S + 40_000, 40_000.0)


def test_a_clock_that_was_set_is_followed_after_many_lines_and_a_while() -> None:
    """Not after many lines alone, nor after a while alone; one that fits begins it anew."""
    log = log_time()
    log.accept(UNIX_S, 0.0)
    for number in range(2 * STRANGE_LINES):
        assert not log.accept(UNIX_S - 50_000, number * STRANGE_S / 1_000)
    assert log.accept(UNIX_S + STRANGE_S, STRANGE_S)
    assert not log.accept(UNIX_S - 50_000, STRANGE_S + 1)
    assert not log.accept(UNIX_S - 50_000, 2 * STRANGE_S + 2)
    assert not log.was_set
    for _ in range(STRANGE_LINES - 3):
        assert not log.accept(UNIX_S - 50_000, 2 * STRANGE_S + 2)
    assert log.accept(UNIX_S - 50_000, 2 * STRANGE_S + 2)
    assert log.was_set
    assert log.newest_at == UNIX_S - 50_000
    assert log.accept(UNIX_S - 50_001, 2 * STRANGE_S + 2)


@pytest.mark.parametrize("first_s", [-KEEP_S - 0.1, -KEEP_S, 0.0])
@pytest.mark.parametrize("last_s", [0.0, 10.0, AHEAD_S - KEEP_S, AHEAD_S, AHEAD_S + 10.1])
def test_lines_are_taken_together_only_where_each_of_them_would_be(
    first_s: float, last_s: float
) -> None:
    """Whatever their order; and the log has gone on as far then. Else nothing has happened."""
    together, orders = log_time(), (log_time(), log_time())
    for log in (together, *orders):
        assert log.accept(UNIX_S, 0.0)
    times = [UNIX_S + first_s, UNIX_S + last_s]
    each = [[log.accept(at, 10.0) for at in order] for log, order in zip(
        orders, (times, times[::-1]), strict=True
    )]  # fmt: skip
    if together.accept_all(times, 10.0):
        assert each == [[True, True], [True, True]]
        assert {log.newest_at for log in (together, *orders)} == {together.newest_at}
    else:
        assert together.newest_at == UNIX_S


def test_the_first_lines_are_taken_one_by_one() -> None:
    """Nobody knows yet how far the clocks are apart."""
    assert not log_time().accept_all([UNIX_S, UNIX_S + 1.0], 1.0)


def test_lines_that_fit_end_a_row_of_strange_ones() -> None:
    """Also where they come together."""
    log = log_time()
    assert log.accept(UNIX_S, 0.0)
    for _ in range(STRANGE_LINES - 1):
        assert not log.accept(UNIX_S + 1e6, 0.0)
    assert log.accept_all([UNIX_S, UNIX_S + 1.0], 1.0)
    assert not log.accept(UNIX_S + 1e6, STRANGE_S)
