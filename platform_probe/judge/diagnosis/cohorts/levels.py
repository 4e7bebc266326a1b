"""Which level of a cohort is right: the child, or the parent whose other children fail too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from platform_probe.judge.diagnosis.cohorts.counts import MISSING, Leaf
from platform_probe.judge.diagnosis.cohorts.scan import (
    MOST_TRAITS,
    NOTHING,
    Candidate,
    Key,
    Sums,
    surprise,
)

LEAST_LIKENESS: Final = 0.2
"""The part of a child's excess that the rest of a parent must have to fail too.

A smaller one may be an echo, such as boxes that come back together. Tuned as OF_ONE_KIND.
"""
EVIDENCE: Final = 4.0
"""Nats by which the rest of a parent must fail on its own for even odds. Tuned as OF_ONE_KIND."""


def settle_levels(
    mass: dict[Key, float],
    candidates: Mapping[Key, Candidate],
    *,
    leaves: Sequence[Leaf],
) -> None:
    """Move probability from the likeliest conjunction to its parents, while their rest fails too.

    A single rate for a whole cohort is too strict. A fault hits some kinds harder, and the hardest
    hit alone would then explain most. A healthy rest leaves the child as it is.
    """
    if not mass:
        return
    child = max(mass, key=mass.__getitem__)
    while (step := _step_up(child, candidates, leaves=leaves)) is not None:
        parent, evidence = step
        moved = mass[child] / (1.0 + math.exp(EVIDENCE - evidence))
        mass[parent] = mass.get(parent, 0.0) + moved
        mass[child] -= moved
        if mass[parent] <= mass[child]:
            return
        child = parent


def _step_up(
    child: Key, candidates: Mapping[Key, Candidate], *, leaves: Sequence[Leaf]
) -> tuple[Key, float] | None:
    """Return the best parent whose rest fails too, and the evidence of that rest."""
    inside = candidates[child].inside
    best: tuple[Key, float] | None = None
    for parent in _parents(child, leaves):
        candidate = candidates.get(parent)
        if candidate is None:
            continue
        evidence = _rest_fails(candidate.inside - inside, inside, candidate.outside)
        if evidence is not None and (best is None or candidate.score > candidates[best[0]].score):
            best = parent, evidence
    return best


def _parents(child: Key, leaves: Sequence[Leaf]) -> list[Key]:
    """Return conjunctions that hold all of the child's attempts, by whatever names it has."""
    inside = [leaf.values for leaf in leaves if is_in(child, leaf.values)]
    shared = [
        (place, first)
        for place, first in enumerate(inside[0])
        if first not in (None, MISSING) and all(values[place] == first for values in inside)
    ]
    return [
        key
        for size in range(1, MOST_TRAITS + 1)
        for key in combinations(shared, size)
        if key != child
    ]


def is_in(key: Key, values: Sequence[str | None]) -> bool:
    """Return whether attempts of these values are in the conjunction."""
    return all(values[place] == value for place, value in key)


def is_outside_cohort(key: Key, values: Sequence[str | None]) -> bool:
    """Return whether attempts of these values are known not to be in the conjunction."""
    return any(values[place] not in (None, value) for place, value in key)


def _rest_fails(rest: Sums, child: Sums, outside: Sums) -> float | None:
    """Return the nats by which a parent's rest fails more than what is outside; None if not."""
    if rest.attempts < NOTHING:
        return None
    ratio = outside.failures / outside.expected if outside.expected > 0.0 else 1.0
    expected = min(rest.expected * max(1.0, ratio), 0.95 * rest.attempts)
    if (rest.failures - expected) / rest.attempts < LEAST_LIKENESS * child.excess:
        return None
    return surprise(rest.attempts, rest.failures, expected)
