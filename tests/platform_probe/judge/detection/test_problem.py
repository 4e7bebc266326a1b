"""One problem by itself."""

from __future__ import annotations

from collections import Counter

from platform_probe.cars.state import UNKNOWN_LABELS
from platform_probe.judge.detection.measures import FAILED
from platform_probe.judge.detection.problem import Problem
from platform_probe.judge.detection.traits import Values, values_of_car

UNKNOWN = values_of_car(UNKNOWN_LABELS)

NORTH: Values = ("north", *UNKNOWN[1:])
SOUTH: Values = ("south", *UNKNOWN[1:])


def test_what_went_well_in_a_wider_cohort_is_none_of_the_one_that_it_proves_to_be() -> None:
    """Else a cohort of which nothing was seen yet has fewer unlocks than none."""
    problem = Problem(FAILED, (), since_s=0.0, expected=0.02)
    for _ in range(10):
        problem.add_unlock(SOUTH, 0.0, 1.0, None, car="car", counts=True)
    assert problem.well == 10
    problem.key = ((0, "north"),)
    problem.recount([], Counter({SOUTH: 10}))
    assert (problem.well, problem.total, problem.elsewhere_total) == (0, 0, 10)
    problem.recount([], Counter({NORTH: 2, SOUTH: 10}))
    assert (problem.failed, problem.total) == (0, 2)
