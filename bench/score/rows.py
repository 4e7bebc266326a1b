"""What weights are learned from: what was seen of unlocks, and which mode it was.

Each incident counts once, and each mode as much as another. An incident that only one or two
unlocks show counts less. Every second case lacks a random source, as in the field: no conclusion
follows from a source that is not there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from bench.score.cases import LabelledCase, TimedDiagnosis
from bench.score.figures import was_complained_of
from fleet_wire.contract.diagnosis import NOTHING_WRONG
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS, HEARTBEATS, EvidenceSource, Fact, shown_by
from fleet_wire.modes.mode import INSTEAD_OF, INSTEAD_OF_REASONS, INSTEAD_OF_STATE

KEPT: Final = 4
"""One in this many seeds is kept for the temperature."""
LAST_SHARE: Final = 0.5
"""Weight of the last diagnosis; all earlier ones together have the rest."""
ENOUGH: Final = 3
"""An incident of so many unlocks counts in full."""
MOST_CASES: Final = 15
"""Unlocks of an incident that are learned from, evenly among all."""
VARIANTS: Final = 1
"""Times that each row is repeated without some source; half of its weight goes to them."""
SOURCE_OF: Final = {str(fact): str(info.told) for fact, info in FACTS.items()}
_INSTEAD: Final = (
    (EvidenceSource.RECEIPTS, INSTEAD_OF),
    (EvidenceSource.REASONS, INSTEAD_OF_REASONS),
    (EvidenceSource.STATE, INSTEAD_OF_STATE),
)
_POOR: Final = (
    EvidenceSource.RECEIPTS,
    EvidenceSource.EXPIRY,
    EvidenceSource.REASONS,
    EvidenceSource.WORDS,
    EvidenceSource.STATE,
    EvidenceSource.DOORS,
    EvidenceSource.PARTS,
    EvidenceSource.VOLTAGE,
    EvidenceSource.KIND,
    EvidenceSource.TECHNOLOGY,
    EvidenceSource.EVENTS,
    *HEARTBEATS,
)
_ANSWERS_ALONE: Final = (*_POOR, EvidenceSource.PRESENCE, EvidenceSource.BROKER_LOG)
LOST: Final = (
    HEARTBEATS, (EvidenceSource.PLATFORM,), HEARTBEATS, (EvidenceSource.BROKER_LOG,),
    HEARTBEATS, (*HEARTBEATS, EvidenceSource.BROKER_LOG), (*HEARTBEATS, EvidenceSource.PLATFORM),
    _POOR, _ANSWERS_ALONE,
)  # fmt: skip
"""Sources that cases lack besides those of their incident [E]. A short observation has no
heartbeats, so these are missing most often."""


SELDOM_SHARE: Final = 0.1
"""Weight of a mode that is seldom in the field, against that of any other [E]."""


class Row(NamedTuple):
    """Cases in which the same was seen of the same mode."""

    seen: tuple[str, ...]
    told: tuple[str, ...]
    label: str
    cause: str
    """Of the record; empty: the unlock went well."""
    weight: float
    is_kept: bool = False
    """True for a seed that the temperature is fitted on."""


def rows_of(cases: Iterable[LabelledCase], odd: Iterable[LabelledCase]) -> list[Row]:
    """Return what is to be learned from: one fault's cases, and odd ones with nothing wrong.

    The last diagnosis of a case counts as much as all earlier ones together.
    """
    by_incident: defaultdict[tuple[str, str], list[LabelledCase]] = defaultdict(list)
    for label, case in _labelled(cases, odd):
        by_incident[label, case.incident].append(case)
    counted = {key: min(1.0, len(each) / ENOUGH) for key, each in by_incident.items()}
    of_label = Counter[str]()
    for (label, _), share in counted.items():
        of_label[label] += share  # type: ignore[assignment] # shares add up too
    weights: defaultdict[tuple[tuple[str, ...], tuple[str, ...], str, str, bool], float]
    weights = defaultdict(float)
    for (label, incident), each in by_incident.items():
        some = _evenly(each, MOST_CASES)
        weight = counted[label, incident] / (len(some) * of_label[label])
        weight *= SELDOM_SHARE if label in MODES and MODES[label].is_seldom else 1.0
        for case in some:
            is_kept = case.seed % KEPT == KEPT - 1
            for said, share in _moments(case):
                seen, told = tuple(sorted(said.facts)), tuple(sorted(said.told))
                weights[seen, told, label, case.cause or "", is_kept] += weight * share
    return [
        Row(seen, told, label, cause, weight, is_kept)
        for (seen, told, label, cause, is_kept), weight in sorted(weights.items())
    ]


def with_losses(rows: Sequence[Row]) -> list[Row]:
    """Return rows as they are, and also without sources that may be missing."""
    weights: defaultdict[Row, float] = defaultdict(float)
    for number, row in enumerate(rows):
        weights[row._replace(weight=0.0)] += row.weight / 2
        for each in range(VARIANTS):
            poorer = without(row, LOST[(number * VARIANTS + each) % len(LOST)])
            weights[poorer._replace(weight=0.0)] += row.weight / (2 * VARIANTS)
    return [row._replace(weight=weight) for row, weight in weights.items()]


@cache
def could_show(told: tuple[str, ...]) -> frozenset[Fact]:
    """Return the facts that evidence from these sources could show."""
    return shown_by(frozenset(map(EvidenceSource, told)))


def without(row: Row, lost: tuple[EvidenceSource, ...]) -> Row:
    """Return what would have been seen if sources had not been there."""
    if not lost:
        return row
    seen = {fact for fact in row.seen if SOURCE_OF[fact] not in lost}
    for source, instead_of in _INSTEAD:
        if source in lost:
            seen |= {fact for fact, each in instead_of.items() if not each.isdisjoint(row.seen)}
    told = tuple(source for source in row.told if source not in lost)
    return row._replace(seen=tuple(sorted(seen)), told=told)


def _labelled(
    cases: Iterable[LabelledCase], odd: Iterable[LabelledCase]
) -> Iterator[tuple[str, LabelledCase]]:
    for case in cases:
        if len(case.labels) == 1 and case.labels[0] in MODES and case.last is not None:
            yield case.labels[0], case
    for case in odd:
        if case.last is not None and not was_complained_of(case):
            yield NOTHING_WRONG, case


def _evenly(cases: Sequence[LabelledCase], most: int) -> Sequence[LabelledCase]:
    number = min(len(cases), most)
    return [cases[place * len(cases) // number] for place in range(number)]


def _moments(case: LabelledCase) -> list[tuple[TimedDiagnosis, float]]:
    """Return what was said of a case at different times, and how much each counts."""
    assert case.last is not None  # noqa: S101 - the caller has looked
    before = [said for said in (case.first, *case.between) if said and said is not case.last]
    if not before:
        return [(case.last, 1.0)]
    share = (1.0 - LAST_SHARE) / len(before)
    return [(case.last, LAST_SHARE), *((said, share) for said in before)]
