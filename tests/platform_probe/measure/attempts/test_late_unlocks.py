"""Cars that open after their unlock has ended here: late, unless the platform still said yes."""

from __future__ import annotations

import pytest

from tests.helpers.join_bench import LATE_S, WAIT_S, JoinBench
from tests.helpers.tracker_bench import DEADLINE_S


def opened_late(bench: JoinBench, *, lines_so_far: bool = True) -> None:
    """Let a car open two seconds after the monitor has given it up, and the joiner take that."""
    if lines_so_far:
        bench.requested()
        bench.published()
    bench.seen()
    bench.wait(DEADLINE_S + 2.0)
    bench.behind.executed("k1")
    (stray,) = bench.behind.strays
    assert stray.is_late_unlock
    bench.joiner.take_late(stray)


def test_who_is_told_yes_before_an_open_car_was_not_told_no() -> None:
    """Their phone waited for as long as the platform did, which is longer than the monitor."""
    bench = JoinBench()
    opened_late(bench)
    assert not bench.late
    assert len(bench.joiner)
    bench.ended()
    assert not bench.late
    bench.answered(200, command_id="k1")
    (stray,) = bench.late
    assert not stray.is_late_unlock
    assert stray.phase == "executed"


@pytest.mark.parametrize(
    ("status", "outcome", "is_late"),
    [
        (202, "executed", False),
        (202, "expired", True),
        (200, "expired", True),
        (504, "executed", True),
        (504, None, True),
    ],
)
def test_what_the_customer_was_told_before(
    status: int, outcome: str | None, *, is_late: bool
) -> None:
    """Who was told to wait asks how it ended; an error is a no, whatever comes of the command."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.answered(status, command_id="k1")
    opened_late(bench, lines_so_far=False)
    assert len(bench.late) == (outcome is None or status == 504)
    if outcome is not None:
        bench.ended(outcome)
    assert [stray.is_late_unlock for stray in bench.late] == [is_late]


def test_who_has_gone_was_told_nothing() -> None:
    """The answer is written to nobody."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.line("hung_up")
    opened_late(bench, lines_so_far=False)
    bench.ended()
    bench.line("unheard", status=200)
    assert [stray.is_late_unlock for stray in bench.late] == [True]


def test_who_asked_for_a_minute_asks_no_more() -> None:
    """A car that opens then opens before nobody, though the platform knows it."""
    bench = JoinBench()
    bench.requested()
    bench.published()
    bench.answered(202, command_id="k1")
    bench.seen()
    bench.wait(DEADLINE_S + 61.0)
    bench.behind.executed("k1")
    bench.joiner.take_late(bench.behind.strays[0])
    bench.ended()
    assert [stray.is_late_unlock for stray in bench.late] == [True]


def test_a_log_that_says_no_more_is_not_waited_for_for_ever() -> None:
    """What it has not said when it has gone on is not said; nor when the monitor stops."""
    bench = JoinBench()
    opened_late(bench)
    bench.wait(1.0)
    assert bench.joiner.next_s() is not None
    bench.wait(LATE_S)
    bench.line("requested", request_id="r9", trace_id="9" * 32, vehicle_id="car-9")
    bench.wait(WAIT_S)
    assert [stray.is_late_unlock for stray in bench.late] == [True]
    stopped = JoinBench()
    opened_late(stopped)
    stopped.joiner.flush()
    assert [stray.is_late_unlock for stray in stopped.late] == [True]
    assert not len(stopped.joiner)
