"""How well each conjunction of traits explains which attempts failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter
from typing import Final

from platform_probe.judge.diagnosis.cohorts.counts import MISSING, Leaf, Values

MOST_TRAITS: Final = 3
"""Traits in a conjunction, at most."""
LEAST_FAILURES: Final = 2.0
"""The fewest failures of a named cohort, as evidence: those of two cars."""
_COST_OF_RATE: Final = 2.5
"""Nats that a rate of its own must earn besides. Tuned on the incidents of seed 1 of
`python -m bench.cohorts`."""
NOTHING: Final = 1e-6
"""Attempts, as evidence, that are left where all were subtracted."""

Key = tuple[tuple[int, str], ...]
"""A conjunction: places of traits, ascending, and their values."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Attempts and failures of the window as evidence, and failures if all were as before."""

    attempts: float
    failures: float
    expected: float

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.attempts - other.attempts,
            self.failures - other.failures,
            self.expected - other.expected,
        )

    @property
    def surprise(self) -> float:
        """How many nats likelier their own rate makes these failures than the rate before."""
        return surprise(self.attempts, self.failures, self.expected)

    @property
    def excess(self) -> float:
        """Failures more than expected, as a share of the attempts."""
        return (self.failures - self.expected) / self.attempts


def surprise(attempts: float, failures: float, expected: float) -> float:
    """Return the log likelihood ratio of a binomial rate: as it is, against as expected."""
    if attempts < NOTHING:
        return 0.0
    likely = min(max(expected, 1e-6 * attempts), (1.0 - 1e-6) * attempts)
    opened = attempts - failures
    nats = 0.0
    if failures > NOTHING:
        nats += failures * math.log(failures / likely)
    if opened > NOTHING:
        nats += opened * math.log(opened / (attempts - likely))
    return nats


@dataclass(frozen=True, slots=True)
class Candidate:
    """A conjunction, what it holds, and the nats by which it beats "no cohort"."""

    key: Key
    inside: Sums
    known: Sums
    """All attempts of which it is known whether they are inside."""
    score: float

    @property
    def outside(self) -> Sums:
        """What is known to be elsewhere."""
        return self.known - self.inside


def total_of(leaves: Sequence[Leaf]) -> Sums:
    """Return the sums of all leaves."""
    return Sums(
        sum(leaf.attempts for leaf in leaves),
        sum(leaf.failures for leaf in leaves),
        sum(leaf.expected for leaf in leaves),
    )


def scan(leaves: Sequence[Leaf]) -> dict[Key, Candidate]:
    """Return every conjunction in which more fail than elsewhere and than before.

    Its score is a likelihood ratio: two rates, inside and elsewhere, against one rate of all. The
    cost of the conjunction, as one of many, is subtracted.
    """
    total = total_of(leaves)
    choices = [len({leaf.values[place] for leaf in leaves}) for place in range(_width(leaves))]
    merged = _merge_rare(leaves)
    candidates = {}
    for size in range(1, MOST_TRAITS + 1):
        for places in combinations(range(len(choices)), size):
            cost = (
                math.log(math.comb(len(choices), size))
                + sum(math.log(choices[place]) for place in places)
                + _COST_OF_RATE
            )
            groups = _groups(merged, places)
            partial = [one for one in groups.items() if None in one[0]]
            for values, inside in groups.items():
                if None in values or MISSING in values:
                    continue
                known = total
                for unknown, sums in partial:
                    if _may_be(unknown, values):
                        known -= sums
                gain = _gain(inside, known)
                if gain is not None:
                    key = tuple(zip(places, map(str, values), strict=True))
                    candidates[key] = Candidate(key, inside, known, gain - cost)
    return candidates


def _width(leaves: Sequence[Leaf]) -> int:
    return len(leaves[0].values) if leaves else 0


def _gain(inside: Sums, total: Sums) -> float | None:
    """Return the nats of a rate of its own; None where fewer fail than elsewhere or before."""
    if inside.failures < LEAST_FAILURES or inside.failures <= inside.expected:
        return None
    alike = _if_all_alike(inside, total)
    if inside.failures <= alike:
        return None
    outside = total - inside
    return surprise(inside.attempts, inside.failures, alike) + surprise(
        outside.attempts, outside.failures, total.failures - alike
    )


def _if_all_alike(inside: Sums, total: Sums) -> float:
    """Return how many fail inside, if one thing struck all attempts alike.

    A fault adds its risk to the earlier one, in a bad place as in a good one. If fewer fail than
    before, all risks are smaller by the same factor.
    """
    if total.failures < total.expected:
        return inside.expected * total.failures / total.expected
    added = (total.failures - total.expected) / (total.attempts - total.expected)
    return inside.expected + added * (inside.attempts - inside.expected)


def _merge_rare(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return fewer leaves: values with too few failures to name any cohort become `MISSING`."""
    failures: list[dict[str | None, float]] = [{} for _ in range(_width(leaves))]
    for leaf in leaves:
        if leaf.failures:
            for sums, value in zip(failures, leaf.values, strict=True):
                sums[value] = sums.get(value, 0.0) + leaf.failures
    named: list[dict[str | None, str | None]] = [
        {value: value for value, count in sums.items() if value is None or count >= LEAST_FAILURES}
        | {None: None}
        for sums in failures
    ]
    merged: dict[Values, Leaf] = {}
    for leaf in leaves:
        pairs = zip(named, leaf.values, strict=True)
        values = tuple(names.get(value, MISSING) for names, value in pairs)
        into = merged.get(values)
        if into is None:
            into = merged[values] = Leaf(values)
        into.attempts += leaf.attempts
        into.failures += leaf.failures
        into.expected += leaf.expected
    return list(merged.values())


def _may_be(unknown: Values, values: Values) -> bool:
    """Return whether attempts that lack some of these values may have them all."""
    return all(one in (None, value) for one, value in zip(unknown, values, strict=True))


def _groups(leaves: Sequence[Leaf], places: tuple[int, ...]) -> dict[Values, Sums]:
    """Return the sums of each combination of values of these traits."""
    pick = itemgetter(*places)
    groups: dict[object, list[float]] = {}
    for leaf in leaves:
        key = pick(leaf.values)
        sums = groups.get(key)
        if sums is None:
            groups[key] = [leaf.attempts, leaf.failures, leaf.expected]
        else:
            sums[0] += leaf.attempts
            sums[1] += leaf.failures
            sums[2] += leaf.expected
    return {key if isinstance(key, tuple) else (key,): Sums(*sums) for key, sums in groups.items()}
