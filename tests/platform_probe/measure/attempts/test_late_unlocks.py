"""Cars that open after their unlock has ended here: late, unless the platform still said yes."""

from __future__ import annotations

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
