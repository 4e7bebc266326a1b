"""Learns how heavy each fact is, from incidents with labels.

A multinomial logistic regression over yes and no, whose structure the signatures fix: a mode has
weights for the facts that its signature lists and for no other, one that speaks for it is never
below 0, one that rules it out never above -1. What is not seen although its source was there may
speak against a mode, never for it. Each incident counts once, and each mode as much as another.
Deterministic: the same cases give the same weights.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fleet_sim.score.cases import LabelledCase, Said
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import MODES, class_of
from fleet_wire.modes.facts import FACTS, Fact

COMMAND: Final = "python -m fleet_sim.score learn"
FORM: Final = 1
STEPS: Final = 150
RATE: Final = 0.3
HELD_BACK: Final = 0.02
"""How strongly weights are drawn to what they were before anything was learned."""
FOR, NEEDED, AGAINST, MISSED = 1.0, 2.0, -4.0, -4.0
"""What weights are before anything was learned, as in `platform_probe.diagnosis.ranking`."""
LEAST_AGAINST: Final = -1.0
KEPT: Final = 4
"""Of so many seeds one is kept for the temperature."""
UNKNOWN_SHARE: Final = 0.004
"""Of the cases that are learned from so many score less than `unknown` does."""
ODD: Final = (Fact.WENT_WELL,)
"""What speaks for an unlock that only looks odd."""


class Row(NamedTuple):
    """Cases in which the same was seen of the same mode."""

    seen: tuple[str, ...]
    told: tuple[str, ...]
    label: str
    weight: float
    is_kept: bool = False
    """Of a seed that the temperature is fitted on."""


class _Weight:
    """One number to learn, with its bounds and where it began."""

    __slots__ = ("began", "high", "low", "squares", "value")

    def __init__(self, began: float, low: float, high: float) -> None:
        self.value = self.began = began
        self.low, self.high = low, high
        self.squares = 1e-6

    def step(self, gradient: float) -> None:
        """Follow the slope (Adagrad), within the bounds."""
        gradient += HELD_BACK * (self.value - self.began)
        self.squares += gradient * gradient
        moved = self.value - RATE * gradient / math.sqrt(self.squares)
        self.value = min(max(moved, self.low), self.high)


class Model:
    """All weights, by mode and fact."""

    def __init__(self) -> None:
        self.bias = {name: _Weight(0.0, -12.0, 12.0) for name in (*MODES, NOTHING_WRONG)}
        self.seen: dict[str, dict[str, _Weight]] = {NOTHING_WRONG: {}}
        self.unseen: dict[str, dict[str, _Weight]] = {NOTHING_WRONG: {}}
        for slug, mode in MODES.items():
            signature = mode.signature
            self.seen[slug] = {
                **{str(fact): _Weight(FOR, 0.0, 12.0) for fact in sorted(signature.speaks_for)},
                **{str(fact): _Weight(NEEDED, 0.0, 12.0) for fact in sorted(signature.needs)},
                **{
                    str(fact): _Weight(AGAINST, -14.0, LEAST_AGAINST)
                    for fact in sorted(signature.rules_out)
                },
            }
            self.unseen[slug] = {
                **{str(fact): _Weight(0.0, -8.0, 0.0) for fact in sorted(signature.speaks_for)},
                **{
                    str(fact): _Weight(MISSED, -12.0, LEAST_AGAINST)
                    for fact in sorted(signature.needs)
                },
            }
        for fact in ODD:
            self.seen[NOTHING_WRONG][str(fact)] = _Weight(FOR, 0.0, 12.0)
            self.unseen[NOTHING_WRONG][str(fact)] = _Weight(MISSED, -12.0, LEAST_AGAINST)

    def scores(self, row: Row) -> dict[str, float]:
        """Return the score of each mode."""
        scores: dict[str, float] = {}
        was_seen, told = frozenset(row.seen), frozenset(row.told)
        for name, bias in self.bias.items():
            score = bias.value
            of_seen = self.seen[name]
            for fact in row.seen:
                weight = of_seen.get(fact)
                if weight is not None:
                    score += weight.value
            for fact, weight in self.unseen[name].items():
                if fact not in was_seen and _TOLD[fact] in told:
                    score += weight.value
            scores[name] = score
        return scores

    def step(
        self,
        of_bias: Mapping[str, float],
        of_seen: Mapping[tuple[str, str], float],
        of_unseen: Mapping[tuple[str, str], float],
    ) -> None:
        """Follow all slopes."""
        for name, slope in of_bias.items():
            self.bias[name].step(slope)
        for (name, fact), slope in of_seen.items():
            self.seen[name][fact].step(slope)
        for (name, fact), slope in of_unseen.items():
            self.unseen[name][fact].step(slope)

    def as_json(self, *, unknown: float, temperature: float) -> dict[str, Any]:
        """Return the weights as the monitor reads them."""
        return {
            "version": FORM,
            "made_by": COMMAND,
            "temperature": round(temperature, 4),
            "bias": {
                **{name: round(weight.value, 3) for name, weight in self.bias.items()},
                UNKNOWN: round(unknown, 3),
            },
            "seen": _rounded(self.seen),
            "unseen": _rounded(self.unseen),
        }


_TOLD: Final = {str(fact): str(info.told) for fact, info in FACTS.items()}


def rows_of(cases: Iterable[LabelledCase], odd: Iterable[LabelledCase]) -> list[Row]:
    """Return what is to be learned from: one fault's cases, and odd ones with nothing wrong.

    Each incident counts once, however many unlocks it has touched, and modes count alike.
    """
    labelled: list[tuple[str, LabelledCase, Said]] = []
    for case in cases:
        if len(case.labels) == 1 and case.labels[0] in MODES:
            label = case.labels[0]
            both = (case.first, case.last)
            labelled.extend((label, case, said) for said in both if said is not None)
    labelled.extend((NOTHING_WRONG, case, case.last) for case in odd if case.last is not None)
    of_incident = Counter((label, case.incident) for label, case, _ in labelled)
    incidents = Counter(label for label, _ in of_incident)
    weights: defaultdict[tuple[tuple[str, ...], tuple[str, ...], str, bool], float]
    weights = defaultdict(float)
    for label, case, said in labelled:
        is_kept = case.seed % KEPT == KEPT - 1
        key = tuple(sorted(said.facts)), tuple(sorted(said.told)), label, is_kept
        weights[key] += 1.0 / (of_incident[label, case.incident] * incidents[label])
    return [
        Row(seen, told, label, weight, is_kept)
        for (seen, told, label, is_kept), weight in sorted(weights.items())
    ]


def learn(rows: Sequence[Row], *, steps: int = STEPS) -> dict[str, Any]:
    """Return the weights that fit the rows best, as the monitor reads them.

    The temperature is fitted on seeds that the weights have not seen by then; at last the weights
    take a few steps more, with all.
    """
    model = Model()
    kept = [row for row in rows if row.is_kept] or rows
    fit = [row for row in rows if not row.is_kept] or rows
    for _ in range(steps):
        _step(model, fit)
    temperature = min(
        (0.6 + 0.1 * number for number in range(35)), key=lambda each: _loss(model, kept, each)
    )
    for _ in range(steps // 5):
        _step(model, rows)
    highest = sorted(max(model.scores(row).values()) for row in rows)
    unknown = highest[int(len(highest) * UNKNOWN_SHARE)] - temperature if highest else 0.0
    return model.as_json(unknown=unknown, temperature=temperature)


def _step(model: Model, rows: Sequence[Row]) -> None:
    of_bias: defaultdict[str, float] = defaultdict(float)
    of_seen: defaultdict[tuple[str, str], float] = defaultdict(float)
    of_unseen: defaultdict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        seen, told = frozenset(row.seen), frozenset(row.told)
        shares = _shares(model.scores(row), 1.0)
        alike = {name for name in shares if class_of(name) == class_of(row.label)}
        right = sum(shares[name] for name in alike) or 1e-12
        for name, share in shares.items():
            wanted = share / right if name in alike else 0.0
            slope = row.weight * (share - wanted)
            if abs(slope) < 1e-9:  # noqa: PLR2004 - moves nothing
                continue
            of_bias[name] += slope
            for fact in seen & model.seen[name].keys():
                of_seen[name, fact] += slope
            for fact in model.unseen[name].keys() - seen:
                if _TOLD[fact] in told:
                    of_unseen[name, fact] += slope
    model.step(of_bias, of_seen, of_unseen)


def _loss(model: Model, rows: Sequence[Row], temperature: float) -> float:
    total = 0.0
    for row in rows:
        shares = _shares(model.scores(row), temperature)
        right = sum(
            share for name, share in shares.items() if class_of(name) == class_of(row.label)
        )
        total -= row.weight * math.log(max(right, 1e-9))
    return total


def _shares(scores: dict[str, float], temperature: float) -> dict[str, float]:
    highest = max(scores.values())
    shares = {name: math.exp((score - highest) / temperature) for name, score in scores.items()}
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _rounded(by_mode: dict[str, dict[str, _Weight]]) -> dict[str, dict[str, float]]:
    return {
        name: {fact: round(weight.value, 3) for fact, weight in weights.items()}
        for name, weights in by_mode.items()
        if weights
    }
