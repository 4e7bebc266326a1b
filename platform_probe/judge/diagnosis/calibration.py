"""The weights of the diagnosis, adjusted to one fleet by the labels of its people. No I/O.

Fleets differ in how often each mode occurs, and in how far facts can be trusted. So two things are
fitted: a prior for each mode, and one temperature for all. The weights of facts stay as they were
learned. A prior moves until the diagnosis expects its mode as often as the labels have it. Some
pseudo-labels hold it back: they are distributed as the diagnosis expects without any label.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fleet_wire.errors import ConfigError
from fleet_wire.modes.facts import EvidenceSource, Fact
from fleet_wire.randomness import RandomStream
from platform_probe.judge.diagnosis.ranking import FORM, Ranking, Weights, read_weights

LEAST_LABELS: Final = 50
"""Fewer labels cannot be held out: a fifth of them is ten unlocks [E]."""
GOOD_LABELS: Final = 200
"""This number brings the calibration error below 0.03 on a made-up fleet (`test_calibration`)."""
FOLDS: Final = 5
BINS: Final = 10
THREE: Final = 3
PSEUDO_LABELS: Final = 10.0
"""The number of labels that what was learned elsewhere counts as [E]."""
MOST_PRIOR: Final = 4.0
"""The most by which a prior changes the log odds of a mode. A mode that nobody has met here yet
stays possible."""
TEMPERATURE_SPREAD: Final = 0.7
"""The standard deviation of the logarithm of the temperature's factor, before any label [E]."""
LEAST_PROBABILITY: Final = 1e-3
"""A label of a mode that the facts rule out counts as likely as that."""
_HOUR_S: Final = 3600.0
_STEPS: Final = 100
_CLOSE: Final = 0.01
_WIDEST: Final = math.log(8.0)
_DRAWS: Final = 200
_TINY: Final = 1e-6
_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An adjustment to a fleet, as it stands in its file. It belongs to any release's weights."""

    version: int
    made_by: str
    """The command that writes it, and the number of labels."""
    temperature: float
    """Multiplies the temperature of the weights."""
    priors: dict[str, float]
    """Is added to the bias of each mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledUnlock:
    """An unlock that a person has labelled, with what its last diagnosis followed from."""

    attempt_id: str
    label: str
    started_at: float
    """Unix seconds."""
    seen: tuple[Fact, ...]
    told: frozenset[EvidenceSource]
    impossible: frozenset[str]
    excluded: frozenset[str]

    @property
    def incident_key(self) -> str:
        """A name that the unlocks of one incident share: held out together, or not at all."""
        return f"{self.label} {self.started_at // _HOUR_S:.0f}"


@dataclass(frozen=True, slots=True)
class Figures:
    """How good probabilities are."""

    labels: int
    right: float
    """The share of unlocks whose first mode is the label."""
    among_three: float
    error: float
    """Distance of probability and truth of the first mode, averaged over ten bins by size (ECE)."""
    by_chance: float
    """The same error of probabilities that are exactly right, with as few unlocks."""
    loss: float
    """The mean negative logarithm of the label's probability."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Unlocks with the same facts: scores of the modes, and how often each mode is the label."""

    scores: tuple[float, ...]
    possible: tuple[int, ...]
    """The places of the modes that the facts do not rule out."""
    seen: tuple[Fact, ...]
    told: frozenset[EvidenceSource]
    labels: Counter[int]
    """The counts by the place of the mode."""


def read_either(text: bytes, release: Weights) -> Weights:
    """Return the weights of a file's text, or those of the release as a calibration adjusts them.

    Raises `ConfigError`.
    """
    try:
        is_calibration = "priors" in msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if not is_calibration:
            return read_weights(text)
        return calibrated(release, msgspec.json.decode(text, type=Calibration))
    except msgspec.MsgspecError as error:
        raise ConfigError([f"weights: {error}"]) from None


def calibrated(weights: Weights, calibration: Calibration) -> Weights:
    """Return weights as a calibration adjusts them. Raises `ConfigError` for one of no use."""
    if calibration.version != FORM:
        problem = f"a calibration of version {calibration.version}, expected {FORM}"
        raise ConfigError([f"{problem}: run `platform-probe calibrate` again"])
    numbers = (calibration.temperature, *calibration.priors.values())
    if not all(map(math.isfinite, numbers)) or calibration.temperature <= 0.0:
        raise ConfigError(["calibration: temperature must be above 0, and every number finite"])
    priors = calibration.priors
    return msgspec.structs.replace(
        weights,
        temperature=weights.temperature * calibration.temperature,
        bias={name: bias + priors.get(name, 0.0) for name, bias in weights.bias.items()},
    )


def fit(weights: Weights, unlocks: Sequence[LabelledUnlock], *, made_by: str) -> Calibration:
    """Return the calibration that suits labelled unlocks best.

    The temperature is fitted on unlocks that the priors have not seen: else both would be too sure.
    """
    ranking, temperature = Ranking(weights), weights.temperature
    unseen = [
        (_fit_priors(ranking, _cases(ranking, others), temperature), _cases(ranking, held))
        for held, others in _folds(unlocks)
    ]
    factor = _fit_temperature(ranking, unseen, temperature)
    priors = _fit_priors(ranking, _cases(ranking, unlocks), temperature)
    named = zip(ranking.names, priors, strict=True)
    return Calibration(
        version=FORM,
        made_by=made_by,
        temperature=round(factor, 4),
        priors={name: round(prior, 4) for name, prior in named if abs(prior) >= _CLOSE},
    )


def held_out(weights: Weights, unlocks: Sequence[LabelledUnlock]) -> tuple[Figures, Figures]:
    """Return the figures before and after a calibration, on labels that it was not fitted on."""
    before, after = Tally(), Tally()
    for held, others in _folds(unlocks):
        before.add(weights, held)
        after.add(calibrated(weights, fit(weights, others, made_by="a fold")), held)
    return before.figures(), after.figures()


def calibration_error(said: Collection[tuple[float, bool]]) -> float:
    """Return the distance of probabilities and truth, averaged over bins by their size."""
    bins = defaultdict[int, list[tuple[float, bool]]](list)
    for probability, is_right in said:
        bins[min(int(probability * BINS), BINS - 1)].append((probability, is_right))
    distances = (
        abs(sum(probability for probability, _ in each) - sum(is_right for _, is_right in each))
        for each in bins.values()
    )
    return sum(distances) / max(len(said), 1)


class Tally:
    """The diagnoses of labelled unlocks, compared with their labels."""

    def __init__(self) -> None:
        self._said: list[tuple[float, bool]] = []
        self._among_three = 0
        self._loss = 0.0

    def add(self, weights: Weights, unlocks: Iterable[LabelledUnlock]) -> None:
        """Diagnose unlocks with these weights, and compare."""
        ranking = Ranking(weights)
        for one in unlocks:
            modes = ranking.rank(
                dict.fromkeys(one.seen, ""), one.told,
                impossible=one.impossible, excluded=one.excluded,
            )  # fmt: skip
            of_label = next((each.probability for each in modes if each.mode == one.label), 0.0)
            self._said.append((modes[0].probability, modes[0].mode == one.label))
            self._among_three += any(each.mode == one.label for each in modes[:THREE])
            self._loss -= math.log(max(of_label, LEAST_PROBABILITY))

    def figures(self) -> Figures:
        """Return what the comparison shows."""
        said, number = self._said, max(len(self._said), 1)
        return Figures(
            labels=len(said),
            right=sum(is_right for _, is_right in said) / number,
            among_three=self._among_three / number,
            error=calibration_error(said),
            by_chance=_error_by_chance([probability for probability, _ in said]),
            loss=self._loss / number,
        )


def _error_by_chance(said: Sequence[float]) -> float:
    """Return the mean error of probabilities that are exactly right, over draws of what is true."""
    draw = RandomStream.named(len(said), "what is true")
    errors = (
        calibration_error([(probability, draw.happens(probability)) for probability in said])
        for _ in range(_DRAWS)
    )
    return sum(errors) / _DRAWS


def _folds(
    unlocks: Iterable[LabelledUnlock],
) -> Iterator[tuple[list[LabelledUnlock], list[LabelledUnlock]]]:
    """Yield each fold of the unlocks, and all others.

    The unlocks of an incident stand in one fold: else each would be the others' evidence.
    """
    folds = defaultdict[int, list[LabelledUnlock]](list)
    for unlock in sorted(unlocks, key=lambda one: one.attempt_id):
        folds[RandomStream.named(0, unlock.incident_key).index(FOLDS)].append(unlock)
    for number, held in sorted(folds.items()):
        yield held, [one for other, fold in folds.items() if other != number for one in fold]


def _cases(ranking: Ranking, unlocks: Iterable[LabelledUnlock]) -> list[_Case]:
    """Return unlocks by their facts, scored; labels that the release does not know are left out."""
    place = {name: number for number, name in enumerate(ranking.names)}
    found: dict[object, _Case] = {}
    for one in unlocks:
        key = (one.seen, one.told, one.impossible, one.excluded)
        if key not in found:
            scores = ranking.scores(one.seen, one.told, one.impossible, excluded=one.excluded)
            possible = tuple(place for place, score in enumerate(scores) if score > -math.inf)
            found[key] = _Case(scores, possible, one.seen, one.told, Counter())
        if one.label in place:
            found[key].labels[place[one.label]] += 1
    return [each for each in found.values() if each.labels]


def _fit_priors(ranking: Ranking, cases: Sequence[_Case], temperature: float) -> list[float]:
    """Return the priors with which each mode is expected as often as its labels say.

    Generalised iterative scaling: J. N. Darroch and D. Ratcliff, Annals of Mathematical Statistics
    43 (1972).
    """
    priors, most = [0.0] * len(ranking.names), MOST_PRIOR * temperature
    labels = sum((case.labels for case in cases), Counter[int]())
    expected = _expected(cases, priors, temperature)
    part = PSEUDO_LABELS / (labels.total() + PSEUDO_LABELS)
    wanted = [(1.0 - part) * labels[place] + part * is_ for place, is_ in enumerate(expected)]
    for _ in range(_STEPS):
        moved = [
            min(max(prior + temperature * math.log((want + _TINY) / (is_ + _TINY)), -most), most)
            for prior, want, is_ in zip(priors, wanted, expected, strict=True)
        ]
        is_close = max(abs(a - b) for a, b in zip(moved, priors, strict=True)) < _CLOSE
        priors = moved
        if is_close:
            break
        expected = _expected(cases, priors, temperature)
    return priors


def _expected(cases: Sequence[_Case], priors: Sequence[float], temperature: float) -> list[float]:
    """Return how many of the unlocks each mode is expected to have."""
    expected = [0.0] * len(priors)
    for case in cases:
        scores = [(case.scores[place] + priors[place]) / temperature for place in case.possible]
        highest = max(scores)
        shares = [math.exp(score - highest) for score in scores]
        each = case.labels.total() / sum(shares)
        for place, share in zip(case.possible, shares, strict=True):
            expected[place] += each * share
    return expected


def _fit_temperature(
    ranking: Ranking, unseen: Sequence[tuple[Sequence[float], Sequence[_Case]]], temperature: float
) -> float:
    """Return the factor with which the first mode is right as often as its probability says.

    `unseen` has priors, and cases that they were not fitted on.
    """

    def loss(log_factor: float) -> float:
        total = 0.5 * (log_factor / TEMPERATURE_SPREAD) ** 2
        for priors, cases in unseen:
            for case in cases:
                scores = [a + b for a, b in zip(case.scores, priors, strict=True)]
                hot = temperature * math.exp(log_factor)
                likely = ranking.probabilities(scores, case.seen, case.told, hot)
                first = max(range(len(likely)), key=likely.__getitem__)
                sure = min(max(likely[first], LEAST_PROBABILITY), 1.0 - LEAST_PROBABILITY)
                right = case.labels[first]
                total -= right * math.log(sure)
                total -= (case.labels.total() - right) * math.log(1.0 - sure)
        return total

    return math.exp(min(0.0, _least(loss, -_WIDEST, _WIDEST), key=loss))


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function of one valley is least (golden-section search)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > _CLOSE:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return (low + high) / 2.0
