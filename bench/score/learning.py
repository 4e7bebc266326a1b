"""Learns how heavy each fact is, from incidents with labels.

A multinomial logistic regression over yes and no, fitted by `scipy` (L-BFGS-B). It starts from the
declared prior (`prior.py`), and each departure from it costs as much as it is far (L1). So weights
depart only where the drawn incidents show it clearly. Signatures fix the signs: a supporting fact
never weighs less than 0, and an unlisted fact weighs no more than the prior says. What is not seen
although its source was there may speak against a mode, never for it.

Physics is not learned. A mode that the facts contradict has no score, and neither has one of which
no unlock ends with the record's cause. A mark weighs against each mode that does not explain it.
Modes that look the same count as one.

`unknown` is learned too. Each case counts a second time without the right mode and all that look
like it; `unknown` is the right answer then. Deterministic: the same cases give the same weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from bench.score.rows import Row, could_show, with_losses
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import MODES, SIGNATURES
from fleet_wire.modes.facts import (
    ESTIMATED,
    FACTS,
    EvidenceSource,
    Fact,
)
from fleet_wire.modes.lookalikes import class_of
from fleet_wire.modes.mode import (
    INSTEAD_OF,
    INSTEAD_OF_REASONS,
    LEAST_AGAINST,
    LIGHT,
    OF_COHORTS,
    Layer,
)
from platform_probe.judge.diagnosis.path import never_ends_so
from platform_probe.judge.diagnosis.ranking import (
    FORM,
    UNPROVEN,
    contradicted,
    unexplained_marks,
    weights_of_marks,
)

COMMAND: Final = "python -m bench.score learn"
SPARSE: Final = 4e-3
"""Loss of each unit by which a weight departs from the prior's (L1)."""
SPARSE_ELSEWHERE: Final = 2e-3
"""The same for modes that do not silence a box, which are much the same in every fleet."""
SPARSE_UNKNOWN: Final = 1e-3
"""The same for the weights of `unknown`, of which there is no prior."""
SMALL: Final = 1e-6
"""Loss of each weight's square, so that there is one best solution."""
LEFT_OUT: Final = 0.035
"""Weight of a case whose mode is left out, against the case itself."""
STEPS: Final = 70
HEAVIEST: Final = 12.0
MISSED_AT_MOST: Final = -2.5
"""The most that it speaks against a mode when something is not seen that it may show."""
SILENT: Final = frozenset({Layer.NETWORK, Layer.BOX, Layer.BROKER})
"""Layers whose modes silence a box: what they show depends most on how a fleet is made."""
TEMPERATURES: Final = tuple(0.6 + 0.1 * number for number in range(35))
_NAMES: Final = (*MODES, NOTHING_WRONG, UNKNOWN)
_NUMBER: Final = {name: number for number, name in enumerate(_NAMES)}
_FACTS: Final = tuple(FACTS)
_PLACE: Final = {fact: place for place, fact in enumerate(_FACTS)}
_SEEN_INSTEAD: Final = INSTEAD_OF.keys() | INSTEAD_OF_REASONS.keys()
"""Facts that cannot be seen while the source is there."""
_SEEN_LATER: Final = OF_COHORTS | {Fact.MANY_FAIL, Fact.SOME_FAIL}
"""While the first unlocks fail of something no others do yet: that is no sign of another mode."""
_OF_SOME: Final = frozenset({Fact.RELOCKED_AT_ONCE})
"""Cars lock themselves after 3 s or after 120 s: of others than the first nothing follows."""
_NEVER_MISSED: Final = _SEEN_INSTEAD | _SEEN_LATER | _OF_SOME | ESTIMATED | {Fact.NOT_DELIVERED}
_IMPOSSIBLE: Final = -1e3
"""The score of a mode that cannot be, and that `exp` makes nothing."""

Numbers = NDArray[np.float64]


class Weighing(NamedTuple):
    """All weights: of each mode, and by fact and mode."""

    bias: Numbers
    seen: Numbers
    unseen: Numbers


class Samples:
    """Rows as matrices."""

    def __init__(self, rows: Sequence[Row], without_modes: Sequence[Row], prior: Weighing) -> None:
        """Of the second rows the modes are left out, and `unknown` is right.

        Rows whose own mode the facts contradict cannot be learned. Marks weigh what the prior says.
        """
        samples = [
            (row, offsets, _NUMBER[row.label], row.weight) for row, offsets in _possible(rows)
        ]
        for row, offsets in _possible(without_modes):
            others = _without_mode(row, offsets)
            if others is not None:
                samples.append((row, others, _NUMBER[UNKNOWN], row.weight * LEFT_OUT))
        self.offsets = np.array([each[1] for each in samples])
        self._right = np.full(self.offsets.shape, _IMPOSSIBLE)
        for place, (row, offsets, label, _) in enumerate(samples):
            names = (UNKNOWN,) if label == _NUMBER[UNKNOWN] else _alike(row.label, row.told)
            its = [_NUMBER[name] for name in sorted(names)]
            self._right[place, its] = np.where(offsets[its] > _IMPOSSIBLE, 0.0, _IMPOSSIBLE)
        weights = np.array([each[3] for each in samples])
        self.weights = weights / weights.sum()
        combinations = sorted({row.told for row, *_ in samples})
        place_of = {each: place for place, each in enumerate(combinations)}
        seen = [[_PLACE[Fact(fact)] for fact in row.seen] for row, *_ in samples]
        told = [_told_places(row.told) for row, *_ in samples]
        there = [[p for p in each if p in may] for each, may in zip(seen, told, strict=True)]
        self._seen = _marks(seen, len(_FACTS))
        self._there = _marks(there, len(_FACTS))
        self._told = _marks([[place_of[row.told]] for row, *_ in samples], len(combinations))
        self._may = _marks([sorted(_told_places(each)) for each in combinations], len(_FACTS))
        self.offsets += self._seen @ _against(prior)

    def scores(self, its: Weighing) -> Numbers:
        """Return the score of each mode in each row."""
        nothing_seen = self._told @ (self._may @ its.unseen)
        seen = self._seen @ its.seen - self._there @ its.unseen
        found: Numbers = self.offsets + its.bias + nothing_seen + seen
        return found

    def slopes(self, errors: Numbers) -> Weighing:
        """Return how the loss changes with each weight, by how far each score is off."""
        unseen = self._may.T @ (self._told.T @ errors) - self._there.T @ errors
        return Weighing(errors.sum(0, keepdims=True), self._seen.T @ errors, unseen)

    def loss(self, scores: Numbers) -> tuple[float, Numbers]:
        """Return the loss of scores, and how far each is off."""
        right_scores = scores + self._right
        highest = right_scores.max(axis=1, keepdims=True)
        right = np.exp(right_scores - highest)
        totals_right = right.sum(axis=1, keepdims=True)
        top = scores.max(axis=1, keepdims=True)
        shares = np.exp(scores - top)
        totals = shares.sum(axis=1, keepdims=True)
        losses = np.log(totals) + top - np.log(totals_right) - highest
        errors = (shares / totals - right / totals_right) * self.weights[:, None]
        return float(self.weights @ losses[:, 0]), errors


class Space:
    """The weights that are learned, each within its bounds.

    A vector holds how far each is above the prior's, then how far each is below.
    """

    def __init__(self, prior: Mapping[str, Any], only: Collection[str] = _NAMES) -> None:
        """Take the prior. The weights of the modes in `only` are learned, and no others."""
        self.prior = Weighing(
            np.array([[prior["bias"].get(name, 0.0) for name in _NAMES]]),
            _matrix(prior["seen"]),
            _matrix(prior["unseen"]),
        )
        self._start = _flat(self.prior)
        is_fixed = np.tile([name not in only for name in _NAMES], len(self._start) // len(_NAMES))
        low, high = (np.where(is_fixed, self._start, _flat(its)) for its in _bounds(self.prior))
        self._above = np.flatnonzero(high > self._start)
        self._below = np.flatnonzero(low < self._start)
        self.most = np.concatenate(
            [(high - self._start)[self._above], (self._start - low)[self._below]]
        )
        price = np.tile([_price(name) for name in _NAMES], len(self._start) // len(_NAMES))
        self._price = np.concatenate([price[self._above], price[self._below]])

    def weighing(self, vector: Numbers) -> Weighing:
        """Return the weights that a vector stands for."""
        above, below = np.split(vector, [len(self._above)])
        flat = self._start.copy()
        flat[self._above] += above
        flat[self._below] -= below
        rows = flat.reshape(-1, len(_NAMES))
        return Weighing(rows[:1], rows[1 : len(_FACTS) + 1], rows[len(_FACTS) + 1 :])

    def loss(self, vector: Numbers, samples: Samples) -> tuple[float, Numbers]:
        """Return the loss with these weights, and its slopes."""
        loss, errors = samples.loss(samples.scores(self.weighing(vector)))
        flat = _flat(samples.slopes(errors))
        slopes = np.concatenate([flat[self._above], -flat[self._below]])
        loss += float(self._price @ vector) + SMALL / 2 * float(vector @ vector)
        return loss, slopes + self._price + SMALL * vector


def learn(rows: Sequence[Row], prior: Mapping[str, Any], *, steps: int = STEPS) -> dict[str, Any]:
    """Return the weights that fit the rows best, near the prior, as the monitor reads them.

    The temperature is fitted on seeds that the weights have not seen by then; at last the weights
    are fitted to all.
    """
    space = Space(prior)
    nothing = np.zeros(len(space.most))
    kept = [row for row in rows if row.is_kept] or rows
    fit = [row for row in rows if not row.is_kept] or rows
    vector = _fitted(space, Samples(with_losses(fit), fit, space.prior), nothing, steps)
    samples = Samples(kept, kept, space.prior)
    scores = samples.scores(space.weighing(vector))
    temperature = min(TEMPERATURES, key=lambda each: samples.loss(scores / each)[0])
    vector = _fitted(space, Samples(with_losses(rows), rows, space.prior), vector, steps)
    return _as_json(space.weighing(vector), temperature)


def learn_unknown(
    rows: Sequence[Row], weights: Mapping[str, Any], *, steps: int = STEPS
) -> dict[str, Any]:
    """Return weights in which those of `unknown` alone are learned anew, by left-out modes."""
    space = Space(weights, (UNKNOWN,))
    samples = Samples(with_losses(rows), rows, space.prior)
    vector = _fitted(space, samples, np.zeros(len(space.most)), steps)
    return _as_json(space.weighing(vector), weights["temperature"])


def _fitted(space: Space, samples: Samples, start: Numbers, steps: int) -> Numbers:
    found = minimize(
        space.loss,
        start,
        args=(samples,),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, most) for most in space.most],
        options={"maxiter": steps, "maxfun": 2 * steps, "maxcor": 20, "ftol": 1e-10, "gtol": 1e-8},
    )
    vector: Numbers = found.x
    return vector


def _against(prior: Weighing) -> Numbers:
    """Return what marks weigh against each mode that does not explain them."""
    of_marks = weights_of_marks(_by_mode(prior.seen))
    unexplained = [unexplained_marks(name) for name in _NAMES]
    return np.array(
        [[of_marks[fact] if fact in each else 0.0 for each in unexplained] for fact in _FACTS]
    )


def _matrix(by_mode: Mapping[str, Mapping[str, float]]) -> Numbers:
    """Return weights by fact and mode."""
    found = np.zeros((len(_FACTS), len(_NAMES)))
    for name, its in by_mode.items():
        for fact, weight in its.items():
            found[_PLACE[Fact(fact)], _NUMBER[name]] = weight
    return found


def _price(name: str) -> float:
    """Return the loss of each unit by which a weight of a mode departs from the prior's."""
    if name == UNKNOWN:
        return SPARSE_UNKNOWN
    return SPARSE if name in MODES and MODES[name].layer in SILENT else SPARSE_ELSEWHERE


def _flat(its: Weighing) -> Numbers:
    return np.concatenate([each.ravel() for each in its])


def _bounds(prior: Weighing) -> tuple[Weighing, Weighing]:
    """Return the least and the most of each weight; what is not learned has the prior's."""
    low = Weighing(prior.bias - HEAVIEST, prior.seen.copy(), prior.unseen.copy())
    high = Weighing(prior.bias + HEAVIEST, prior.seen.copy(), prior.unseen.copy())
    for name, signature in SIGNATURES.items():
        at = _NUMBER[name]
        its = (signature.needs | signature.may_show) - signature.rules_out
        others = [_PLACE[fact] for fact in FACTS.keys() - its - signature.rules_out - OF_COHORTS]
        low.seen[others, at] = np.minimum(prior.seen[others, at], 0.0)
        listed = [_PLACE[fact] for fact in its]
        low.seen[listed, at], high.seen[listed, at] = 0.0, HEAVIEST
        doubtful = [_PLACE[fact] for fact in signature.rules_out & ESTIMATED]
        low.seen[doubtful, at], high.seen[doubtful, at] = -HEAVIEST, LEAST_AGAINST
        may_miss = [_PLACE[fact] for fact in its - signature.needs - _NEVER_MISSED]
        low.unseen[may_miss, at], high.unseen[may_miss, at] = MISSED_AT_MOST, 0.0
    low.seen[:, _NUMBER[UNKNOWN]], high.seen[:, _NUMBER[UNKNOWN]] = -LIGHT, LIGHT
    return low, high


def _possible(rows: Sequence[Row]) -> list[tuple[Row, Numbers]]:
    """Return rows with the scores that modes have without any weight, if their own mode has one."""
    each = ((row, _offsets(row.seen, row.told, row.cause)) for row in rows)
    return [(row, offsets) for row, offsets in each if offsets[_NUMBER[row.label]] > _IMPOSSIBLE]


def _without_mode(row: Row, offsets: Numbers) -> Numbers | None:
    """Return offsets without a row's mode and those that look like it; None: no other is left."""
    if row.label not in MODES:
        return None
    left_out = [_NUMBER[name] for name in sorted(_alike(row.label, row.told))]
    found = offsets.copy()
    found[left_out] = _IMPOSSIBLE
    return found if (found[: _NUMBER[UNKNOWN]] > _IMPOSSIBLE).any() else None


@cache
def _offsets(seen: tuple[str, ...], told: tuple[str, ...], cause: str) -> Numbers:
    """Return each mode's score before any weight: what it lacks, or none."""
    facts, shown = frozenset(map(Fact, seen)), could_show(told)
    excluded = never_ends_so(Cause(cause) if cause else None, facts)
    return np.array(
        [
            _IMPOSSIBLE
            if name in excluded or contradicted(name, facts, shown)
            else -UNPROVEN * SIGNATURES[name].unknowable(shown)
            if name in SIGNATURES
            else 0.0
            for name in _NAMES
        ]
    )


@cache
def _alike(slug: str, told: tuple[str, ...]) -> frozenset[str]:
    return class_of(slug, frozenset(map(EvidenceSource, told))).slugs | {slug}


@cache
def _told_places(told: tuple[str, ...]) -> frozenset[int]:
    return frozenset(place for place, fact in enumerate(_FACTS) if FACTS[fact].told in told)


def _marks(places: Sequence[Sequence[int]], width: int) -> Any:
    """Return a sparse matrix with 1 at the places of each row."""
    lengths = np.array([0, *map(len, places)])
    columns = np.array([place for each in places for place in each], dtype=np.int32)
    ones = np.ones(len(columns))
    return sparse.csr_matrix((ones, columns, np.cumsum(lengths)), shape=(len(places), width))


def _as_json(its: Weighing, temperature: float) -> dict[str, Any]:
    """Return the weights as the monitor reads them."""
    return {
        "version": FORM,
        "made_by": COMMAND,
        "temperature": round(temperature, 4),
        "bias": {name: round(float(its.bias[0, at]), 3) for at, name in enumerate(_NAMES)},
        "seen": _by_mode(its.seen),
        "unseen": _by_mode(its.unseen),
    }


def _by_mode(weights: Numbers) -> dict[str, dict[str, float]]:
    """Return the weights that are any, by mode and fact."""
    found: dict[str, dict[str, float]] = {}
    for at, name in enumerate(_NAMES):
        column = [round(float(value), 3) for value in weights[:, at]]
        of_mode = {str(fact): value for fact, value in zip(_FACTS, column, strict=True) if value}
        if of_mode:
            found[name] = of_mode
    return found
