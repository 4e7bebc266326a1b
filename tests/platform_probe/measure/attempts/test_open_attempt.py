"""Where the moments in the box are placed between the arrivals of its answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.attempt import Attempt, Stage
from tests.helpers.tracker_bench import TrackerBench, check_arithmetic

SECONDS = st.floats(0, 4)


def unlocked(
    *,
    down_s: float,
    up_s: tuple[float, float],
    confirmed_after_s: float,
    executed_after_s: float,
) -> Attempt:
    """Return an unlock whose command and two answers were on their way for so long.

    The second answer does not overtake the first: TCP keeps them in order.
    """
    bench = TrackerBench()
    bench.send()
    heard_s = down_s + confirmed_after_s + up_s[0]
    answered_s = max(heard_s, down_s + executed_after_s + up_s[1])
    bench.clock.now_s += heard_s
    bench.received(since_received_s=confirmed_after_s)
    bench.clock.now_s += answered_s - heard_s
    bench.executed(since_received_s=executed_after_s)
    bench.opened()
    attempt = bench.only()
    check_arithmetic(attempt)
    return attempt


@given(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS)
def test_whatever_the_ways_took_the_box_took_what_it_says(
    down_s: float, up_1_s: float, up_2_s: float, confirmed_after_s: float, works_s: float
) -> None:
    """The hop into the execution is the box's own, and the stages keep their order."""
    attempt = unlocked(
        down_s=down_s,
        up_s=(up_1_s, up_2_s),
        confirmed_after_s=confirmed_after_s,
        executed_after_s=confirmed_after_s + works_s,
    )
    assert attempt.hops_s[Stage.BOX_EXECUTED] == pytest.approx(works_s, abs=1e-5)
    assert [*attempt.stages.values()] == sorted(attempt.stages.values())
    # what cannot have been on the way down is found on the way up
    assert attempt.hops_s[Stage.RESULT_RECEIVED] >= up_2_s - up_1_s - 1e-5
