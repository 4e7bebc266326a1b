"""Expectations of clients: how they are written, and when they do not hold."""

from __future__ import annotations

import pytest

from fleet_sim.truth.expectations import failures, parse, suites
from fleet_sim.truth.grading import Grade
from tests.helpers.truth_results import result_of

MODES = ("control", "ack_lost_executed", "auto_relock")
RESULT = result_of(
    {
        "good": {"control": {Grade.TRUE: 6}, "ack_lost_executed": {Grade.TRUE: 4}},
        "bad": {
            "control": {Grade.TRUE: 5, Grade.LATE: 1},
            "ack_lost_executed": {Grade.TRUE: 1, Grade.FALSE_FAILURE: 3},
        },
    }
)


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("25%", []),
        ("25.1%", ["bad: 25.1%: 1 of 4 unlocks true, 25.0 %, expected at least 25.1 %"]),
        ("control=100%", [
            "bad: control=100%: 5 of 6 unlocks true, 83.3 %, expected at least 100 %",
        ]),
        ("ack_lost_executed=0%", []),
        ("false_failure=3", []),
        ("false_failure=2", ["bad: false_failure=2: 3 unlocks, expected at most 2"]),
        ("late=0", []),
        ("auto_relock=50%", [
            "good: auto_relock=50%: no unlock was graded",
            "bad: auto_relock=50%: no unlock was graded",
        ]),
    ],
)  # fmt: skip
def test_a_bound_that_does_not_hold_is_told(text: str, failed: list[str]) -> None:
    """With what was found. The control group belongs to no failure mode."""
    assert failures(RESULT, (parse(text, MODES),)) == failed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.9", "expected 90%, MODE=50% or GRADE=0"),
        ("", "expected 90%"),
        ("101%", "at most 100%"),
        ("garage=50%", "'garage' is no failure mode of this run"),
        ("control=1", "a share needs its unit: write control=1%"),
        ("true=1", "needs a grade: one of late, silent"),
        ("80", "a share needs its unit: write 80%"),
        ("7", "write 7%"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, why: str) -> None:
    """With the forms that can."""
    with pytest.raises(ValueError, match=why):
        parse(text, MODES)


def test_a_suite_has_each_expectation_of_a_client() -> None:
    """And first whether it was graded to the end."""
    ended = result_of({"short": {}}, error="ended with exit code 3")
    (suite,) = suites(ended, (parse("90%", MODES),))
    assert [(case.name, case.error, case.failure) for case in suite.cases] == [
        ("is graded to the end", "ended with exit code 3", None),
        ("90%", None, "no unlock was graded"),
    ]
