"""Where the moments in the box are placed between the arrivals of its answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.attempt import Attempt, Stage
from platform_probe.measure.attempts.open_attempt import AWAKE_WAY_UP_S
from tests.helpers.tracker_bench import TrackerBench, check_arithmetic

CONFIRMED_AFTER_S = 0.125
EXECUTED_AFTER_S = 1.5
SECONDS = st.floats(0, 4)


def unlocked(
    *,
    down_s: float,
    up_s: tuple[float, float],
    confirmed_after_s: float = CONFIRMED_AFTER_S,
    executed_after_s: float = EXECUTED_AFTER_S,
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


def hops_of(attempt: Attempt) -> list[float]:
    """Return the hops that the box takes part in."""
    stages = (Stage.BOX_RECEIVED, Stage.BOX_EXECUTED, Stage.RESULT_RECEIVED)
    return [attempt.hops_s[stage] for stage in stages]


@pytest.mark.parametrize(("down_s", "held_up_s"), [(1.6, 0.0), (15.0, 0.0), (0.5, 3.0)])
def test_paging_and_sleep_are_on_the_way_down(down_s: float, held_up_s: float) -> None:
    """An answer comes from a radio that is awake; one that was held up bears that itself."""
    up_s = (AWAKE_WAY_UP_S, held_up_s + AWAKE_WAY_UP_S)
    hops_s = hops_of(unlocked(down_s=down_s, up_s=up_s))
    own_s = EXECUTED_AFTER_S - CONFIRMED_AFTER_S
    assert hops_s == pytest.approx([down_s + CONFIRMED_AFTER_S, own_s, up_s[1]])


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
