"""What each mode may show: the facts that incidents of it have shown, at any moment.

A fact is listed if it was seen in `LEAST` of what its source could show of the mode, and there at
least as often as of other modes on average. Each incident counts once, and each mode as much as
another. Whom failures strike is left out: whoever draws an incident chooses it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from bench.score.cases import LabelledCase
from bench.score.rows import could_show
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import CHOSEN

LEAST: Final = 0.02
"""Least share of a mode's evidence in which a fact was seen [E]."""


def facts_shown(cases: Iterable[LabelledCase]) -> dict[str, list[Fact]]:
    """Return the facts that each mode may show, by cases that one fault alone touched."""
    by_incident: defaultdict[tuple[str, str], list[LabelledCase]] = defaultdict(list)
    for case in cases:
        if len(case.labels) == 1 and case.labels[0] in MODES:
            by_incident[case.labels[0], case.incident].append(case)
    shares: dict[str, defaultdict[Fact, list[float]]] = {slug: defaultdict(list) for slug in MODES}
    for (slug, _), its in by_incident.items():
        for fact, share in _shares_in(its).items():
            shares[slug][fact].append(share)
    means = {
        slug: {fact: sum(each) / len(each) for fact, each in its.items()}
        for slug, its in shares.items()
    }
    return {
        slug: sorted(
            fact
            for fact, share in its.items()
            if fact not in CHOSEN and share >= max(LEAST, _elsewhere(means, slug, fact))
        )
        for slug, its in means.items()
    }


def _shares_in(cases: Iterable[LabelledCase]) -> dict[Fact, float]:
    """Return the share of an incident's evidence in which each fact was seen, of what could be."""
    seen, possible = Counter[Fact](), Counter[Fact]()
    for case in cases:
        moments = (each for each in (case.first, *case.between, case.last) if each is not None)
        for facts, told in {(each.facts, each.told) for each in moments}:
            its = frozenset(map(Fact, facts))
            seen.update(its)
            possible.update(its | could_show(told))
    return {fact: seen[fact] / number for fact, number in possible.items()}


def _elsewhere(means: Mapping[str, Mapping[Fact, float]], slug: str, fact: Fact) -> float:
    """Return the mean share of a fact over the other modes whose evidence could show it."""
    others = [its[fact] for other, its in means.items() if other != slug and fact in its]
    return sum(others) / max(len(others), 1)
