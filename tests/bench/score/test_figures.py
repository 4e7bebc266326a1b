"""The figures of a score, on cases whose figures are known."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.score.cases import RunCases
from bench.score.figures import (
    calibration,
    figures_of,
    pair_figures,
    single_figures,
)
from bench.score.goals import against_goals
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
    found = pair_figures(cases)
    assert found["top3"] == found["both_touched_top3"] == 0.5
    assert found["both_touched_one"] == 1.0


def test_a_cause_is_right_that_the_mode_may_have() -> None:
    """Whatever mode was named."""
    assert single_figures([case_of(CAN, (KEY, 0.9))])["cause"] == 1.0
    assert single_figures([case_of(CAN, (CAN, 0.9), cause="box_busy")])["cause"] == 0.0


def test_what_is_in_no_other_figure_is_counted() -> None:
    """Touched and well; failed untouched; a fault that nobody felt; a run that could not be."""
    about: dict[str, Any] = {"seed": 1, "loss": "nothing"}
    untouched = msgspec.structs.replace(case_of(CAN, (KEY, 0.9)), labels=())
    assert untouched.last is not None
    said = msgspec.structs.replace(untouched.last, facts=("support_called",))
    complained_of = msgspec.structs.replace(untouched, last=said)
    runs = [
        RunCases(incident="one", faults=(CAN,), cases=(case_of(CAN, (CAN, 0.9)),), touched_ok=3,
                 healthy=10, suspected=(untouched, complained_of), **about),
        RunCases(incident="two", faults=(KEY,), cases=(untouched,), touched_ok=4, **about),
        RunCases(incident="three", faults=(KEY,), error="ConfigError: no", **about),
    ]  # fmt: skip
    found = figures_of(runs, None)
    assert found["touched_well"] == 7
    assert found["by_mode"][CAN]["touched_well"] == 3
    assert found["untouched_failed"] == {"attempts": 1, "named": 1}
    assert (found["healthy"], found["healthy_named"], found["complained_of_named"]) == (10, 1, 1)
    assert found["nothing_seen"] == ["two"]
    assert found["not_run"] == {"three": "ConfigError: no"}


def test_goals_stand_beside_what_was_measured() -> None:
    """Missed ones are said to be, and what was not measured is not met."""
    figures = {"diagnosis": {"single": {"top1": 0.96, "top3": 0.98}, "ece": 0.06}}
    found = {each.name: each.verdict for each in against_goals(figures)}
    assert found["diagnosis.single.top1"] == "met"
    assert found["diagnosis.single.top3"] == "missed"
    assert found["diagnosis.ece"] == "missed"
    assert found["cohorts.top1"] == "not measured"
