"""Stages and hops: what adds up, what was waited for, and what is beside the path."""

from __future__ import annotations

import dataclasses

import pytest

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.messages import Phase
from fleet_wire.profiles.profile import CONTRACT
from platform_probe.measure.attempts.timings import rounded, timings

BEGAN = {Stage.INTENDED: 10.0, Stage.REQUESTED: 10.5}


@pytest.mark.parametrize(
    ("reached", "through_api", "waited_for"),
    [
        ({}, False, "published"),
        ({}, True, "api_answered"),
        ({Stage.API_ANSWERED: 11.0}, True, "published"),
        ({Stage.PUBLISHED: 11.0}, True, "broker_accepted"),
        ({Stage.PUBLISHED: 11.0, Stage.BROKER_ACCEPTED: 11.0}, False, "box_received"),
        ({Stage.PUBLISHED: 11.0, Stage.BOX_RECEIVED: 12.0}, False, "box_executed"),
        ({Stage.PUBLISHED: 11.0, Stage.RESULT_RECEIVED: 12.0}, False, "state_changed"),
    ],
)
def test_time_waited_in_vain_is_the_hop_that_was_waited_for(
    reached: dict[Stage, float], *, through_api: bool, waited_for: str
) -> None:
    """So no stage looks quick because it was never reached."""
    _, hops_s, total_s = timings(
        {**BEGAN, **reached}, intended_s=10.0, ended_s=30.0, through_api=through_api
    )
    assert next(reversed(hops_s)) == waited_for
    assert sum(hops_s.values()) == total_s == 20.0


def test_a_fleet_that_does_not_confirm_is_not_waited_for_to() -> None:
    """Its boxes say how it went, and nothing before."""
    wire = dataclasses.replace(CONTRACT, phases=frozenset({Phase.EXECUTED, Phase.REFUSED}))
    reached = {**BEGAN, Stage.PUBLISHED: 11.0, Stage.BROKER_ACCEPTED: 11.0}
    _, hops_s, _ = timings(reached, intended_s=10.0, ended_s=30.0, wire=wire)
    assert hops_s["result_received"] == 19.0


@pytest.mark.parametrize(("answered_s", "hop_s"), [(10.75, 0.25), (15.0, 0.0), (11.0, 0.5)])
def test_an_answer_is_on_the_path_before_the_command_is_sent(
    answered_s: float, hop_s: float
) -> None:
    """Later it holds nothing up: its time stands among the stages all the same."""
    reached = {
        **BEGAN,
        Stage.API_ANSWERED: answered_s,
        Stage.PUBLISHED: 11.0,
        Stage.STATE_CHANGED: 12.0,
    }
    stages, hops_s, total_s = timings(reached, intended_s=10.0, ended_s=12.0, through_api=True)
    assert stages["api_answered"] == answered_s - 10.0
    assert hops_s["api_answered"] == hop_s
    assert sum(hops_s.values()) == total_s == 2.0
    assert "intended" not in hops_s


def test_stages_out_of_order_have_no_negative_hops() -> None:
    """A hop is what a stage adds to the latest before it; nothing is before the intended start."""
    reached = {Stage.INTENDED: 10.0, Stage.PUBLISHED: 9.0, Stage.BOX_RECEIVED: 12.0,
               Stage.BOX_EXECUTED: 11.0, Stage.RESULT_RECEIVED: 13.0}  # fmt: skip
    stages, hops_s, total_s = timings(reached, intended_s=10.0, ended_s=13.0)
    assert stages["published"] == 0.0
    assert list(hops_s.values()) == [0.0, 2.0, 0.0, 1.0]
    assert total_s == 3.0


def test_times_are_microseconds() -> None:
    """No digit more, in stages, hops and total alike."""
    reached = {Stage.INTENDED: 0.0, Stage.REQUESTED: 1 / 3, Stage.PUBLISHED: 2 / 3}
    stages, hops_s, total_s = timings(reached, intended_s=0.0, ended_s=0.7777777)
    assert (stages["requested"], hops_s["requested"]) == (0.333333, 0.333333)
    assert (hops_s["published"], hops_s["broker_accepted"], total_s) == (
        0.333334,
        0.111111,
        0.777778,
    )
    assert rounded(0.12345678) == 0.123457
