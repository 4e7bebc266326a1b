"""A diagnosis that was adjusted to a fleet by the labels of its people."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import msgspec
import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.diagnosis.calibration import (
    FOLDS,
    GOOD_LABELS,
    MOST_PRIOR,
    Calibration,
    Figures,
    LabelledUnlock,
    Tally,
    calibrated,
    calibration_error,
    fit,
    held_out,
    read_either,
)
from platform_probe.judge.diagnosis.ranking import Weights
from platform_probe.judge.weights import shipped_weights, weights_file
from tests.helpers.labelled_fleet import labelled_unlocks

WEIGHTS = shipped_weights()
CALIBRATION = Calibration(version=1, made_by="a test", temperature=2.0, priors={"phone_side": 1.5})


def figures_of(weights: Weights, unlocks: Sequence[LabelledUnlock]) -> Figures:
    """Return how good the probabilities are that weights give to labelled unlocks."""
    tally = Tally()
    tally.add(weights, unlocks)
    return tally.figures()


def test_two_hundred_labels_make_probabilities_true() -> None:
    """On 1,000 unlocks without labels, of three draws from a fleet with its own frequencies.

    Chance alone costs 0.018: two hundred labels meet rare modes a few times or never.
    """
    errors = []
    for seed in range(1, 4):
        few, others = labelled_unlocks(seed, GOOD_LABELS), labelled_unlocks(100 + seed, 1_000)
        before = figures_of(WEIGHTS, others)
        after = figures_of(calibrated(WEIGHTS, fit(WEIGHTS, few, made_by="a test")), others)
        assert before.error > 0.12
        assert after.error < before.error / 3
        assert after.right > before.right + 0.15
        assert after.among_three > before.among_three
        assert after.loss < before.loss / 2
        errors.append(after.error)
    assert median(errors) < 0.03


def test_the_same_labels_give_the_same_bytes() -> None:
    """In whatever order a store has them."""
    labels = labelled_unlocks(4, 60)
    first, second = (
        msgspec.json.encode(fit(WEIGHTS, each, made_by="a test")) for each in (labels, labels[::-1])
    )
    assert first == second
    assert held_out(WEIGHTS, labels) == held_out(WEIGHTS, labels[::-1])


def test_the_figures_are_of_labels_that_the_fit_has_not_seen() -> None:
    """An unlock whose facts no other label has cannot be learned from itself."""
    alone = labelled_unlocks(5, 60)
    elsewhere = [
        one if one is not alone[0] else replace(one, label="unknown") for one in alone
    ]  # a label that the facts do not show
    _, after = held_out(WEIGHTS, elsewhere)
    fitted = calibrated(WEIGHTS, fit(WEIGHTS, elsewhere, made_by="a test"))
    assert after.loss > figures_of(fitted, elsewhere).loss
    assert after.labels == len(elsewhere)


def test_an_incident_is_held_out_whole() -> None:
    """Its unlocks are alike: learned from each other they would look easy."""
    (first, *_) = labelled_unlocks(6, 1)
    incident = [replace(first, attempt_id=f"a{number}") for number in range(100)]
    before, after = held_out(WEIGHTS, incident)
    assert len({one.incident_key for one in incident}) == 1 < FOLDS
    assert before == after


def test_a_mode_without_labels_stays_possible() -> None:
    """Its prior falls by a bounded amount, however many labels are of others."""
    common = [
        one for one in labelled_unlocks(7, 2_000) if one.label in {"auto_relock", "ghost_gps"}
    ]
    fitted = fit(WEIGHTS, common, made_by="a test")
    most = MOST_PRIOR * WEIGHTS.temperature
    assert max(map(abs, fitted.priors.values())) <= most + 1e-3
    assert all(math.isfinite(each) for each in calibrated(WEIGHTS, fitted).bias.values())


def test_few_labels_move_little() -> None:
    """One label alone says less than what was learned elsewhere."""
    (one,) = labelled_unlocks(8, 1)
    many = [replace(one, attempt_id=f"a{n}", started_at=n * 7_200.0) for n in range(100)]
    of_one = fit(WEIGHTS, [one], made_by="a test").priors.get(one.label, 0.0)
    of_many = fit(WEIGHTS, many, made_by="a test").priors.get(one.label, 0.0)
    assert abs(of_one) <= abs(of_many)


def test_the_error_is_the_distance_of_said_and_true() -> None:
    """By bins of a tenth, weighted by their size."""
    said = [(0.9, True), (0.9, False), (0.3, False), (0.3, False)]
    assert calibration_error(said) == pytest.approx(0.5 * 0.4 + 0.5 * 0.3)
    assert calibration_error([]) == 0.0


def test_a_file_is_weights_or_a_calibration_of_the_release() -> None:
    """A calibration adds to the bias, and multiplies the temperature; all else is the release's."""
    assert read_either(weights_file().read_bytes(), WEIGHTS) == WEIGHTS
    read = read_either(msgspec.json.encode(CALIBRATION), WEIGHTS)
    assert read.temperature == pytest.approx(2.0 * WEIGHTS.temperature)
    assert read.bias["phone_side"] == pytest.approx(WEIGHTS.bias["phone_side"] + 1.5)
    assert read.bias.keys() == WEIGHTS.bias.keys() >= MODES.keys()
    assert (read.seen, read.unseen) == (WEIGHTS.seen, WEIGHTS.unseen)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-1], "weights: "),
        (lambda _: b"[]", "weights: "),
        (lambda text: text.replace(b'"version":1', b'"version":9'), "calibrate` again"),
        (lambda text: text.replace(b"2.0", b"-2.0"), "temperature must be above 0"),
        (lambda text: text.replace(b"1.5", b'"much"'), "priors"),
    ],
)
def test_a_calibration_of_no_use_is_told(spoil: Callable[[bytes], bytes], said: str) -> None:
    """With what to do about it."""
    with pytest.raises(ConfigError, match=said):
        read_either(spoil(msgspec.json.encode(CALIBRATION)), WEIGHTS)


def test_a_label_of_another_release_is_left_out() -> None:
    """Its mode is none of ours: it counts as wrong, and moves nothing."""
    labels = labelled_unlocks(9, 80)
    stranger: LabelledUnlock = replace(labels[0], attempt_id="z", label="a_mode_of_1999")
    with_it, without = (
        fit(WEIGHTS, each, made_by="a test") for each in ([*labels, stranger], labels)
    )
    assert with_it.priors == without.priors
    assert figures_of(WEIGHTS, [stranger]).right == 0.0
