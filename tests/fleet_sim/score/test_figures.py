"""The figures of a score, on cases whose figures are known."""

from __future__ import annotations

from fleet_sim.score.figures import (
    baselines,
    by_mode,
    calibration,
    pair_figures,
    single_figures,
)
from tests.helpers.scored import CAN, KEY, case_of


def test_each_incident_counts_once() -> None:
    """However many unlocks it has touched."""
    cases = [
        *(case_of(CAN, (CAN, 0.9)) for _ in range(9)),
        case_of(CAN, (KEY, 0.6), (CAN, 0.4), incident="two"),
    ]
    figures = single_figures(cases)
    assert figures["single"]["top1"] == 0.5
    assert figures["single"]["top3"] == 1.0
    assert figures["single"]["top1_by_attempt"] == 0.9


def test_probabilities_are_held_to_how_often_they_are_right() -> None:
    """Said 0.9 and right in nine of ten: nothing to blame."""
    cases = [case_of(CAN, (CAN, 0.9))] * 9 + [case_of(KEY, (CAN, 0.9))]
    found = calibration(cases)
    assert found["ece"] == 0.0
    assert found["reliability"] == [{"said": 0.9, "right": 0.9, "number": 10}]
    assert found["brier"] == 0.09


def test_of_two_faults_both_must_be_named() -> None:
    """One of them alone is not enough where both touched the unlock."""
    cases = [
        case_of(f"{CAN}+{KEY}", (CAN, 0.5), (KEY, 0.4)),
        case_of(f"{CAN}+{KEY}", (CAN, 0.9), incident="two"),
    ]
    assert pair_figures(cases)["top3"] == 0.5


def test_a_cause_is_right_that_the_mode_may_have() -> None:
    """Whatever mode was named."""
    assert single_figures([case_of(CAN, (KEY, 0.9))])["cause"] == 1.0
    assert single_figures([case_of(CAN, (CAN, 0.9), cause="box_busy")])["cause"] == 0.0


def test_the_table_says_what_a_mode_was_taken_for() -> None:
    """The most frequent first."""
    row = by_mode([case_of(CAN, (KEY, 0.9)), case_of(CAN, (CAN, 0.9))])[CAN]
    assert (row["top1"], row["taken_for"]) == (0.5, {KEY: 1})


def test_baselines_name_what_was_the_most_frequent_under_the_same_sign() -> None:
    """They learn from other cases than they are scored on."""
    tuned = [case_of(KEY, (KEY, 1.0), cause="vehicle_state"), case_of(CAN, (CAN, 1.0))]
    found = baselines(tuned, [case_of(CAN, (KEY, 1.0))])
    assert found["first_missing_stage"]["top1"] == 1.0
