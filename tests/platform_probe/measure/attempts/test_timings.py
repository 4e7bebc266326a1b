"""Stages and hops: what adds up, what was waited for, and what is beside the path."""

from __future__ import annotations

from fleet_wire.contract.attempt import Stage
from platform_probe.measure.attempts.timings import rounded, timings


def test_stages_out_of_order_have_no_negative_hops() -> None:
    """A hop is what a stage adds to the latest before it; nothing is before the intended start."""
    reached = {Stage.INTENDED: 10.0, Stage.PUBLISHED: 9.0, Stage.BOX_RECEIVED: 12.0,
               Stage.BOX_EXECUTED: 11.0, Stage.RESULT_RECEIVED: 13.0}  # fmt: skip
    stages, hops_s, total_s = timings(reached, intended_s=10.0, ended_s=13.0, through_api=False)
    assert stages["published"] == 0.0
    assert list(hops_s.values()) == [0.0, 2.0, 0.0, 1.0]
    assert total_s == 3.0


def test_times_are_microseconds() -> None:
    """No digit more, in stages, hops and total alike."""
    reached = {Stage.INTENDED: 0.0, Stage.REQUESTED: 1 / 3, Stage.PUBLISHED: 2 / 3}
    stages, hops_s, total_s = timings(reached, intended_s=0.0, ended_s=0.7777777, through_api=False)
    assert (stages["requested"], hops_s["requested"]) == (0.333333, 0.333333)
    assert (hops_s["published"], hops_s["broker_accepted"], total_s) == (
        0.333334,
        0.111111,
        0.777778,
    )
    assert rounded(0.12345678) == 0.123457
