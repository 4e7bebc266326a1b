"""One problem by itself."""

from __future__ import annotations

from collections import Counter

from platform_probe.judge.detection.measures import FAILED, OF_MODE
from platform_probe.judge.detection.problem import Problem
from platform_probe.judge.detection.recent import Hit
from platform_probe.judge.detection.traits import UNKNOWN, Values

NORTH: Values = ("north", *UNKNOWN[1:])
SOUTH: Values = ("south", *UNKNOWN[1:])


def test_what_went_well_in_a_wider_cohort_is_none_of_the_one_that_it_proves_to_be() -> None:
    """Else a cohort of which nothing was seen yet has fewer unlocks than none."""
    problem = Problem(1, FAILED, (), since_s=0.0, expected=0.02)
    for _ in range(10):
        problem.take(SOUTH, 1.0, None, car="car", counts=True)
    assert problem.well == 10
    problem.key = ((0, "north"),)
    problem.recount([], Counter({SOUTH: 10}))
    assert (problem.well, problem.total, problem.elsewhere_total) == (0, 0, 10)
    problem.recount([], Counter({NORTH: 2, SOUTH: 10}))
    assert (problem.failed, problem.total) == (0, 2)


def test_a_mode_is_disproved_by_what_was_taken_back_and_not_by_what_is_forgotten() -> None:
    """Hits are kept for two hours, and a problem may go on for days."""
    mode = OF_MODE["bad_firmware_cohort"]
    problem = Problem(1, mode, (), since_s=0.0, expected=0.001)
    problem.opened_s = problem.last_s = 1.0
    hits = [
        Hit(1.0, NORTH, f"car-{number}", None, f"a{number}", (FAILED, mode)) for number in range(10)
    ]
    problem.recount(hits, Counter({NORTH: 20}))
    problem.recount(hits[8:], Counter({NORTH: 5}))
    assert not problem.is_over(2.0)
    for hit in hits[7:]:
        problem.take_back(hit)
    problem.recount([], Counter({NORTH: 5}))
    assert problem.is_over(2.0)
