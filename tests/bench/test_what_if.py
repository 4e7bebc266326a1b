"""The score of what-ifs: drawn incidents last, and figures say what the files of each hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.score.incidents import scored_faults
from bench.what_if import (
    CARS,
    PREDICTED,
    TRUTH,
    Verdict,
    drawn_scenario,
    figures_of,
    verdict_of,
)
from fleet_sim.futures.ranking import NOTHING, Interval, RankedMitigation
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.config.file import yaml_text


def test_a_drawn_incident_of_each_fault_lasts(tmp_path: Path) -> None:
    """Its fleet has about as many cars as asked for, and nothing ends by itself."""
    file = tmp_path / "drawn.yaml"
    for fault in scored_faults():
        file.write_text(yaml_text(drawn_scenario(fault, 9_000)))
        scenario = load_scenario(file, [])

        assert abs(scenario.fleet.count - CARS) <= 8
        assert all(entry.window.end_s is None for entry in scenario.faults)


def ranked(name: str, lost: float, saved: float, *, is_better: bool) -> dict[str, Any]:
    """Return a mitigation as predicted, with a saving that is sure to a rental."""
    made = RankedMitigation(
        name=name,
        lost=Interval(lost, lost - 1, lost + 1),
        saved=Interval(saved, saved - 1, saved + 1),
        **dict.fromkeys(("waiting_s", "sms", "commands", "cost"), 0.0),
        is_better=is_better,
    )
    result: dict[str, Any] = msgspec.to_builtins(made)
    return result


def scored(folder: Path, truth: dict[str, list[int]], *, helps: bool) -> Verdict:
    """Return the verdict on a prediction that `roll_back` saves nine of ten rentals, or none."""
    saves = ranked("roll_back", 1.0, 9.0, is_better=helps)
    lines = [saves, ranked(NOTHING, 10.0, 0.0, is_better=False)]
    predicted = {"worlds": {"generic_500": 1.0}, "ranked": lines if helps else lines[::-1]}
    (folder / TRUTH).write_bytes(msgspec.json.encode(truth))
    (folder / PREDICTED).write_bytes(msgspec.json.encode(predicted))
    return verdict_of(folder)


@pytest.mark.parametrize(
    ("with_it", "helps", "is_right"),
    [([1, 2, 1], True, True), ([10, 11, 10], True, False), ([1, 2, 1], False, False)],
)
def test_the_truly_best_must_be_named(
    tmp_path: Path,
    with_it: list[int],
    helps: bool,  # noqa: FBT001 - pytest hands it over by name
    is_right: bool,  # noqa: FBT001 - pytest hands it over by name
) -> None:
    """A mitigation that truly saves nothing is wrong to name, and so is nothing where one helps."""
    verdict = scored(tmp_path, {NOTHING: [10, 10, 9], "roll_back": with_it}, helps=helps)

    assert (verdict.named in verdict.best) is is_right
    assert figures_of([verdict])["best_first"] == float(is_right)


def test_figures_say_how_near_the_losses_are(tmp_path: Path) -> None:
    """Losses within a fifth count, and each interval that holds a true saving."""
    near = scored(tmp_path, {NOTHING: [10, 9, 11], "roll_back": [1, 1, 1]}, helps=True)
    far = scored(tmp_path, {NOTHING: [20, 21, 19], "roll_back": [1, 1, 1]}, helps=True)

    figures = figures_of([near, far])

    assert figures["lost_within"] == 0.5
    assert figures["lost_with_best_within"] == 1.0
    assert figures["one_true_future_within"] == 1.0
    assert figures["one_true_future_with_best_within"] == 1.0
    assert (figures["coverage"], figures["saved_less"], figures["saved_more"]) == (0.5, 0.0, 0.5)
    assert figures["mean_regret"] == 0.0
