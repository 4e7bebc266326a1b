"""Learns how heavy each fact is, from incidents with labels.

A multinomial logistic regression over yes and no; the signatures fix its structure. A supporting
fact never weighs less than 0, and a fact that rules a mode out never more than -1. An unlisted fact
weighs at most `LIGHT` either way: it may tip the scales, and decides nothing. An unlisted fact
about the affected cohort (`OF_COHORTS`) weighs nothing. What is not seen although its source was
there may speak against a mode, never for it. Each incident counts once, and each mode as much as
another. Every second case lacks a random source, as in the field: no conclusion follows from a
source that is not there. Deterministic: the same cases give the same weights.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

from bench.score.adam import Matrix, Vector
from bench.score.cases import LabelledCase, TimedDiagnosis
from bench.score.figures import was_complained_of
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import MODES, SIGNATURES
from fleet_wire.modes.facts import FACTS, HEARTBEATS, EvidenceSource, Fact
from fleet_wire.modes.mode import (
    AGAINST,
    FOR,
    INSTEAD_OF,
    INSTEAD_OF_REASONS,
    INSTEAD_OF_STATE,
    LEAST_AGAINST,
    LIGHT,
    MISSED,
    NEEDED,
    OF_COHORTS,
)
from fleet_wire.randomness import RandomStream

COMMAND: Final = "python -m bench.score learn"
FORM: Final = 1
STEPS: Final = 800
BATCH: Final = 3_000
"""Cases of a step, drawn by their weight."""
HELD_BACK: Final = 2e-5
"""How strongly weights are drawn to what they were before anything was learned."""
LEAST_MISSED: Final = -6.0
"""The least that it speaks against a mode when something is not seen that it needs."""
MISSED_AT_MOST: Final = -2.5
"""The most that it speaks against a mode when something is not seen that it may show."""
KEPT: Final = 4
"""One in this many seeds is kept for the temperature."""
UNKNOWN_SHARE: Final = 0.004
"""Share of the training cases that score less than `unknown` does."""
MORE_HEALTHY: Final = 1.2
"""Nothing wrong is by so much likelier than it counts among modes, which count alike [E]."""
LAST_SHARE: Final = 0.5
"""Weight of the last diagnosis; all earlier ones together have the rest."""
_NAMES: Final = (*MODES, NOTHING_WRONG)
_NUMBER: Final = {name: number for number, name in enumerate(_NAMES)}
_FACTS: Final = tuple(str(fact) for fact in FACTS)
_PLACE: Final = {fact: place for place, fact in enumerate(_FACTS)}
_SOURCE: Final = {str(fact): str(info.told) for fact, info in FACTS.items()}
_INSTEAD: Final = (
    (EvidenceSource.RECEIPTS, INSTEAD_OF),
    (EvidenceSource.REASONS, INSTEAD_OF_REASONS),
    (EvidenceSource.STATE, INSTEAD_OF_STATE),
)
_SEEN_INSTEAD: Final = INSTEAD_OF.keys() | INSTEAD_OF_REASONS.keys()
"""Facts that cannot be seen while the source is there."""
_SEEN_LATER: Final = OF_COHORTS | {Fact.MANY_FAIL, Fact.SOME_FAIL}
"""While the first unlocks fail of something no others do yet: that is no sign of another mode."""
_OF_SOME: Final = frozenset({Fact.RELOCKED_AT_ONCE})
"""Cars lock themselves after 3 s or after 120 s: of others than the first nothing follows."""
_POOR: Final = (
    EvidenceSource.RECEIPTS,
    EvidenceSource.REASONS,
    EvidenceSource.STATE,
    EvidenceSource.KIND,
    EvidenceSource.EVENTS,
    *HEARTBEATS,
)
LOST: Final = (
    *((),) * 8, *(HEARTBEATS,) * 3, (EvidenceSource.PLATFORM,), (EvidenceSource.BROKER_LOG,),
    (*HEARTBEATS, EvidenceSource.BROKER_LOG), (*HEARTBEATS, EvidenceSource.PLATFORM), _POOR,
)  # fmt: skip
"""Sources that cases lack besides those of their incident, drawn anew each time; half of the time
none [E]. A short observation has no heartbeats, so these are missing most often."""


class Row(NamedTuple):
    """Cases in which the same was seen of the same mode."""

    seen: tuple[str, ...]
    told: tuple[str, ...]
    label: str
    weight: float
    is_kept: bool = False
    """True for a seed that the temperature is fitted on."""


class Model:
    """All weights, by fact and mode."""

    def __init__(self) -> None:
        modes = len(_NAMES)
        self.bias = Vector([0.0] * modes, [-12.0] * modes, [12.0] * modes)
        self.seen = Matrix(len(_FACTS), modes, low=-LIGHT, high=LIGHT)
        self.unseen = Matrix(len(_FACTS), modes, low=0.0, high=0.0)
        for at, name in enumerate(_NAMES):
            needs, speaks_for, rules_out = _signature_facts(name)
            for where in sorted(OF_COHORTS):
                self.seen.set_start(_PLACE[where], at, 0.0, 0.0, 0.0)
            for fact in sorted(speaks_for):
                self.seen.set_start(_PLACE[fact], at, FOR, 0.0, 12.0)
                if fact not in _SEEN_INSTEAD | _SEEN_LATER | _OF_SOME:
                    self.unseen.set_start(_PLACE[fact], at, 0.0, MISSED_AT_MOST, 0.0)
            for fact in sorted(needs):
                self.seen.set_start(_PLACE[fact], at, NEEDED, 0.0, 12.0)
                self.unseen.set_start(_PLACE[fact], at, MISSED, -12.0, LEAST_MISSED)
            for fact in sorted(rules_out):
                self.seen.set_start(_PLACE[fact], at, AGAINST, -14.0, LEAST_AGAINST)

    def nothing_seen(self, told: frozenset[str]) -> list[float]:
        """Return each mode's score where nothing was seen, though these sources were there."""
        columns = [
            self.unseen.columns[place] for place, fact in enumerate(_FACTS) if _SOURCE[fact] in told
        ]
        return [sum(each) for each in zip(self.bias.values, *columns, strict=True)]

    def columns(self, told: frozenset[str]) -> list[list[float]]:
        """Return what each fact adds to each mode's score when it is seen."""
        return [
            [seen - unseen for seen, unseen in zip(*pair, strict=True)]
            if _SOURCE[fact] in told
            else pair[0]
            for fact, pair in zip(
                _FACTS, zip(self.seen.columns, self.unseen.columns, strict=True), strict=True
            )
        ]

    def as_json(self, *, unknown: float, temperature: float) -> dict[str, Any]:
        """Return the weights as the monitor reads them."""
        bias = dict(zip(_NAMES, (round(value, 3) for value in self.bias.values), strict=True))
        bias[NOTHING_WRONG] = round(bias[NOTHING_WRONG] + MORE_HEALTHY, 3)
        return {
            "version": FORM,
            "made_by": COMMAND,
            "temperature": round(temperature, 4),
            "bias": {**bias, UNKNOWN: round(unknown, 3)},
            "seen": _by_mode(self.seen),
            "unseen": _by_mode(self.unseen),
        }


class _Scoring:
    """Scores of many rows by weights that stay as they are meanwhile."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._of_told: dict[tuple[str, ...], tuple[list[float], list[list[float]]]] = {}

    def scores(self, seen: Sequence[str], told: tuple[str, ...]) -> list[float]:
        """Return the score of each mode."""
        known = self._of_told.get(told)
        if known is None:
            sources = frozenset(told)
            known = self._model.nothing_seen(sources), self._model.columns(sources)
            self._of_told[told] = known
        before, columns = known
        return [sum(each) for each in zip(before, *(columns[_PLACE[f]] for f in seen), strict=True)]


def rows_of(cases: Iterable[LabelledCase], odd: Iterable[LabelledCase]) -> list[Row]:
    """Return what is to be learned from: one fault's cases, and odd ones with nothing wrong.

    Each incident counts once, however many unlocks it has touched, and modes count alike. The last
    diagnosis of a case counts as much as all earlier ones together.
    """
    labelled: list[tuple[str, LabelledCase]] = [
        (case.labels[0], case)
        for case in cases
        if len(case.labels) == 1 and case.labels[0] in MODES and case.last is not None
    ]
    labelled.extend(
        (NOTHING_WRONG, case)
        for case in odd
        if case.last is not None and not was_complained_of(case)
    )
    of_incident = Counter((label, case.incident) for label, case in labelled)
    incidents = Counter(label for label, _ in of_incident)
    weights: defaultdict[tuple[tuple[str, ...], tuple[str, ...], str, bool], float]
    weights = defaultdict(float)
    for label, case in labelled:
        is_kept = case.seed % KEPT == KEPT - 1
        weight = 1.0 / (of_incident[label, case.incident] * incidents[label])
        for said, share in _moments(case):
            key = tuple(sorted(said.facts)), tuple(sorted(said.told)), label, is_kept
            weights[key] += weight * share
    return [
        Row(seen, told, label, weight, is_kept)
        for (seen, told, label, is_kept), weight in sorted(weights.items())
    ]


def _moments(case: LabelledCase) -> list[tuple[TimedDiagnosis, float]]:
    """Return what was said of a case at different times, and how much each counts."""
    assert case.last is not None  # noqa: S101 - the caller has looked
    before = [said for said in (case.first, *case.between) if said and said is not case.last]
    if not before:
        return [(case.last, 1.0)]
    share = (1.0 - LAST_SHARE) / len(before)
    return [(case.last, LAST_SHARE), *((said, share) for said in before)]


def learn(rows: Sequence[Row], *, steps: int = STEPS) -> dict[str, Any]:
    """Return the weights that fit the rows best, as the monitor reads them.

    The temperature is fitted on seeds that the weights have not seen by then; at last the weights
    take a few steps more, with all.
    """
    model, stream = Model(), RandomStream.named(0, "score/learn")
    kept = [row for row in rows if row.is_kept] or rows
    fit = [row for row in rows if not row.is_kept] or rows
    _follow(model, fit, steps, stream)
    scored = [
        (_Scoring(model).scores(row.seen, row.told), row)
        for row in (_without(row, LOST[number % len(LOST)]) for number, row in enumerate(kept))
    ]
    temperature = min(
        (0.6 + 0.1 * number for number in range(35)), key=lambda each: _loss(scored, each)
    )
    _follow(model, rows, steps // 4, stream)
    scoring = _Scoring(model)
    highest = sorted(max(scoring.scores(row.seen, row.told)) for row in rows)
    unknown = highest[int(len(highest) * UNKNOWN_SHARE)] - temperature if highest else 0.0
    return model.as_json(unknown=unknown, temperature=temperature)


def _follow(model: Model, rows: Sequence[Row], steps: int, stream: RandomStream) -> None:
    """Follow the slopes, faster at first."""
    until = [*accumulate(row.weight for row in rows)]
    number = min(BATCH, 4 * len(rows))
    for step in range(steps):
        batch = Counter[Row]()
        for _ in range(number):
            row = rows[min(bisect(until, stream.uniform() * until[-1]), len(rows) - 1)]
            batch[_without(row, LOST[stream.index(len(LOST))])] += 1
        _step(model, batch, rate=min(1.0, 2.0 * (1.0 - step / steps) + 0.02))


def _without(row: Row, lost: tuple[EvidenceSource, ...]) -> Row:
    """Return what would have been seen if sources had not been there."""
    if not lost:
        return row
    seen = {fact for fact in row.seen if _SOURCE[fact] not in lost}
    for source, instead_of in _INSTEAD:
        if source in lost:
            seen |= {fact for fact, each in instead_of.items() if not each.isdisjoint(row.seen)}
    told = tuple(source for source in row.told if source not in lost)
    return row._replace(seen=tuple(sorted(seen)), told=told)


def _step(model: Model, rows: Counter[Row], *, rate: float) -> None:
    """Update the model by one step over rows, each weighted by its number of draws."""
    scoring, modes = _Scoring(model), len(_NAMES)
    of_told: dict[tuple[str, ...], list[float]] = {}
    of_seen: dict[tuple[str, bool], list[float]] = {}
    for row, times in rows.items():
        slopes = [times * each for each in _slopes(scoring.scores(row.seen, row.told), row.label)]
        known = of_told.get(row.told)
        of_told[row.told] = slopes if known is None else _sum(known, slopes)
        for fact in row.seen:
            key = fact, _SOURCE[fact] in row.told
            known = of_seen.get(key)
            of_seen[key] = slopes if known is None else _sum(known, slopes)
    share, nothing = 1.0 / rows.total(), [0.0] * modes
    total = nothing
    by_source = {str(source): nothing for source in EvidenceSource}
    for told, slopes in of_told.items():
        total = _sum(total, slopes)
        for source in told:
            by_source[source] = _sum(by_source[source], slopes)
    model.bias.step([slope * share for slope in total], rate=rate, held_back=0.0)
    seen, unseen = [], []
    for fact in _FACTS:
        with_source = of_seen.get((fact, True), nothing)
        seen.append([s * share for s in _sum(with_source, of_seen.get((fact, False), nothing))])
        there = by_source[_SOURCE[fact]]
        unseen.append([(a - b) * share for a, b in zip(there, with_source, strict=True)])
    model.seen.step(seen, rate=rate, held_back=HELD_BACK)
    model.unseen.step(unseen, rate=rate, held_back=HELD_BACK)


def _sum(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _slopes(scores: Sequence[float], label: str) -> list[float]:
    """Return each mode's share, less what it should be."""
    shares = _shares(scores, 1.0)
    shares[_NUMBER[label]] -= 1.0
    return shares


def _loss(scored: Iterable[tuple[Sequence[float], Row]], temperature: float) -> float:
    total = 0.0
    for scores, row in scored:
        shares = _shares(scores, temperature)
        total -= row.weight * math.log(max(shares[_NUMBER[row.label]], 1e-9))
    return total


def _shares(scores: Sequence[float], temperature: float) -> list[float]:
    highest = max(scores)
    shares = [math.exp((score - highest) / temperature) for score in scores]
    total = sum(shares)
    return [share / total for share in shares]


def _signature_facts(name: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return what a mode needs, what speaks for it and what rules it out."""
    signature = SIGNATURES[name]
    rules_out = frozenset(map(str, signature.rules_out))
    needs = frozenset(map(str, signature.needs)) - rules_out
    speaks_for = frozenset(map(str, signature.speaks_for)) - needs - rules_out
    return needs, speaks_for, rules_out


def _by_mode(matrix: Matrix) -> dict[str, dict[str, float]]:
    """Return the weights that are any, by mode and fact."""
    found: dict[str, dict[str, float]] = {}
    for at, name in enumerate(_NAMES):
        of_mode = {
            fact: value
            for place, fact in enumerate(_FACTS)
            if (value := round(matrix.columns[place][at], 3))
        }
        if of_mode:
            found[name] = of_mode
    return found
